// Both directions of a dialogue, in any chunks, with gaps, mid-stream and one-sided.
//
// Input: one byte of options, then operations: a byte of kind, a byte of length, that many bytes.
//   options: 1 mid-stream, 2 client only, 4 trusted proxy, 8 not an SMTP port, 16 a reset at the
//            end, 32 bodies are not read
//   kind:    1 from the server, 2 a gap before (of `kind >> 4` bytes), 4 sent before the last
//            chunk of the other side arrived
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "agent/smtp/body_reader.h"
#include "agent/smtp/sessions.h"

namespace backscatter {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// No octet comes twice, and none when the message is finished.
class Readers : public BodyReaders {
 public:
  BodyReaderPtr Open(const BodyRequest& request) override {
    Check(!request.null_sender || request.mail_from.empty());
    if (++asked % 4 == 0) return nullptr;
    return BodyReaderPtr(new Reader(this));
  }

  std::uint64_t asked = 0;
  std::uint64_t octets = 0;
  int alive = 0;

 private:
  class Reader : public BodyReader {
   public:
    explicit Reader(Readers* readers) : readers_(readers) { ++readers_->alive; }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() override { --readers_->alive; }
    void Read(std::string_view piece) override {
      Check(!finished_ && !piece.empty());
      readers_->octets += piece.size();
    }
    void OnGap() override { Check(!finished_); }
    // At the end of the body, and again by whoever asks for the facts; once it has ended, it has.
    const MessageFacts& Finish(bool ended) override {
      const BodyRead read = ended ? BodyRead::kWhole : BodyRead::kHead;
      Check(!finished_ || facts_.read == read);
      finished_ = true;
      facts_.read = read;
      return facts_;
    }

   private:
    Readers* readers_;
    MessageFacts facts_;
    bool finished_ = false;
  };
};

class Sink : public TransactionSink {
 public:
  void OnTransaction(const Transaction& t) override {
    for (const TextRef& ref : {t.helo, t.mail_from, t.mail_parameters}) CheckRef(t, ref);
    Check(t.recipients.size() <= kMaxRecipients);
    for (const Recipient& r : t.recipients) {
      CheckRef(t, r.address);
      CheckRef(t, r.parameters);
      Check(r.reply < 1000 && r.final_reply < 1000);
    }
    Check(!t.null_sender || t.mail_from.length == 0);
    Check(t.end >= t.start);
    Check(t.outcome != Outcome::kAccepted || (t.body_reply >= 200));
    Check((t.facts == nullptr) == (t.body_read == BodyRead::kNone));
    Check(t.facts == nullptr || t.facts->read == t.body_read);
    ++transactions;
  }
  void OnSession(const SessionSummary&) override { ++sessions; }

  std::uint64_t transactions = 0;
  std::uint64_t sessions = 0;

 private:
  static void CheckRef(const Transaction& t, const TextRef& ref) {
    Check(std::size_t{ref.offset} + ref.length <= t.text.size());
  }
};

void Run(std::string_view input) {
  if (input.empty()) return;
  const auto options = static_cast<std::uint8_t>(input[0]);
  input.remove_prefix(1);
  Ledger ledger;
  Sink sink;
  std::vector<IpNetwork> trusted;
  if (options & 4) trusted.push_back(*IpNetwork::Parse("0.0.0.0/0"));
  Readers readers;
  Sessions sessions(trusted, &ledger, &sink, options & 32 ? nullptr : &readers);
  ConnectionInfo info;
  info.client = {*IpAddress::Parse("198.51.100.7"), 40000};
  info.server = {*IpAddress::Parse("192.0.2.25"), 25};
  info.on_smtp_port = !(options & 8);
  info.start_seen[0] = info.start_seen[1] = !(options & 1);
  info.packets_seen[1] = !(options & 2);
  std::uint64_t next[2] = {0, 0};
  std::uint64_t before[2] = {0, 0};
  std::uint64_t client_bytes = 0;
  PacketTime now = kSecond;
  StreamVerdict verdict = StreamVerdict::kContinue;
  while (input.size() >= 2 && verdict == StreamVerdict::kContinue) {
    const auto kind = static_cast<std::uint8_t>(input[0]);
    const auto length = static_cast<std::uint8_t>(input[1]);
    input.remove_prefix(2);
    StreamChunk chunk;
    chunk.direction = kind & 1 ? Direction::kFromServer : Direction::kFromClient;
    const auto i = static_cast<std::size_t>(chunk.direction);
    if (i == 1 && (options & 2)) continue;
    chunk.text = input.substr(0, length);
    input.remove_prefix(chunk.text.size());
    chunk.gap_before = kind & 2 ? kind >> 4 : 0;
    if (chunk.text.empty() && chunk.gap_before == 0) continue;
    next[i] += chunk.gap_before;
    chunk.offset = next[i];
    chunk.acked = kind & 4 ? before[1 - i] : next[1 - i];
    chunk.at = now += kMillisecond;
    before[i] = next[i];
    next[i] += chunk.text.size();
    if (i == 0) client_bytes += chunk.text.size();
    info.packets_seen[i] = info.payload_seen[i] = true;
    verdict = sessions.OnChunk(info, chunk);
  }
  sessions.OnClose(info, options & 16 ? CloseReason::kReset : CloseReason::kEndOfInput, now);
  Check(sessions.open_sessions() == 0);
  Check(sink.sessions <= 1);
  Check(readers.alive == 0);
  Check(readers.octets <= client_bytes * 2);  // twice: a tail that was a body, and then another's
  // "MAIL" and a line feed cost five bytes, read at most twice (once as the tail of a body).
  Check(sink.transactions * 5 <= client_bytes * 2);
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backscatter::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
