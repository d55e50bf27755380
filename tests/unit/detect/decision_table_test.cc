#include "agent/detect/decision_table.h"

#include <gtest/gtest.h>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

// A null-sender DSN about one recipient, to an address of ours that sends mail, and nothing known.
struct Case {
  Transaction transaction = BounceTo("anna@ours.example", "198.51.100.1");
  MessageFacts facts;
  Evidence evidence;

  Case() {
    facts.read = BodyRead::kWhole;
    facts.headers_ended = true;
    facts.kind = MessageKind::kDsnFailed;
    facts.looks_bounce = true;
    facts.original_message_ids = {"1@ours.example"};
    ReportedRecipient recipient;
    recipient.final_recipient = "gone@example.net";
    facts.recipients = {recipient};
    evidence.sender = SenderClass::kNull;
    evidence.recipients = 1;
    evidence.any_accepted = true;
    evidence.target_has_sent = true;
  }
  void Refuse(BodyCommand command) {
    transaction.body_command = command;
    transaction.body_started = false;
    transaction.outcome = Outcome::kRejected;
    evidence.any_accepted = false;
    evidence.all_refused = true;
    unread = true;
  }
  void Is(MessageKind kind) {
    facts.kind = kind;
    facts.looks_bounce = false;
    facts.recipients.clear();
  }
  bool unread = false;

  Judgement Judge() {
    evidence.transaction = &transaction;
    evidence.facts = unread ? nullptr : &facts;
    return Decide(evidence);
  }
};

void Expect(const Judgement& got, Verdict verdict, Confidence confidence, std::string_view reason,
            std::optional<bool> solicited) {
  EXPECT_EQ(VerdictName(got.verdict), VerdictName(verdict));
  EXPECT_EQ(ConfidenceName(got.confidence), ConfidenceName(confidence));
  EXPECT_EQ(got.reason, reason);
  EXPECT_EQ(got.solicited, solicited);
  EXPECT_FALSE(got.retry);
}

TEST(DecisionTable, ACalloutHasNoMessage) {
  Case c;
  c.unread = true;
  c.transaction.body_command = BodyCommand::kNone;
  c.transaction.body_started = false;
  c.transaction.outcome = Outcome::kAborted;
  Expect(c.Judge(), Verdict::kCalloutProbe, Confidence::kStrong, "no_message", std::nullopt);
  c.evidence.sender = SenderClass::kProbe;
  Expect(c.Judge(), Verdict::kCalloutProbe, Confidence::kStrong, "probe_sender", std::nullopt);
  c.evidence.sender = SenderClass::kOther;
  EXPECT_EQ(c.Judge().verdict, Verdict::kNormal);
  c.evidence.sender = SenderClass::kNull;
  c.transaction.outcome = Outcome::kUnfinished;  // the capture ended: a message may have come
  Expect(c.Judge(), Verdict::kUnknown, Confidence::kWeak, "no_body_seen", std::nullopt);
}

TEST(DecisionTable, MailWithASenderIsNormalUnlessItIsAutomatic) {
  Case c;
  c.evidence.sender = SenderClass::kOther;
  c.Is(MessageKind::kOther);
  EXPECT_EQ(c.Judge().verdict, Verdict::kNormal);
  c.Is(MessageKind::kAutoReply);
  EXPECT_EQ(c.Judge().verdict, Verdict::kAutoreply);
}

TEST(DecisionTable, ARefusedRcptWithoutDataMayBeAnything) {
  Case c;
  c.Refuse(BodyCommand::kNone);
  Expect(c.Judge(), Verdict::kNullRejectedRcpt, Confidence::kWeak, "rcpt_refused", std::nullopt);
}

TEST(DecisionTable, DataBehindAnUnknownUserIsBackscatterOnlyWithCoverageAndIfItNeverSent) {
  Case c;
  c.Refuse(BodyCommand::kData);
  c.evidence.unknown_user = true;
  c.evidence.would_have_seen = true;
  c.evidence.target_has_sent = false;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kMedium, "unknown_user_never_sent", false);
  c.evidence.target_has_sent = true;  // a no-reply address
  EXPECT_EQ(c.Judge().verdict, Verdict::kNullRejectedRcpt);
  c.evidence.target_has_sent = false;
  c.evidence.would_have_seen = false;
  EXPECT_EQ(c.Judge().verdict, Verdict::kNullRejectedRcpt);
  c.evidence.would_have_seen = true;
  c.evidence.unknown_user = false;
  EXPECT_EQ(c.Judge().verdict, Verdict::kNullRejectedRcpt);
}

TEST(DecisionTable, ARefusedBdatIsJudgedByTheMessageOnTheWire) {
  Case c;
  c.Refuse(BodyCommand::kBdat);
  c.unread = false;
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kMedium, "not_sent", false);
}

TEST(DecisionTable, HalfAHeaderBlockSaysNothing) {
  Case c;
  c.facts.headers_ended = false;
  Expect(c.Judge(), Verdict::kUnknown, Confidence::kWeak, "truncated", std::nullopt);
}

TEST(DecisionTable, AReportIsNoBounce) {
  Case c;
  c.Is(MessageKind::kDmarcReport);
  Expect(c.Judge(), Verdict::kReport, Confidence::kStrong, "dmarc_report", std::nullopt);
}

TEST(DecisionTable, AnMdnIsAskedForOrNot) {
  Case c;
  c.Is(MessageKind::kMdn);
  Expect(c.Judge(), Verdict::kUnknown, Confidence::kWeak, "mdn_without_coverage", std::nullopt);
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kMedium, "mdn_not_sent", false);
  c.evidence.message_id_sent = true;
  Expect(c.Judge(), Verdict::kMdn, Confidence::kStrong, "message_id_sent", true);
}

