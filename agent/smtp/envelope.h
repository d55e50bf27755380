// The state of SMTP transactions: it follows (command, reply) pairs, in the order of the commands.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/net/stream_chunk.h"
#include "agent/smtp/message_body.h"
#include "agent/smtp/pool.h"
#include "agent/smtp/reply.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

// RFC 5321 section 4.5.3.1.8 asks for 100; real servers take 1,000 and more. Beyond the cap
// recipients are only counted.
inline constexpr std::size_t kMaxRecipients = 10'000;

// A complete reply, or none.
struct Reply {
  std::uint16_t code = 0;  // 0: not seen
  EnhancedStatus enhanced;
  bool unknown_user = false;
  PacketTime at = 0;

  bool positive() const { return code >= 200 && code < 300; }
  bool negative() const { return code >= 400 && code < 600; }
};

// Why a transaction ends.
enum class EndReason : std::uint8_t {
  kBodyReplied,  // the body was answered, or its end was seen and nothing more can come
  kReset,        // RSET, QUIT, HELO, STARTTLS, XCLIENT, a new MAIL, or the connection was closed
  kCutOff,       // the capture ended, or lost what would have told
};

// What the envelopes of one engine share.
struct EnvelopeContext {
  Ledger* ledger;
  TransactionSink* sink;
  Pool<Transaction>* transactions;
  BodyReaders* readers;  // null: bodies are not read
};

class Envelope {
 public:
  // `info` must outlive every call below that takes it; the envelope keeps no pointer.
  void Start(const ConnectionInfo& info);

  void OnHello(const EnvelopeContext& context, Protocol protocol, std::string_view name,
               const Reply& reply, PacketTime at);
  void OnMail(const EnvelopeContext& context, const ConnectionInfo& info, std::string_view rest,
              const Reply& reply, PacketTime at);
  void OnRcpt(const EnvelopeContext& context, std::string_view rest, const Reply& reply,
              PacketTime at);
  void OnData(const EnvelopeContext& context, const Reply& reply, PacketTime at);
  // A chunk; after LAST its reply is also the body's (RFC 3030 section 2).
  void OnBdat(const EnvelopeContext& context, std::uint64_t size, const Reply& reply,
              PacketTime at);
  // Answer to the dot or to BDAT LAST. LMTP: one call for each accepted recipient (RFC 2033
  // section 4.2); true when it was the last one.
  bool OnBodyReply(const EnvelopeContext& context, const Reply& reply, PacketTime at);
  void OnReset(const EnvelopeContext& context, PacketTime at, EndReason reason = EndReason::kReset);
  void OnStarttls(const EnvelopeContext& context, PacketTime at);
  // A proxy header from a trusted peer, or XCLIENT accepted from one.
  void SetSource(const IpAddress& address);
  void OnAuthenticated() { authenticated_ = true; }

  // The body of the open transaction; its reader is asked for once. Null: nobody reads it. Valid as
  // long as the transaction is open.
  MessageBody* OpenBody(const EnvelopeContext& context);
  // Of a MAIL that waits for its reply.
  MessageBody OpenBodyOfMail(const EnvelopeContext& context, const ConnectionInfo& info,
                             std::string_view rest) const;
  // Octets came that may answer the body of the open transaction.
  void Foretell(const EnvelopeContext& context) {
    if (body_ && body_.ended() && believed_) TellSink(context);
  }
  // The body of a BDAT that was just paired. What comes in two pieces lacks the second.
  void AttachBody(MessageBody body);
  MessageBody* body() { return body_ ? &body_ : nullptr; }

  void AddBodyBytes(std::uint64_t bytes) {
    if (transaction_ != nullptr) transaction_->body_bytes += bytes;
  }
  void MarkGap() {
    gap_ = true;
    if (transaction_ != nullptr) transaction_gap_ = true;
  }
  void MarkTls(TlsState tls) { tls_ = tls; }

  std::uint64_t held_bytes() const {
    if (transaction_ == nullptr) return helo_.capacity();
    return helo_.capacity() + sizeof *transaction_ + transaction_->text.capacity() +
           transaction_->recipients.capacity() * sizeof(Recipient);
  }
  bool open() const { return transaction_ != nullptr; }
  bool lmtp() const { return protocol_ == Protocol::kLmtp; }
  std::uint64_t orphan_recipients() const { return orphan_recipients_; }
  std::uint32_t messages() const { return messages_; }  // bodies that were started
  // The client, or what a trusted proxy said.
  const IpAddress& source() const { return source_; }
  // Whether the sender of the open transaction is null (its body is then worth reading).
  bool null_sender() const { return transaction_ != nullptr && transaction_->null_sender; }
  // One-sidedness and the start of a session are known only at its end; a transaction that ends
  // before is marked by what is known then.
  void UpdateCompleteness(const ConnectionInfo& info) {
    one_sided_ = !(info.payload_seen[0] && info.payload_seen[1]);
    mid_stream_ = (info.payload_seen[0] && !info.start_seen[0]) ||
                  (info.payload_seen[1] && !info.start_seen[1]);
    truncated_ = info.truncated;
  }
  // An off-port dialogue is believed only when both a verb and a reply were seen.
  void SetBelieved(bool believed) { believed_ = believed; }

 private:
  void TellSink(const EnvelopeContext& context);
  void Finish(const EnvelopeContext& context, PacketTime at, EndReason reason);
  void Emit(const EnvelopeContext& context, std::unique_ptr<Transaction> transaction,
            EndReason reason);
  Outcome Judge(const Transaction& transaction, EndReason reason) const;
  Completeness HowSeen() const;

  std::unique_ptr<Transaction> transaction_;
  MessageBody body_;  // only while a transaction is open
  std::string helo_;
  IpAddress source_;
  std::uint64_t orphan_recipients_ = 0;
  std::uint32_t messages_ = 0;
  std::uint32_t next_final_reply_ = 0;  // LMTP: index of the recipient that the next reply is for
  Protocol protocol_ = Protocol::kSmtp;
  TlsState tls_ = TlsState::kNone;
  bool source_from_proxy_ = false;
  bool authenticated_ = false;
  bool body_asked_ = false;       // whether anybody reads the open transaction's body is known
  bool gap_ = false;              // since the last transaction ended
  bool transaction_gap_ = false;  // in the open transaction
  bool one_sided_ = false;
  bool mid_stream_ = false;
  bool truncated_ = false;
  bool believed_ = true;
};

}  // namespace backscatter
