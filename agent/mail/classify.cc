#include "agent/mail/classify.h"

#include <algorithm>
#include <initializer_list>

#include "agent/mail/phrases.h"

namespace backscatter {
namespace {

bool Says(std::uint16_t sayings, std::uint16_t what) { return (sayings & what) != 0; }

// failed > delayed > relayed > expanded > delivered.
MessageKind KindOfActions(const MessageSigns& signs, const MessageFacts& facts) {
  struct Order {
    DsnAction action;
    MessageKind kind;
  };
  static constexpr Order kOrder[] = {{DsnAction::kFailed, MessageKind::kDsnFailed},
                                     {DsnAction::kDelayed, MessageKind::kDsnDelayed},
                                     {DsnAction::kRelayed, MessageKind::kDsnRelayed},
                                     {DsnAction::kExpanded, MessageKind::kDsnExpanded},
                                     {DsnAction::kDelivered, MessageKind::kDsnDelivered}};
  const auto end = facts.recipients.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                                  signs.reported, facts.recipients.size()));
  for (const Order& order : kOrder) {
    if (std::any_of(facts.recipients.begin(), end, [&](const ReportedRecipient& recipient) {
          return recipient.action == order.action;
        })) {
      return order.kind;
    }
  }
  if (Says(signs.subject, kSaysDelay)) return MessageKind::kDsnDelayed;
  if (Says(signs.subject, kSaysDelivered)) return MessageKind::kDsnDelivered;
  return MessageKind::kDsnFailed;
}

bool IsChallenge(const MessageSigns& signs, const BounceText& text) {
  if (signs.challenge_header) return true;
  return Says(signs.subject, kSaysChallenge) && text.says(kSaysChallenge);
}

// A report of delivery, whose subject may be that of what it returns: spammers write it.
bool IsDeliveryReport(const MessageSigns& signs) {
  return signs.delivery_part || signs.reported > 0 || signs.failed_recipients;
}

bool IsComplaint(const MessageSigns& signs, const BounceText& text) {
  if (signs.feedback_part || signs.report_feedback || signs.complaint_header) return true;
  return Says(signs.subject, kSaysComplaint) && !signs.daemon_from && !IsDeliveryReport(signs) &&
         (signs.multipart_report || signs.returned_part || text.says(kSaysComplaint));
}

bool IsAutoReply(const MessageSigns& signs, const BounceText& text) {
  if (Says(signs.subject, kSaysUnsubscribe)) return false;  // RFC 2369, sent by mail programs
  if (signs.autoreply_header) return true;
  if (Says(signs.subject, kSaysAutoReply) && !signs.daemon_from) return true;
  const bool failure = Says(signs.subject, kSaysFailure | kSaysDelay) && !signs.re_or_forward;
  if (signs.auto_replied && !signs.daemon_from && !failure) return true;
  return (text.says(kSaysAutoReply | kSaysAway) || Says(signs.subject, kSaysAway)) &&
         !signs.daemon_from && (signs.auto_generated || signs.null_sender);
}

// A failure report in free form: who speaks, what the subject says, what the text says, what it
// encloses. None is enough alone.
bool IsFreeFormBounce(const MessageSigns& signs, const BounceText& text,
                      const MessageFacts& facts) {
  if (signs.failed_recipients || signs.ndr_header) return true;
  const bool system = signs.daemon_from || signs.null_sender;
  const bool subject = Says(signs.subject, kSaysFailure | kSaysDelay | kSaysVirus);
  const bool words = text.says(kSaysFailure | kSaysDelay);
  const bool returns = signs.returned_part || !facts.original_message_ids.empty() ||
                       facts.returned_received_count > 0 || text.says(kSaysReturned);
  const bool names = text.naming() < Naming::kReturned || text.status().class_digit != 0;
  if (Says(signs.subject, kSaysVirus) && text.says(kSaysVirus)) {
    return system || signs.auto_generated || !signs.re_or_forward;
  }
  if (signs.daemon_from) return subject || words || returns;
  if (system) return (subject && (words || returns || names)) || (words && (returns || names));
  if (signs.re_or_forward && !signs.auto_generated) return false;
  return subject && words && (returns || names);
}

