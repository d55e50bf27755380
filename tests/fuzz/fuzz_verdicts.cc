// Sessions of a gateway, from octets to verdicts: whatever is said and whenever, each transaction
// is judged once, memories hold their caps and shares are shares.
//
// Input: operations, a byte of kind and a byte of length (for kinds 0, 1 and 6), that many bytes.
//   0 from the client   1 from the server   2 a gap before what the client says next
//   3 that of the server's "250 ok"   4 that of its "354 go on"
//   5 a new session; the byte behind it: 1 outbound, 2 at the submission port, 4 the capture begins
//     in it, 8 one way only, 16 reset
//   6 from the client, a DSN around the bytes   7 time passes, or goes back; the byte behind it
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "agent/detect/judge.h"
#include "agent/mail/message_readers.h"
#include "agent/smtp/sessions.h"

namespace backscatter {
namespace {

constexpr HashKey kKey{0x243f6a8885a308d3, 0x13198a2e03707345};
constexpr std::size_t kSmall = 64;  // of every memory: so that they overflow

void Check(bool holds) {
  if (!holds) std::abort();
}

class Sink final : public JudgedTransactionSink {
 public:
  void OnTransaction(const JudgedTransaction& judged) override {
    const Judgement& judgement = judged.judgement;
    const bool emission =
        judged.direction == MailDirection::kOutbound && judged.transaction.null_sender;
    Check((judgement.verdict == Verdict::kEmitted) == emission);
    Check(!judgement.reason.empty() && !VerdictName(judgement.verdict).empty());
    Check(judgement.verdict != Verdict::kSolicited || judgement.solicited == true);
    Check(judgement.verdict != Verdict::kBackscatter || judgement.solicited == false);
    Check(emission || !judgement.received_from);
    ++(judgement.retry ? retries_ : verdicts_[static_cast<std::size_t>(judgement.verdict)]);
    ++transactions_;
  }
  void OnSession(const SessionSummary& /*session*/) override {}

  void CheckSums() const {
    Check(std::accumulate(verdicts_.begin(), verdicts_.end(), retries_) == transactions_);
  }

 private:
  std::array<std::uint64_t, kVerdicts> verdicts_{};
  std::uint64_t retries_ = 0;
  std::uint64_t transactions_ = 0;
};

JudgeOptions Options() {
  JudgeOptions options;
  options.evidence.local = LocalNetworks({*IpNetwork::Parse("192.0.2.0/24")});
  options.evidence.relays = {"mx.ours.example"};
  options.evidence.batv_keys.Add(0, "secret");
  options.evidence.srs_domains = SrsDomains({"ours.example"});
  options.evidence.verp_patterns = VerpPatterns({"list+*@ours.example"});
  options.evidence.loops_capacity = kSmall;
  options.evidence.hash_key = options.retries.hash_key = options.accepted.hash_key = kKey;
  options.retries.capacity = options.accepted.capacity = kSmall;
  return options;
}

// The parts of a gateway, and the session that is open.
class Gateway {
 public:
  Gateway()
      : judge_(Options(), &sent_, &coverage_, &sink_),
        readers_({.daemon_senders = {"mailer-daemon"},
                  .local = LocalNetworks({*IpNetwork::Parse("192.0.2.0/24")})}),
        sessions_({}, &ledger_, &judge_, &readers_) {
    Begin(0);
  }

