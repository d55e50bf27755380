#include "agent/detect/emission.h"

#include <algorithm>

#include "agent/base/ascii.h"
#include "agent/detect/evidence_collector.h"

namespace backscatter {
namespace {

struct Cause {
  std::string_view name = "unknown";
  Confidence confidence = Confidence::kWeak;
  std::optional<IpAddress> received_from = std::nullopt;
};

// What the kind of the message says alone; nullopt for reports of failure and for what is unclear.
std::optional<std::string_view> CauseOfKind(MessageKind kind) {
  switch (kind) {
    case MessageKind::kDsnDelivered:
    case MessageKind::kDsnRelayed:
    case MessageKind::kDsnExpanded:
      return "dsn_success";
    case MessageKind::kAutoReply:
    case MessageKind::kChallengeResponse:
      return "autoreply";
    case MessageKind::kMdn:
      return "mdn";
    case MessageKind::kArf:
    case MessageKind::kTlsReport:
    case MessageKind::kDmarcReport:
      return "report";
    case MessageKind::kOther:
    case MessageKind::kDsnFailed:
    case MessageKind::kDsnDelayed:
    case MessageKind::kNonstandardBounce:
    case MessageKind::kListBounce:
      return std::nullopt;
  }
  return std::nullopt;
}

class EmissionJudge {
 public:
  EmissionJudge(const Transaction& transaction, AcceptedMail& accepted, const SentLedger& ledger,
                const OurHosts& hosts, const LocalNetworks& local)
      : transaction_(transaction),
        accepted_(accepted),
        ledger_(ledger),
        hosts_(hosts),
        local_(local) {}

  Cause Find() {
    const MessageFacts* const facts = transaction_.facts;
    if (transaction_.body_command == BodyCommand::kNone) {
      return {"callout", Confidence::kStrong};
    }
    if (facts == nullptr || !facts->headers_ended) return FindWithoutMessage();
    if (const auto cause = CauseOfKind(facts->kind)) return {*cause, Confidence::kStrong};
    if (facts->kind == MessageKind::kOther && !facts->looks_bounce) return {};
    if (const auto cause = FindByPair(*facts)) return *cause;
    if (const auto cause = FindByReceived(*facts)) return *cause;
    const std::size_t ids = std::min(facts->original_message_ids.size(), kMaxLookups);
    for (std::size_t i = 0; i < ids; ++i) {
      if (ledger_.HasMessageId(facts->original_message_ids[i])) {
        return {"own_user", Confidence::kMedium};
      }
    }
    return FindWithoutMessage();
  }

 private:
  // The target and the failed recipient were the sender and a recipient of a mail that came in, or
  // went out.
  std::optional<Cause> FindByPair(const MessageFacts& facts) {
    std::size_t left = kMaxLookups;
    std::optional<Cause> forwarded;
    for (const ReportedRecipient& reported : facts.recipients) {
      for (const std::string* failed : {&reported.final_recipient, &reported.original_recipient}) {
        if (failed->empty()) continue;
        for (const Recipient& target : transaction_.recipients) {
          if (left-- == 0) return forwarded;
          const std::string_view path = transaction_.Text(target.address);
          if (ledger_.HasPair(path, *failed)) {
            const auto from = accepted_.FindSender(path, transaction_.start);
            return from ? Cause{"forward", Confidence::kStrong, from}
                        : Cause{"own_user", Confidence::kStrong};
          }
          if (const auto from = accepted_.FindRefused(path, *failed, transaction_.start)) {
            return Cause{"forward", Confidence::kStrong, from};
          }
          if (const auto from = accepted_.Find(path, *failed, transaction_.start)) {
            // The next recipient may still show that it was sent on.
            if (!forwarded) forwarded = {"accept_then_bounce", Confidence::kStrong, from};
          }
        }
      }
    }
    return forwarded;
  }

  // The returned message says that a host of ours had it from outside. That the host is ours may be
  // known from nothing but this session, in which it gives its name.
  std::optional<Cause> FindByReceived(const MessageFacts& facts) const {
    const std::string_view helo = transaction_.Text(transaction_.helo);
    for (const ReceivedHop& hop : facts.returned_received) {
      const bool is_ours =
          hosts_.IsOurs(hop.by_name) || (!helo.empty() && EqualsIgnoreCase(hop.by_name, helo));
      if (!is_ours || !hop.from_address) continue;
      if (local_.Contains(*hop.from_address)) continue;
      return Cause{"accept_then_bounce", Confidence::kMedium, hop.from_address};
    }
    return std::nullopt;
  }

  // The message was refused before it could be read, or does not say enough.
  Cause FindWithoutMessage() {
    for (const Recipient& target : transaction_.recipients) {
      const auto from = accepted_.FindSender(transaction_.Text(target.address), transaction_.start);
      if (from) return {"accept_then_bounce", Confidence::kWeak, from};
    }
    return {};
  }

  const Transaction& transaction_;
  AcceptedMail& accepted_;
  const SentLedger& ledger_;
  const OurHosts& hosts_;
  const LocalNetworks& local_;
};

}  // namespace

Judgement JudgeEmission(const Transaction& transaction, AcceptedMail& accepted,
                        const SentLedger& ledger, const OurHosts& hosts,
                        const LocalNetworks& local) {
  const Cause cause = EmissionJudge(transaction, accepted, ledger, hosts, local).Find();
  return {.verdict = Verdict::kEmitted,
          .confidence = cause.confidence,
          .reason = cause.name,
          .received_from = cause.received_from};
}

}  // namespace backscatter
