#include "exporters/verdict_words.h"

namespace backscatter {

std::string_view VerdictWords(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNormal:
      return "ordinary mail";
    case Verdict::kCalloutProbe:
      return "others verify an address of ours";
    case Verdict::kNullRejectedRcpt:
      return "refused before the message";
    case Verdict::kBackscatter:
      return "bounces of mail we did not send";
    case Verdict::kSolicited:
      return "bounces of our own mail";
    case Verdict::kDsnSuccess:
      return "delivery receipts of our own mail";
    case Verdict::kMdn:
      return "read receipts";
    case Verdict::kAutoreply:
      return "out of office, automatic answers";
    case Verdict::kChallengeResponse:
      return "senders must prove themselves";
    case Verdict::kReport:
      return "abuse, TLS and DMARC reports";
    case Verdict::kNullBulk:
      return "null sender, several recipients";
    case Verdict::kNullOther:
      return "null sender, but no bounces";
    case Verdict::kBounceLoop:
      return "the same bounce again and again";
    case Verdict::kEmitted:
      return "bounces that we sent to others";
    case Verdict::kUnknown:
      return "too little was seen to say";
  }
  return "";
}

}  // namespace backscatter
