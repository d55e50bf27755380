#include "agent/detect/verdict.h"

namespace backscatter {

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNormal:
      return "normal";
    case Verdict::kCalloutProbe:
      return "callout_probe";
    case Verdict::kNullRejectedRcpt:
      return "null_rejected_rcpt";
    case Verdict::kBackscatter:
      return "backscatter";
    case Verdict::kSolicited:
      return "solicited";
    case Verdict::kDsnSuccess:
      return "dsn_success";
    case Verdict::kMdn:
      return "mdn";
    case Verdict::kAutoreply:
      return "autoreply";
    case Verdict::kChallengeResponse:
      return "challenge_response";
    case Verdict::kReport:
      return "report";
    case Verdict::kNullBulk:
      return "null_bulk";
    case Verdict::kNullOther:
      return "null_other";
    case Verdict::kBounceLoop:
      return "bounce_loop";
    case Verdict::kEmitted:
      return "emitted";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view ConfidenceName(Confidence confidence) {
  switch (confidence) {
    case Confidence::kStrong:
      return "strong";
    case Confidence::kMedium:
      return "medium";
    case Confidence::kWeak:
      return "weak";
  }
  return "weak";
}

bool IsUnsolicited(const Judgement& judgement) {
  if (judgement.retry) return false;
  if (judgement.verdict == Verdict::kBackscatter) return true;
  const bool may_be = judgement.verdict == Verdict::kAutoreply ||
                      judgement.verdict == Verdict::kMdn ||
                      judgement.verdict == Verdict::kChallengeResponse;
  return may_be && judgement.solicited == false;
}

}  // namespace backscatter