bool IsListBounce(const MessageSigns& signs, const BounceText& text) {
  return signs.failed_recipients && !signs.delivery_part &&
         (text.says(kSaysList) || signs.group_recipient);
}

MessageKind FreeFormKind(const MessageSigns& signs, const BounceText& text) {
  if (IsListBounce(signs, text)) return MessageKind::kListBounce;
  if (Says(signs.subject, kSaysDelay) || text.says(kSaysDelay)) return MessageKind::kDsnDelayed;
  if (Says(signs.subject, kSaysDelivered) && !text.says(kSaysFailure)) {
    return MessageKind::kDsnDelivered;
  }
  return MessageKind::kNonstandardBounce;
}

MessageKind KindOf(const MessageSigns& signs, const BounceText& text, const MessageFacts& facts) {
  if (signs.tls_part || signs.report_tls) return MessageKind::kTlsReport;
  if (Says(signs.subject, kSaysDmarc) && !IsDeliveryReport(signs)) return MessageKind::kDmarcReport;
  if (IsComplaint(signs, text)) return MessageKind::kArf;
  if (signs.disposition_part || signs.report_disposition) {
    const bool refused = signs.rejected || Says(signs.subject, kSaysRefused);
    return refused ? MessageKind::kNonstandardBounce : MessageKind::kMdn;
  }
  if (IsChallenge(signs, text) && signs.reported == 0) return MessageKind::kChallengeResponse;
  const bool own_report =
      signs.reported > 0 && (signs.delivery_part || signs.report_delivery || signs.daemon_from ||
                             signs.null_sender || Says(signs.subject, kSaysFailure | kSaysDelay));
  if (own_report && !(signs.re_or_forward && !signs.delivery_part)) {
    return KindOfActions(signs, facts);
  }
  if (signs.delivery_part) {
    return KindOfActions(signs, facts);
  }
  if (!signs.failed_recipients && IsAutoReply(signs, text)) return MessageKind::kAutoReply;
  return IsFreeFormBounce(signs, text, facts) ? FreeFormKind(signs, text) : MessageKind::kOther;
}

}  // namespace

bool IsDaemonFrom(std::string_view value, std::string_view address) {
  static constexpr std::string_view kLocals[] = {"mailer-daemon", "postmaster",    "post_master",
                                                 "mailerdaemon",  "mail-daemon",   "mdaemon",
                                                 "mailer_daemon", "mail.delivery", "mail-delivery"};
  if (address.empty()) return value.find("<>") != std::string_view::npos;
  if (std::any_of(std::begin(kLocals), std::end(kLocals),
                  [&](std::string_view local) { return StartsWithIgnoreCase(address, local); })) {
    return true;
  }
  static constexpr std::string_view kNames[] = {
      "mail delivery sys", "mail delivery sub", "mailer-daemon",      "mailer daemon",
      "postmaster",        "mail system",       "mail administrator", "delivery subsystem"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return ContainsIgnoreCase(value, name); });
}

void Classify(const MessageSigns& signs, const BounceText& text, MessageFacts* facts) {
  facts->kind = KindOf(signs, text, *facts);
  const bool failure_subject = Says(signs.subject, kSaysFailure | kSaysDelay);
  facts->looks_bounce = signs.delivery_part || signs.report_delivery || signs.failed_recipients ||
                        (signs.daemon_from && failure_subject);
  switch (facts->kind) {
    case MessageKind::kDsnFailed:
    case MessageKind::kDsnDelayed:
    case MessageKind::kDsnDelivered:
    case MessageKind::kDsnRelayed:
    case MessageKind::kDsnExpanded:
    case MessageKind::kNonstandardBounce:
    case MessageKind::kListBounce:
      facts->looks_bounce = true;
      break;
    case MessageKind::kOther:
    case MessageKind::kAutoReply:
    case MessageKind::kChallengeResponse:
    case MessageKind::kMdn:
    case MessageKind::kArf:
    case MessageKind::kTlsReport:
    case MessageKind::kDmarcReport:
      break;
  }
}

}  // namespace backscatter
