// A mail gateway on a wire, played from SMTP scripts: octets go in, verdicts come out.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/detect/judge.h"
#include "agent/mail/message_readers.h"
#include "agent/net/stream_chunk.h"
#include "agent/report/report.h"
#include "agent/report/tally.h"
#include "agent/smtp/sessions.h"
#include "tests/support/make_transaction.h"

namespace backscatter {

// Noon of a day that is 785 modulo 1000: the BATV tags of day 788 are good.
inline constexpr PacketTime kNoon = 20'785 * kDay + 12 * kHour;

// What a client does with a body.
enum class Body : std::uint8_t {
  kData,
  kPipelinedData,  // DATA together with MAIL and RCPT, as Postfix and Exim do
  kBdat,           // one chunk with the message, together with MAIL and RCPT
  kNone,           // no DATA, no BDAT
};

enum class End : std::uint8_t {
  kQuit,
  kRset,    // RSET, then QUIT
  kClose,   // FIN
  kReset,   // RST
  kCutOff,  // the capture ends
};

// One transaction of a session. A RCPT without a reply of its own gets the last one of the list.
struct Letter {
  std::string from = {};  // empty: the null sender
  std::vector<std::string> to = {"anna@ours.example"};
  std::string text = {};  // the message, without the final dot
  Body body = Body::kData;
  std::vector<std::string> rcpt_replies = {"250 2.1.5 ok"};
  std::string mail_parameters = {};
  std::string data_reply = "354 go on";
  std::string final_reply = "250 2.0.0 taken";
  End end = End::kQuit;
  std::string helo = "mta.far.example";
};

// A mail of ours on its way out, as mx.ours.example sends it. Its queue id is "Q" and what stands
// before the `@` of the Message-ID.
Letter OwnMail(const std::string& message_id, std::string from = "anna@ours.example",
               std::string to = "joe@far.example");

// A message to us from nobody.
Letter FromNobody(std::string text, std::vector<std::string> to = {"anna@ours.example"});

// DATA, or BDAT with its message, pipelined behind a RCPT that is refused.
Letter RefusedData(const char* reply = "550 5.1.1 no such user");
Letter RefusedBdat(std::string text, const char* reply = "550 5.1.1 no such user");

struct GatewayOptions {
  std::vector<std::string> networks = {"192.0.2.0/24"};
  std::vector<std::string> relays = {};
  BatvKeys batv_keys = {};
  std::vector<std::string> srs_domains = {};
  std::vector<std::string> verp_patterns = {};
  PacketTime min_history = 0;
  double min_coverage = 0.95;
  bool feed_tells_all = false;
  bool read_all = false;
  std::size_t capture_bytes = 65536;
  PacketTime start = kNoon;
};

class FloodsOf final : public FloodView {
 public:
  explicit FloodsOf(std::set<std::string> targets) : targets_(std::move(targets)) {}
  bool IsFlooded(std::string_view target) const override {
    return targets_.contains(std::string(target));
  }

 private:
  const std::set<std::string> targets_;
};

// The gateway is mx.ours.example, 192.0.2.25; everybody else is somewhere far away. Its clock
// stands still unless a test moves it. Answers are "verdict confidence reason", then "solicited" or
// "unsolicited" where that is known, then "retry"; several transactions are joined by " | ".
class Gateway : public JudgedTransactionSink {
 public:
  struct Seen {
    MailDirection direction;
    Judgement judgement;
    std::string text;
  };

  explicit Gateway(GatewayOptions options = {});

  Gateway& At(PacketTime time) {
    now_ = time;
    return *this;
  }
  Gateway& Pass(PacketTime time) { return At(now_ + time); }
  PacketTime now() const { return now_; }

  std::string Receive(const Letter& letter, std::string_view from = "198.51.100.7");
  std::string Send(const Letter& letter, std::string_view to = "203.0.113.9");
  std::string Submit(const Letter& letter, std::uint16_t port = 587,
                     std::string_view from = "198.51.100.77");
  std::string Between(const Endpoint& client, const Endpoint& server, const Letter& letter);
  // An outbound session that goes TLS, and an outbound one in clear without a mail.
  std::string SendEncrypted(std::string_view to = "203.0.113.9");
  std::string SendNothing(std::string_view to = "203.0.113.9");
  // What a mail log told (sent.feed).
  void Feed(const SentMail& mail) { sent_.Add(mail); }

  class Talk;  // for shapes that a Letter does not have

  void SetFloods(const FloodView* floods) { judge_.SetFloods(floods); }
  const std::vector<Seen>& seen() const { return seen_; }
  const Seen& last() const { return seen_.back(); }
  // All that was counted.
  Report Counted();

  void OnTransaction(const JudgedTransaction& judged) override;
  void OnSession(const SessionSummary& session) override { tally_.OnSession(session); }

 private:
  std::string TextsSince(std::size_t first) const;

  Ledger ledger_;
  SentLedger sent_;
  SentCoverage coverage_;
  Tally tally_;
  Judge judge_;
  MessageReaders readers_;
  Sessions sessions_;
  PacketTime now_;
  std::vector<Seen> seen_;
};

// One connection, chunk by chunk.
class Gateway::Talk {
 public:
  Talk(Gateway& gateway, const Endpoint& client, const Endpoint& server);
  // From far away to us.
  explicit Talk(Gateway& gateway);
  Talk& C(std::string_view text) { return Play(Direction::kFromClient, text, 0); }
  Talk& S(std::string_view text) { return Play(Direction::kFromServer, text, 0); }
  Talk& CLost(std::uint64_t octets, std::string_view text) {
    return Play(Direction::kFromClient, text, octets);
  }
  // A greeting, the null sender and an accepted recipient.
  Talk& Open();
  // Ends it; returns what became of its transactions.
  std::string Close(CloseReason reason = CloseReason::kFin);

 private:
  Talk& Play(Direction direction, std::string_view text, std::uint64_t lost);

  Gateway& gateway_;
  ConnectionInfo info_;
  std::uint64_t next_[2] = {0, 0};
  std::size_t first_;
};

// Has sent sent-1@ours.example from anna@ours.example to joe@far.example, in clear: what it does
// not know was not sent.
class CoveredGateway : public Gateway {
 public:
  explicit CoveredGateway(GatewayOptions options = {}) : Gateway(std::move(options)) {
    Send(OwnMail("sent-1@ours.example"));
  }
};

}  // namespace backscatter
