// One MAIL command and what became of it: the unit of every count.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/packet_time.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

enum class Protocol : std::uint8_t { kSmtp, kEsmtp, kLmtp };
enum class TlsState : std::uint8_t { kNone, kStarttls, kImplicit };
enum class BodyCommand : std::uint8_t { kNone, kData, kBdat };
enum class Outcome : std::uint8_t { kAccepted, kRejected, kAborted, kUnfinished };
enum class Completeness : std::uint8_t { kComplete, kGap, kMidStream, kOneSided, kTruncated };

// A piece of Transaction::text. Offsets, so that the text may grow.
struct TextRef {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

struct Recipient {
  TextRef address;                // as sent: the path without angle brackets
  TextRef parameters;             // raw text after the path, trimmed
  std::uint16_t reply = 0;        // 0 = no reply seen
  std::uint16_t final_reply = 0;  // LMTP: its own reply after the body
  EnhancedStatus enhanced;        // of `reply`
  bool unknown_user = false;      // the refusal says that there is no such user
};

// Owned by the dialogue and reused: a consumer copies what it keeps.
struct Transaction {
  PacketTime start = 0;  // of the MAIL command
  PacketTime end = 0;    // of the last command or reply that belongs to it
  Endpoint client;
  Endpoint server;
  IpAddress source;  // the client, or what a trusted proxy said
  bool source_from_proxy = false;
  double weight = 1.0;

  std::string text;  // everything the TextRefs point into
  TextRef helo;
  TextRef mail_from;           // the path without angle brackets; empty for the null sender
  TextRef mail_parameters;     // raw text after the path, trimmed
  bool has_mail_from = false;  // false: `MAIL` or `MAIL FROM:` without any path
  bool null_sender = false;
  bool authenticated = false;  // AUTH was accepted before it
  Protocol protocol = Protocol::kSmtp;
  TlsState tls = TlsState::kNone;
  std::uint16_t mail_reply = 0;  // 0 = no reply seen

  std::vector<Recipient> recipients;      // capped; the rest only counted:
  std::uint32_t recipients_not_kept = 0;  // RCPTs beyond the cap

  BodyCommand body_command = BodyCommand::kNone;
  BodyRead body_read = BodyRead::kNone;
  bool body_started = false;            // 354, or an accepted BDAT
  std::uint64_t body_bytes = 0;         // octets on the wire that the dialogue took for the body
  std::uint16_t body_reply = 0;         // final reply; LMTP: the highest; 0 = none seen
  const MessageFacts* facts = nullptr;  // of a body that was read; lives as long as this
  Outcome outcome = Outcome::kUnfinished;
  Completeness completeness = Completeness::kComplete;

  std::string_view Text(TextRef ref) const {
    return std::string_view(text).substr(ref.offset, ref.length);
  }
  TextRef Store(std::string_view piece) {
    const TextRef ref{static_cast<std::uint32_t>(text.size()),
                      static_cast<std::uint32_t>(piece.size())};
    text.append(piece);
    return ref;
  }
};

// What a session turned out to be; given once, when it ends.
struct SessionSummary {
  PacketTime start = 0;
  PacketTime end = 0;
  Endpoint client = {};
  Endpoint server = {};
  IpAddress source = {};  // the client, or what a trusted proxy said
  bool encrypted = false;
  bool one_sided = false;
  bool mid_stream = false;
  bool with_gaps = false;
  std::uint64_t messages = 0;           // bodies that were started
  std::uint64_t orphan_recipients = 0;  // RCPT commands without a MAIL before them
  double weight = 1.0;
};

class TransactionSink {
 public:
  virtual ~TransactionSink() = default;
  // The transaction is valid until the call returns.
  virtual void OnTransaction(const Transaction& transaction) = 0;
  // This one comes next, perhaps: a chance to let main memory fetch what will be asked then.
  virtual void Foretell(const Transaction& /*transaction*/) {}
  virtual void OnSession(const SessionSummary& session) = 0;
};

}  // namespace backscatter
