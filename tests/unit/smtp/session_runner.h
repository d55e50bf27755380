// Plays one dialogue, chunk by chunk, and keeps what came of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/net/stream_chunk.h"
#include "agent/smtp/sessions.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

class SessionRunner : public TransactionSink {
 public:
  explicit SessionRunner(std::vector<IpNetwork> trusted = {}, BodyReaders* readers = nullptr)
      : sessions_(std::move(trusted), &ledger_, this, readers) {
    info_.client = {*IpAddress::Parse("198.51.100.7"), 40000};
    info_.server = {*IpAddress::Parse("192.0.2.25"), 25};
    info_.on_smtp_port = true;
    info_.start_seen[0] = info_.start_seen[1] = true;
    info_.packets_seen[1] = true;  // its SYN-ACK
  }

  // Each call is one chunk; its sender had everything that was played before.
  SessionRunner& C(std::string_view text) { return Play(Direction::kFromClient, text, 0); }
  SessionRunner& S(std::string_view text) { return Play(Direction::kFromServer, text, 0); }
  // The same behind lost bytes.
  SessionRunner& CLost(std::uint64_t lost, std::string_view text = {}) {
    return Play(Direction::kFromClient, text, lost);
  }
  // The same behind bytes that the kernel program left out.
  SessionRunner& CCut(std::uint64_t cut, std::string_view text = {}) {
    left_out_ = true;
    Play(Direction::kFromClient, text, cut);
    left_out_ = false;
    return *this;
  }
  SessionRunner& SLost(std::uint64_t lost, std::string_view text = {}) {
    return Play(Direction::kFromServer, text, lost);
  }
  // A client chunk that was sent before the last server chunk arrived.
  SessionRunner& CCrossing(std::string_view text) {
    return Play(Direction::kFromClient, text, 0, last_server_start_);
  }
  SessionRunner& Close(CloseReason reason = CloseReason::kFin) {
    sessions_.OnClose(info_, reason, now_);
    return *this;
  }
  SessionRunner& MidStream() {
    info_.start_seen[0] = info_.start_seen[1] = false;
    return *this;
  }
  SessionRunner& ClientOnly() {
    info_.packets_seen[1] = info_.start_seen[1] = false;
    return *this;
  }
  SessionRunner& OnPort(std::uint16_t port, bool smtp) {
    info_.server.port = port;
    info_.on_smtp_port = smtp;
    return *this;
  }

  const std::vector<Transaction>& transactions() const { return transactions_; }
  const Transaction& transaction(std::size_t i) const { return transactions_.at(i); }
  const std::vector<SessionSummary>& sessions() const { return summaries_; }
  std::uint64_t Count(Anomaly anomaly) const { return ledger_.Get(anomaly); }
  std::uint64_t Count(Loss loss) const { return ledger_.Get(loss); }
  StreamVerdict verdict() const { return verdict_; }

  // "<mail reply>[null] <rcpt>=<reply> ... DATA|BDAT|- <body reply> <outcome>" for each
  // transaction.
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (const Transaction& t : transactions_) lines.push_back(Line(t));
    return lines;
  }
  static std::string Line(const Transaction& t) {
    static constexpr const char* kOutcome[] = {"accepted", "rejected", "aborted", "unfinished"};
    static constexpr const char* kBody[] = {"-", "DATA", "BDAT"};
    std::string line = t.null_sender ? "<>" : std::string(t.Text(t.mail_from));
    line += " " + std::to_string(t.mail_reply);
    for (const Recipient& r : t.recipients) {
      line += " " + std::string(t.Text(r.address)) + "=" + std::to_string(r.reply);
      if (r.final_reply != 0) line += "/" + std::to_string(r.final_reply);
    }
    line += std::string(" ") + kBody[static_cast<int>(t.body_command)];
    if (t.body_started) line += "+";
    line += " " + std::to_string(t.body_reply) + " " + kOutcome[static_cast<int>(t.outcome)];
    return line;
  }

  void OnTransaction(const Transaction& transaction) override {
    transactions_.push_back(transaction);
    transactions_.back().facts = nullptr;  // they live no longer than this call
  }
  void OnSession(const SessionSummary& session) override { summaries_.push_back(session); }

 private:
  SessionRunner& Play(Direction direction, std::string_view text, std::uint64_t lost,
                      std::uint64_t acked = ~std::uint64_t{0}) {
    const auto i = static_cast<int>(direction);
    const auto other = static_cast<int>(Opposite(direction));
    info_.packets_seen[i] = info_.payload_seen[i] = true;
    now_ += kMillisecond;
    info_.last_packet_at = now_;
    next_[i] += lost;
    StreamChunk chunk;
    chunk.direction = direction;
    chunk.offset = next_[i];
    chunk.text = text;
    chunk.gap_before = lost;
    chunk.left_out = left_out_;
    chunk.acked = acked == ~std::uint64_t{0} ? next_[other] : acked;
    chunk.at = now_;
    if (direction == Direction::kFromServer) last_server_start_ = next_[i];
    next_[i] += text.size();
    if (verdict_ == StreamVerdict::kContinue) verdict_ = sessions_.OnChunk(info_, chunk);
    return *this;
  }

  Ledger ledger_;
  Sessions sessions_;
  ConnectionInfo info_;
  std::uint64_t next_[2] = {0, 0};
  std::uint64_t last_server_start_ = 0;
  bool left_out_ = false;
  PacketTime now_ = 1'790'000'000 * kSecond;
  StreamVerdict verdict_ = StreamVerdict::kContinue;
  std::vector<Transaction> transactions_;
  std::vector<SessionSummary> summaries_;
};

}  // namespace backscatter
