#include "agent/report/live_snapshot.h"

#include <algorithm>

namespace backscatter {

std::string_view RcptReplyName(RcptReply reply) {
  switch (reply) {
    case RcptReply::kAccepted:
      return "accepted";
    case RcptReply::kDeferred:
      return "deferred";
    case RcptReply::kRefused:
      return "refused";
    case RcptReply::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view MailSenderName(MailSender sender) {
  return sender == MailSender::kNull ? "null" : "other";
}

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAccepted:
      return "accepted";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kAborted:
      return "aborted";
    case Outcome::kUnfinished:
      return "unfinished";
  }
  return "unfinished";
}

void DelayHistogram::Observe(double seconds) {
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts[static_cast<std::size_t>(bound - kBounds.begin())];
  sum += seconds;
}

}  // namespace backscatter
