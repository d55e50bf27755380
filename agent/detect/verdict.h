// What a transaction turned out to be, how sure that is, and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/mail/direction.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

// docs/DETECTION.md says what each means to an operator.
enum class Verdict : std::uint8_t {
  kNormal,            // ordinary mail
  kCalloutProbe,      // somebody verifies an address of ours; no message came
  kNullRejectedRcpt,  // null sender, refused before a body: a probe or a bounce
  kBackscatter,       // a bounce of a message that we did not send
  kSolicited,         // a bounce of our own mail
  kDsnSuccess,        // a delivery receipt for our own mail
  kMdn,               // a disposition notification
  kAutoreply,
  kChallengeResponse,
  kReport,     // ARF, TLS or DMARC report
  kNullBulk,   // null sender, several recipients: no bounce
  kNullOther,  // null sender, no bounce: a ticket, a calendar reply, spam
  kBounceLoop,
  kEmitted,  // an outbound null sender: we bounce; the reason is the cause
  kUnknown,
};
inline constexpr std::size_t kVerdicts = static_cast<std::size_t>(Verdict::kUnknown) + 1;

enum class Confidence : std::uint8_t { kStrong, kMedium, kWeak };

std::string_view VerdictName(Verdict verdict);
std::string_view ConfidenceName(Confidence confidence);

struct Judgement {
  bool retry = false;  // of one that got a 4xx: then there is no verdict of its own
  Verdict verdict = Verdict::kUnknown;
  std::optional<bool> solicited =
      std::nullopt;  // nullopt: not known, or the question does not arise
  Confidence confidence = Confidence::kWeak;
  std::string_view reason = {};  // one word with underscores, from a constant
  // The confidence, or the verdict, is owed to a flood on the target: no evidence for that flood.
  bool raised_by_flood = false;
  // Emitted: the host that we had the mail from which it answers, as far as that is known.
  std::optional<IpAddress> received_from = std::nullopt;
};

// DETECTION, "Unsolicited": backscatter, or an auto-reply, MDN or challenge nobody here caused.
bool IsUnsolicited(const Judgement& judgement);

struct JudgedTransaction {
  const Transaction& transaction;
  MailDirection direction;
  const Judgement& judgement;
};

class JudgedTransactionSink {
 public:
  virtual ~JudgedTransactionSink() = default;
  // Valid until the call returns.
  virtual void OnTransaction(const JudgedTransaction& judged) = 0;
  virtual void OnSession(const SessionSummary& session) = 0;
};

}  // namespace backscatter