  void Begin(std::uint8_t kind) {
    const Endpoint ours{*IpAddress::Parse("192.0.2.25"), 25};
    const Endpoint other{*IpAddress::Parse("198.51.100.7"), 25};
    const bool outbound = (kind & 1) != 0;
    info_ = {};
    info_.client = outbound ? ours : other;
    info_.server = outbound ? other : ours;
    info_.client.port = static_cast<std::uint16_t>(40'000 + sessions_begun_++ % 20'000);
    if ((kind & 2) != 0) info_.server.port = 587;
    info_.on_smtp_port = true;
    info_.start_seen[0] = info_.start_seen[1] = (kind & 4) == 0;
    one_way_ = (kind & 8) != 0;
    info_.packets_seen[0] = true;
    info_.packets_seen[1] = !one_way_;
    reset_ = (kind & 16) != 0;
    next_[0] = next_[1] = gap_ = 0;
    ended_ = false;
  }
  void Say(Direction direction, std::string_view text) {
    const auto i = static_cast<std::size_t>(direction);
    if (ended_ || text.empty() || (i == 1 && one_way_)) return;
    StreamChunk chunk;
    chunk.direction = direction;
    chunk.text = text;
    if (i == 0) next_[0] += chunk.gap_before = std::exchange(gap_, 0);
    chunk.offset = next_[i];
    chunk.acked = next_[1 - i];
    Pass(kMillisecond);
    chunk.at = now_;
    next_[i] += text.size();
    info_.packets_seen[i] = info_.payload_seen[i] = true;
    ended_ = sessions_.OnChunk(info_, chunk) != StreamVerdict::kContinue;
  }
  void Lose() { gap_ = 10; }
  void Pass(PacketTime time) {
    if (__builtin_add_overflow(now_, time, &now_)) {
      using Limits = std::numeric_limits<PacketTime>;
      now_ = time < 0 ? Limits::min() : Limits::max();
    }
  }
  void End() {
    sessions_.OnClose(info_, reset_ ? CloseReason::kReset : CloseReason::kFin, now_);
    Check(sessions_.open_sessions() == 0 && readers_.open() == 0);
  }
  void CheckAll() {
    sink_.CheckSums();
    Check(judge_.MemoryBytes() < 96 * 1024);  // 64 of it the filters of the retry memory
    const double coverage = coverage_.Overall(now_);
    Check(coverage >= 0 && coverage <= 1);
    const double kept = sent_.KeptShare();
    Check(kept >= 0 && kept <= 1);
  }

 private:
  Ledger ledger_;
  SentLedger sent_{{.capacity = 1, .key = kKey}};
  SentCoverage coverage_{std::int64_t{8} * 86'400 * kSecond, kKey};
  Sink sink_;
  Judge judge_;
  MessageReaders readers_;
  Sessions sessions_;
  ConnectionInfo info_;
  PacketTime now_ = 1'790'000'000 * kSecond;
  std::uint64_t next_[2] = {0, 0};
  std::uint64_t gap_ = 0;
  std::uint64_t sessions_begun_ = 0;
  bool one_way_ = false;
  bool reset_ = false;
  bool ended_ = false;
};

std::string Dsn(std::string_view about) {
  return "From: MAILER-DAEMON@far.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
         "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.example\r\n\r\n"
         "Final-Recipient: rfc822; joe@far.example\r\nAction: failed\r\n\r\n--b\r\n"
         "Content-Type: message/rfc822\r\n\r\n" +
         std::string(about) + "\r\n--b--\r\n.\r\n";
}

// A step of time from a few milliseconds to months, forward or back.
PacketTime StepOf(std::uint8_t byte) {
  const PacketTime step = kMillisecond << (byte & 0x7f) % 44;
  return (byte & 0x80) != 0 ? -step : step;
}

void Run(std::string_view input) {
  Gateway gateway;
  while (input.size() >= 2) {
    const int kind = input[0] & 7;
    const auto byte = static_cast<std::uint8_t>(input[1]);
    input.remove_prefix(2);
    std::string_view text;
    if (kind == 0 || kind == 1 || kind == 6) {
      text = input.substr(0, byte);
      input.remove_prefix(text.size());
    }
    switch (kind) {
      case 0:
        gateway.Say(Direction::kFromClient, text);
        break;
      case 1:
        gateway.Say(Direction::kFromServer, text);
        break;
      case 2:
        gateway.Lose();
        break;
      case 3:
        gateway.Say(Direction::kFromServer, "250 ok\r\n");
        break;
      case 4:
        gateway.Say(Direction::kFromServer, "354 go on\r\n");
        break;
      case 5:
        gateway.End();
        gateway.Begin(byte);
        break;
      case 6:
        gateway.Say(Direction::kFromClient, Dsn(text));
        break;
      default:
        gateway.Pass(StepOf(byte));
        break;
    }
  }
  gateway.End();
  gateway.CheckAll();
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backscatter::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
