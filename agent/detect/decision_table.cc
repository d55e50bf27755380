#include "agent/detect/decision_table.h"

#include <algorithm>

namespace backscatter {
namespace {

constexpr Confidence kStrong = Confidence::kStrong;
constexpr Confidence kMedium = Confidence::kMedium;
constexpr Confidence kWeak = Confidence::kWeak;

Judgement Say(Verdict verdict, Confidence confidence, std::string_view reason,
              std::optional<bool> solicited = std::nullopt) {
  return {.verdict = verdict, .solicited = solicited, .confidence = confidence, .reason = reason};
}
Judgement Backscatter(Confidence confidence, std::string_view reason) {
  return Say(Verdict::kBackscatter, confidence, reason, false);
}
Judgement BackscatterByFlood(Confidence confidence, std::string_view reason) {
  Judgement judgement = Backscatter(confidence, reason);
  judgement.raised_by_flood = true;
  return judgement;
}
Judgement Unknown(std::string_view reason) { return Say(Verdict::kUnknown, kWeak, reason); }

bool IsReport(MessageKind kind) {
  return kind == MessageKind::kArf || kind == MessageKind::kTlsReport ||
         kind == MessageKind::kDmarcReport;
}

bool IsSuccess(MessageKind kind) {
  return kind == MessageKind::kDsnDelivered || kind == MessageKind::kDsnRelayed ||
         kind == MessageKind::kDsnExpanded;
}

bool IsBounce(const MessageFacts& facts) {
  switch (facts.kind) {
    case MessageKind::kDsnFailed:
    case MessageKind::kDsnDelayed:
    case MessageKind::kDsnDelivered:
    case MessageKind::kDsnRelayed:
    case MessageKind::kDsnExpanded:
    case MessageKind::kNonstandardBounce:
    case MessageKind::kListBounce:
      return true;
    case MessageKind::kOther:
      return facts.looks_bounce;
    case MessageKind::kAutoReply:
    case MessageKind::kChallengeResponse:
    case MessageKind::kMdn:
    case MessageKind::kArf:
    case MessageKind::kTlsReport:
    case MessageKind::kDmarcReport:
      return false;
  }
  return false;
}

bool NamesARecipient(const MessageFacts& facts) {
  return std::ranges::any_of(facts.recipients, [](const ReportedRecipient& recipient) {
    return !recipient.final_recipient.empty() || !recipient.original_recipient.empty();
  });
}

// What says that it is ours, the surest first.
std::string_view SentReason(const Evidence& evidence) {
  if (evidence.message_id_sent) return "message_id_sent";
  if (evidence.envelope_id_sent) return "envelope_id_sent";
  if (evidence.queue_id_sent) return "queue_id_sent";
  return "pair_sent";
}

// Nothing is missing from MAIL on.
bool IsSeenThroughout(const Transaction& transaction) {
  return transaction.completeness == Completeness::kComplete ||
         transaction.completeness == Completeness::kMidStream;
}

// Rows 4 and 5: nothing of the message can be read.
Judgement DecideWithoutBody(const Evidence& evidence) {
  const Transaction& transaction = *evidence.transaction;
  const bool null = evidence.sender == SenderClass::kNull;
  if (null && evidence.all_refused && transaction.body_command == BodyCommand::kNone) {
    return Say(Verdict::kNullRejectedRcpt, kWeak, "rcpt_refused");
  }
  // A DATA that nobody answered was not refused.
  const bool refused = evidence.all_refused || transaction.body_reply >= 400;
  if (null && transaction.body_command != BodyCommand::kNone && !transaction.body_started &&
      refused) {
    if (evidence.unknown_user && evidence.would_have_seen && !evidence.target_has_sent) {
      return Backscatter(kMedium, "unknown_user_never_sent");
    }
    return Say(Verdict::kNullRejectedRcpt, kWeak,
               evidence.all_refused ? "rcpt_refused" : "data_refused");
  }
  if (transaction.body_started) return Unknown("body_not_read");
  return Unknown("no_body_seen");
}

// Rows 8, 10, 12 and 13: automatic mail that is no bounce.
Judgement DecideAutomatic(const Evidence& evidence) {
  const bool answers = evidence.reference_sent || evidence.sent_for_sure();
  const bool tagged = evidence.tag == TargetTag::kValid;
  const std::string_view proof = tagged ? "tag_valid"
                                 : evidence.reference_sent && !evidence.sent_for_sure()
                                     ? "reference_sent"
                                     : SentReason(evidence);
  if (evidence.facts->kind == MessageKind::kMdn) {
    if (answers || tagged) return Say(Verdict::kMdn, kStrong, proof, true);
    if (evidence.pair_sent) return Say(Verdict::kMdn, kMedium, proof, true);
    return evidence.would_have_seen ? Backscatter(kMedium, "mdn_not_sent")
                                    : Unknown("mdn_without_coverage");
  }
  if (evidence.facts->kind == MessageKind::kChallengeResponse) {
    return answers || tagged || evidence.pair_sent
               ? Say(Verdict::kChallengeResponse, kMedium, proof, true)
               : Say(Verdict::kChallengeResponse, kMedium, "reference_not_sent", false);
  }
  if (answers || tagged) return Say(Verdict::kAutoreply, kStrong, proof, true);
  if (evidence.would_have_seen) {
    return Say(Verdict::kAutoreply, kMedium, "reference_not_sent", false);
  }
  return Say(Verdict::kAutoreply, kWeak, "no_coverage");
}

// Rows 9, 11 and 14 to 19.
Judgement DecideBounce(const Evidence& evidence) {
  const MessageFacts& facts = *evidence.facts;
  const Verdict solicited = IsSuccess(facts.kind) ? Verdict::kDsnSuccess : Verdict::kSolicited;
  if (evidence.tag == TargetTag::kValid) return Say(solicited, kStrong, "tag_valid", true);
  if (evidence.sent()) {
    return Say(solicited, evidence.sent_for_sure() ? kStrong : kMedium, SentReason(evidence), true);
  }
  const bool null = evidence.sender == SenderClass::kNull;
  if (null && evidence.tag == TargetTag::kWrong) return Backscatter(kStrong, "tag_wrong");
  if (null && evidence.tag == TargetTag::kExpired) return Backscatter(kStrong, "tag_expired");
  if (evidence.forged_proof) return Backscatter(kStrong, "forged_received");
  if (evidence.tag == TargetTag::kNone && evidence.target_tags_all) {
    return Backscatter(kStrong, "tag_missing");
  }
  // Our Message-ID may stand in what was not seen.
  if (evidence.would_have_seen && facts.read != BodyRead::kWhole &&
      facts.original_message_ids.empty()) {
    return Unknown("truncated");
  }
  if (evidence.names_our_relay) {
    // Forgers write our relay into the headers of their mail; but where a few of our sessions could
    // not be read, this may be the mail of one of them.
    if (!evidence.would_have_seen) return Say(Verdict::kSolicited, kWeak, "relay_named", true);
    return evidence.would_surely_have_seen ? Backscatter(kMedium, "relay_named_but_not_sent")
                                           : Unknown("relay_named_but_not_sent");
  }
  // An address under which we forwarded; its hash is not checked, so anybody can write one.
  if (null && evidence.forwarder && !evidence.would_have_seen) {
    return Say(solicited, kWeak, "srs_address", true);
  }
  if (!facts.original_message_ids.empty() || NamesARecipient(facts)) {
    if (!evidence.would_have_seen) return Unknown("no_coverage");
    if (!evidence.target_has_sent) return Backscatter(kStrong, "target_never_sent");
    return evidence.target_flood ? BackscatterByFlood(kStrong, "not_sent")
                                 : Backscatter(kMedium, "not_sent");
  }
  if (evidence.would_have_seen && evidence.target_flood) {
    return BackscatterByFlood(kMedium, "no_evidence_in_flood");
  }
  return Unknown("no_evidence");
}

}  // namespace

Judgement Decide(const Evidence& evidence) {
  const Transaction& transaction = *evidence.transaction;
  const bool null = evidence.sender == SenderClass::kNull;
  const bool no_message = transaction.body_command == BodyCommand::kNone;
  if (null && no_message && evidence.any_accepted && transaction.outcome == Outcome::kAborted &&
      IsSeenThroughout(transaction)) {
    return Say(Verdict::kCalloutProbe, kStrong, "no_message");
  }
  // Nobody sends mail as double-bounce@, so it is a probe whatever the answer was.
  if (evidence.sender == SenderClass::kProbe && no_message && evidence.recipients > 0 &&
      transaction.outcome != Outcome::kUnfinished && IsSeenThroughout(transaction)) {
    return Say(Verdict::kCalloutProbe, kStrong, "probe_sender");
  }
  const MessageFacts* const facts = evidence.facts;
  const bool automatic =
      facts != nullptr && (facts->looks_bounce || facts->kind != MessageKind::kOther);
  if (!null && !automatic) return Say(Verdict::kNormal, kStrong, "has_sender");
  if (facts == nullptr) return DecideWithoutBody(evidence);
  if (!facts->headers_ended) {
    return transaction.body_started ? Unknown("truncated") : DecideWithoutBody(evidence);
  }
  if (IsReport(facts->kind)) return Say(Verdict::kReport, kStrong, MessageKindName(facts->kind));
  const bool bounce = IsBounce(*facts);
  if (evidence.answers_our_report && bounce) {
    return Say(Verdict::kBounceLoop, kStrong, "report_of_ours_returned");
  }
  if (evidence.loop && bounce) return Say(Verdict::kBounceLoop, kStrong, "same_report_again");
  if (bounce) return DecideBounce(evidence);
  if (automatic) return DecideAutomatic(evidence);
  if (null && evidence.tag == TargetTag::kWrong) return Backscatter(kStrong, "tag_wrong");
  if (null && evidence.tag == TargetTag::kExpired) return Backscatter(kStrong, "tag_expired");
  if (null && evidence.recipients > 1 && transaction.body_started) {
    return Say(Verdict::kNullBulk, kMedium, "several_recipients");
  }
  return Say(Verdict::kNullOther, kMedium, "no_bounce");
}

}  // namespace backscatter
