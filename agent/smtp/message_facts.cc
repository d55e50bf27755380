#include "agent/smtp/message_facts.h"

namespace backscatter {

std::string_view MessageKindName(MessageKind kind) {
  switch (kind) {
    case MessageKind::kOther:
      return {};
    case MessageKind::kDsnFailed:
      return "dsn_failed";
    case MessageKind::kDsnDelayed:
      return "dsn_delayed";
    case MessageKind::kDsnDelivered:
      return "dsn_delivered";
    case MessageKind::kDsnRelayed:
      return "dsn_relayed";
    case MessageKind::kDsnExpanded:
      return "dsn_expanded";
    case MessageKind::kNonstandardBounce:
      return "nonstandard_bounce";
    case MessageKind::kListBounce:
      return "list_bounce";
    case MessageKind::kAutoReply:
      return "auto_reply";
    case MessageKind::kChallengeResponse:
      return "challenge_response";
    case MessageKind::kMdn:
      return "mdn";
    case MessageKind::kArf:
      return "arf";
    case MessageKind::kTlsReport:
      return "tls_report";
    case MessageKind::kDmarcReport:
      return "dmarc_report";
  }
  return {};
}

std::string_view DsnActionName(DsnAction action) {
  switch (action) {
    case DsnAction::kNone:
      return {};
    case DsnAction::kFailed:
      return "failed";
    case DsnAction::kDelayed:
      return "delayed";
    case DsnAction::kDelivered:
      return "delivered";
    case DsnAction::kRelayed:
      return "relayed";
    case DsnAction::kExpanded:
      return "expanded";
  }
  return {};
}

}  // namespace backscatter
