// Rows 6 to 8, 10, 12, 13 and 20 to 22 of the decision table (DETECTION section 3): messages that
// cannot be read, and those that are no bounces.
#include <gtest/gtest.h>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

TEST(Row6, AMessageThatBreaksOffInItsHeadersSaysNothing) {
  CoveredGateway gateway;
  Gateway::Talk talk(gateway);
  talk.Open().C("DATA\r\n").S("354 go on\r\n").C("From: MAILER-DAEMON@far.example\r\nSubject: Und");
  EXPECT_EQ(talk.Close(CloseReason::kReset), "unknown weak truncated");
}

TEST(Row6, AMessageWhoseHeadersWereLostSaysNothing) {
  CoveredGateway gateway;
  Gateway::Talk talk(gateway);
  talk.Open().C("DATA\r\n").S("354 go on\r\n").C("From: MAILER-DAEMON@far.example\r\nSubject: Und");
  talk.CLost(3000, "QUIT\r\n").S("250 taken\r\n221 bye\r\n");
  EXPECT_EQ(talk.Close(), "unknown weak truncated");
}

TEST(Row6, BehindTheHeadersWhatWasSeenCounts) {
  CoveredGateway gateway;
  Gateway::Talk talk(gateway);
  const std::string text = Text({.returned = {{.message_id = "sent-1@ours.example"}}});
  talk.Open().C("DATA\r\n").S("354 go on\r\n").C(text.substr(0, text.find("see you there")));
  EXPECT_EQ(talk.Close(CloseReason::kReset), "solicited strong message_id_sent solicited");
}

TEST(Row6, WithoutBodiesTheEnvelopeAloneIsNoBounce) {
  CoveredGateway gateway({.capture_bytes = 0});
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), "unknown weak body_not_read");
  EXPECT_EQ(gateway.Receive(RefusedData()),
            "backscatter medium unknown_user_never_sent unsolicited");
}

TEST(Row7, ComplaintsAndReportsOfTlsAndDmarcAreNoBounces) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Complaint())), "report strong arf");
  EXPECT_EQ(gateway.Receive(FromNobody(TlsReport())), "report strong tls_report");
  EXPECT_EQ(gateway.Receive(FromNobody(DmarcReport())), "report strong dmarc_report");
}

TEST(Row8, AnMdnAboutAMailOfOursIsSolicited) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Mdn("sent-1@ours.example"))),
            "mdn strong message_id_sent solicited");
}

TEST(Row8, AnMdnThatOnlyNamesThePairIsLikelyOurs) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Mdn("", "joe@far.example"))),
            "mdn medium pair_sent solicited");
}

TEST(Row8, AnMdnAboutAMailThatWeDidNotSendIsBackscatterOnlyWithCoverage) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Mdn("forged@spam.example", "x@far.example"))),
            "backscatter medium mdn_not_sent unsolicited");
  Gateway blind;
  EXPECT_EQ(blind.Receive(FromNobody(Mdn("forged@spam.example", "x@far.example"))),
            "unknown weak mdn_without_coverage");
}

TEST(Row8, AnMdnThatRefusesIsABounce) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(RefusingMdn("sent-1@ours.example"))),
            "solicited strong message_id_sent solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(RefusingMdn("forged@spam.example"))),
            "backscatter medium not_sent unsolicited");
}

TEST(Row12, AChallengeAnswersAMailOfOursOrNot) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Challenge("sent-1@ours.example"))),
            "challenge_response medium reference_sent solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Challenge("forged@spam.example"))),
            "challenge_response medium reference_not_sent unsolicited");
}

TEST(Row12, AChallengeNeedsNoCoverage) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Challenge("forged@spam.example"))),
            "challenge_response medium reference_not_sent unsolicited");
}

TEST(Row12, AChallengeToTheSenderOfOneMailOfAListIsLikelyForUs) {
  Gateway gateway({.verp_patterns = {"list+*@ours.example"}});
  gateway.Send(OwnMail("sent-1@ours.example", "list+7@ours.example"));
  EXPECT_EQ(gateway.Receive(FromNobody(Challenge(), {"list+7@ours.example"})),
            "challenge_response medium pair_sent solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Challenge(), {"list+8@ours.example"})),
            "challenge_response medium reference_not_sent unsolicited");
}

TEST(Row13, AVacationNoticeAnswersAMailOfOursOrNot) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Vacation("sent-1@ours.example"))),
            "autoreply strong reference_sent solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Vacation("", "<a@far.example> <sent-1@ours.example>"))),
            "autoreply strong reference_sent solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Vacation("forged@spam.example"))),
            "autoreply medium reference_not_sent unsolicited");
  Gateway blind;
  EXPECT_EQ(blind.Receive(FromNobody(Vacation("forged@spam.example"))),
            "autoreply weak no_coverage");
}

TEST(Row20, SeveralRecipientsOfWhatIsNoBounceAreBulk) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Ticket(), {"anna@ours.example", "bert@ours.example"})),
            "null_bulk medium several_recipients");
}

TEST(Row20, OneRecipientIsNoBulk) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Ticket(), {"anna@ours.example"})),
            "null_other medium no_bounce");
}

TEST(Row20, WithoutA354ItIsNoBulk) {
  CoveredGateway gateway;
  Letter refused = RefusedBdat(Ticket());
  refused.to = {"anna@ours.example", "bert@ours.example"};
  EXPECT_EQ(gateway.Receive(refused), "null_other medium no_bounce");
}

TEST(Row20, ABounceToSeveralRecipientsIsABounce) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.returned = {{.message_id = "sent-1@ours.example"}}}),
                                       {"anna@ours.example", "bert@ours.example"})),
            "solicited strong message_id_sent solicited");
}

TEST(Row21, OtherNullMailIsNeverBackscatter) {
  CoveredGateway gateway;
  const FloodsOf floods({"anna@ours.example"});
  gateway.SetFloods(&floods);
  EXPECT_EQ(gateway.Receive(FromNobody(Ticket())), "null_other medium no_bounce");
}

TEST(Row22, WhatNoRowKnowsIsUnknownAndSaysWhy) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive({.to = {}, .body = Body::kNone}), "unknown weak no_body_seen");
}

}  // namespace
}  // namespace backscatter