TEST(DecisionTable, AValidTagProvesABounce) {
  Case c;
  c.evidence.tag = TargetTag::kValid;
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kSolicited, Confidence::kStrong, "tag_valid", true);
  c.facts.kind = MessageKind::kDsnRelayed;
  Expect(c.Judge(), Verdict::kDsnSuccess, Confidence::kStrong, "tag_valid", true);
  c.Is(MessageKind::kAutoReply);
  Expect(c.Judge(), Verdict::kAutoreply, Confidence::kStrong, "tag_valid", true);
}

TEST(DecisionTable, WhatWeSentComesBack) {
  Case c;
  c.evidence.pair_sent = true;
  Expect(c.Judge(), Verdict::kSolicited, Confidence::kMedium, "pair_sent", true);
  c.evidence.message_id_sent = true;
  Expect(c.Judge(), Verdict::kSolicited, Confidence::kStrong, "message_id_sent", true);
  c.facts.kind = MessageKind::kDsnDelivered;
  Expect(c.Judge(), Verdict::kDsnSuccess, Confidence::kStrong, "message_id_sent", true);
}

TEST(DecisionTable, AChallengeAnswersAMailOfOursOrNot) {
  Case c;
  c.Is(MessageKind::kChallengeResponse);
  EXPECT_EQ(c.Judge().solicited, false);
  c.evidence.reference_sent = true;
  Expect(c.Judge(), Verdict::kChallengeResponse, Confidence::kMedium, "reference_sent", true);
}

TEST(DecisionTable, AnAutoReplyNeedsCoverageToBeUnsolicited) {
  Case c;
  c.Is(MessageKind::kAutoReply);
  Expect(c.Judge(), Verdict::kAutoreply, Confidence::kWeak, "no_coverage", std::nullopt);
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kAutoreply, Confidence::kMedium, "reference_not_sent", false);
  c.evidence.reference_sent = true;
  Expect(c.Judge(), Verdict::kAutoreply, Confidence::kStrong, "reference_sent", true);
}

TEST(DecisionTable, ABadTagIsBackscatterButOnlyForTheNullSender) {
  Case c;
  c.evidence.tag = TargetTag::kWrong;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kStrong, "tag_wrong", false);
  c.evidence.tag = TargetTag::kExpired;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kStrong, "tag_expired", false);
  c.evidence.sender = SenderClass::kOther;
  EXPECT_EQ(c.Judge().verdict, Verdict::kUnknown);
  c.evidence.sender = SenderClass::kNull;
  c.evidence.tag = TargetTag::kUnverified;
  EXPECT_EQ(c.Judge().verdict, Verdict::kUnknown);
}

TEST(DecisionTable, ForgedProofAndAMissingTagAreStrong) {
  Case c;
  c.evidence.forged_proof = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kStrong, "forged_received", false);
  c.evidence.forged_proof = false;
  c.evidence.target_tags_all = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kStrong, "tag_missing", false);
  c.evidence.message_id_sent = true;  // proof comes first
  EXPECT_EQ(c.Judge().verdict, Verdict::kSolicited);
}

TEST(DecisionTable, OurRelaysNameIsWeakEvidenceAndNoneWithCoverage) {
  Case c;
  c.evidence.names_our_relay = true;
  Expect(c.Judge(), Verdict::kSolicited, Confidence::kWeak, "relay_named", true);
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kUnknown, Confidence::kWeak, "relay_named_but_not_sent", std::nullopt);
  c.evidence.would_surely_have_seen = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kMedium, "relay_named_but_not_sent", false);
}

TEST(DecisionTable, WhatWeNeverSentIsBackscatterOnlyWithCoverage) {
  Case c;
  Expect(c.Judge(), Verdict::kUnknown, Confidence::kWeak, "no_coverage", std::nullopt);
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kMedium, "not_sent", false);
  c.evidence.target_flood = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kStrong, "not_sent", false);
  c.evidence.target_flood = false;
  c.evidence.target_has_sent = false;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kStrong, "target_never_sent", false);
}

TEST(DecisionTable, ABounceThatReturnsNothingIsJudgedByTheFloodAlone) {
  Case c;
  c.facts.original_message_ids.clear();
  c.facts.recipients.clear();
  c.evidence.would_have_seen = true;
  Expect(c.Judge(), Verdict::kUnknown, Confidence::kWeak, "no_evidence", std::nullopt);
  c.evidence.target_flood = true;
  Expect(c.Judge(), Verdict::kBackscatter, Confidence::kMedium, "no_evidence_in_flood", false);
  c.evidence.would_have_seen = false;
  EXPECT_EQ(c.Judge().verdict, Verdict::kUnknown);
}

TEST(DecisionTable, OtherNullMailIsNoBounce) {
  Case c;
  c.Is(MessageKind::kOther);
  Expect(c.Judge(), Verdict::kNullOther, Confidence::kMedium, "no_bounce", std::nullopt);
  c.evidence.recipients = 2;
  Expect(c.Judge(), Verdict::kNullBulk, Confidence::kMedium, "several_recipients", std::nullopt);
}

TEST(DecisionTable, ALoopOverridesWhatTheBounceWouldBe) {
  Case c;
  c.evidence.loop = true;
  c.evidence.message_id_sent = true;
  Expect(c.Judge(), Verdict::kBounceLoop, Confidence::kStrong, "same_report_again", std::nullopt);
  c.evidence.answers_our_report = true;
  Expect(c.Judge(), Verdict::kBounceLoop, Confidence::kStrong, "report_of_ours_returned",
         std::nullopt);
}

}  // namespace
}  // namespace backscatter
