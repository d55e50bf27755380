// Rows 1 to 5 of the decision table (DETECTION section 3): what comes without a message.
#include <gtest/gtest.h>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

TEST(Row1, ANullSenderWithoutAMessageIsACalloutHoweverItEnds) {
  for (const End end : {End::kQuit, End::kRset, End::kClose, End::kReset}) {
    Gateway gateway;
    EXPECT_EQ(gateway.Receive({.body = Body::kNone, .end = end}),
              "callout_probe strong no_message");
  }
}

TEST(Row1, OneAcceptedRecipientIsEnough) {
  Gateway gateway;
  const Letter letter{.to = {"no@ours.example", "anna@ours.example"},
                      .body = Body::kNone,
                      .rcpt_replies = {"550 5.1.1 no such user", "250 ok"}};
  EXPECT_EQ(gateway.Receive(letter), "callout_probe strong no_message");
}

TEST(Row1, TheEndOfTheCaptureIsNotTheEndOfASession) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive({.body = Body::kNone, .end = End::kCutOff}),
            "unknown weak no_body_seen");
}

TEST(Row1, LostOctetsMayHaveBeenTheMessage) {
  Gateway gateway;
  Gateway::Talk talk(gateway);
  talk.Open().CLost(2000, "QUIT\r\n").S("221 bye\r\n");
  EXPECT_EQ(talk.Close(), "unknown weak no_body_seen");
}

TEST(Row1, ARecipientWithoutAnAnswerIsNotAccepted) {
  Gateway gateway;
  Gateway::Talk talk(gateway);
  talk.S("220 ready\r\n").C("EHLO far.example\r\n").S("250 PIPELINING\r\n");
  talk.C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("RCPT TO:<anna@ours.example>\r\n");
  EXPECT_EQ(talk.Close(), "unknown weak no_body_seen");
}

TEST(Row1, TwoMailsOfOneSessionAreTwoCallouts) {
  Gateway gateway;
  Gateway::Talk talk(gateway);
  talk.Open().C("RSET\r\n").S("250 ok\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n");
  talk.C("RCPT TO:<bert@ours.example>\r\nQUIT\r\n").S("250 ok\r\n221 bye\r\n");
  EXPECT_EQ(talk.Close(), "callout_probe strong no_message | callout_probe strong no_message");
}

TEST(Row1, DoubleBounceProbesAreCalloutsWhateverTheAnswer) {
  for (const char* reply : {"250 ok", "550 5.1.1 no such user", "450 later"}) {
    for (const char* sender : {"double-bounce@far.example", "double-bounce5L03@far.example"}) {
      Gateway gateway;
      EXPECT_EQ(
          gateway.Receive(
              {.from = sender, .body = Body::kNone, .rcpt_replies = {reply}, .end = End::kRset}),
          "callout_probe strong probe_sender");
    }
  }
}

TEST(Row1, TheStampOfAProbeSenderHasUpTo16Characters) {
  const auto from = [](const char* sender) {
    Gateway gateway;
    return gateway.Receive({.from = sender, .body = Body::kNone});
  };
  EXPECT_EQ(from("double-bounce1234567890abcdef@far.example"), "callout_probe strong probe_sender");
  EXPECT_EQ(from("double-bounce1234567890abcdefg@far.example"), "normal strong has_sender");
  EXPECT_EQ(from("double-bounce-a@far.example"), "normal strong has_sender");
  EXPECT_EQ(from("double-bounce"), "normal strong has_sender");
}

TEST(Row1, AProbeOfWhichOctetsWereLostIsNone) {
  Gateway gateway;
  Gateway::Talk talk(gateway);
  talk.S("220 ready\r\n").C("EHLO far.example\r\n").S("250 PIPELINING\r\n");
  talk.C("MAIL FROM:<double-bounce@far.example>\r\n").S("250 ok\r\n");
  talk.C("RCPT TO:<anna@ours.example>\r\n").S("250 ok\r\n").CLost(2000, "QUIT\r\n");
  EXPECT_EQ(talk.S("221 bye\r\n").Close(), "normal strong has_sender");
}

TEST(Row1, AProbeSenderWithAMessageIsMail) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive({.from = "double-bounce@far.example", .text = Ticket()}),
            "normal strong has_sender");
}

TEST(Row2, MailWithASenderIsNormal) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive({.from = "joe@far.example", .text = Mail("1@far.example")}),
            "normal strong has_sender");
  EXPECT_EQ(gateway.Receive({.from = "mailer-daemon@far.example", .text = Ticket()}),
            "normal strong has_sender");
  EXPECT_EQ(gateway.Receive({.from = "joe@far.example", .body = Body::kNone}),
            "normal strong has_sender");
}

TEST(Row2, WhatADaemonWritesIsJudgedByWhatItIs) {
  CoveredGateway gateway;
  const std::string daemon = "mailer-daemon@far.example";
  EXPECT_EQ(gateway.Receive({.from = daemon, .text = Text(Misdirected())}),
            "backscatter medium not_sent unsolicited");
  EXPECT_EQ(gateway.Receive({.from = daemon, .text = Vacation()}),
            "autoreply medium reference_not_sent unsolicited");
  EXPECT_EQ(gateway.Receive({.from = daemon, .text = Challenge()}),
            "challenge_response medium reference_not_sent unsolicited");
  EXPECT_EQ(gateway.Receive({.from = daemon, .text = Mdn("sent-1@ours.example")}),
            "mdn strong message_id_sent solicited");
  EXPECT_EQ(gateway.Receive({.from = daemon, .text = Complaint()}), "report strong arf");
  // Another's mail is read only where all is.
  EXPECT_EQ(gateway.Receive({.from = "joe@far.example", .text = Vacation()}),
            "normal strong has_sender");
  CoveredGateway forensic({.read_all = true});
  EXPECT_EQ(forensic.Receive({.from = "joe@far.example", .text = Vacation()}),
            "autoreply medium reference_not_sent unsolicited");
}

TEST(Row3, ASessionThatGoesTlsBeforeMailHasNoVerdict) {
  Gateway gateway;
  Gateway::Talk talk(gateway);
  talk.S("220 ready\r\n").C("EHLO far.example\r\n").S("250 STARTTLS\r\n");
  talk.C("STARTTLS\r\n").S("220 go on\r\n").C("\x16\x03\x01\x02\x01\x01rest");
  EXPECT_EQ(talk.Close(), "");
  EXPECT_EQ(gateway.Counted().sessions.encrypted, 1u);
  EXPECT_EQ(gateway.Counted().transactions.total, 0u);
}

TEST(Row4, ARefusedRecipientWithoutDataMayBeAProbeOrABounce) {
  for (const char* reply : {"550 5.1.1 no such user", "450 4.7.1 greylisted", "554 5.7.1 no"}) {
    CoveredGateway gateway;
    EXPECT_EQ(gateway.Receive({.body = Body::kNone, .rcpt_replies = {reply}, .end = End::kRset}),
              "null_rejected_rcpt weak rcpt_refused")
        << reply;
  }
}

TEST(Row4, AllRecipientsMustBeRefused) {
  CoveredGateway gateway;
  Letter letter{.to = {"nobody@ours.example", "no-one@ours.example"},
                .body = Body::kNone,
                .rcpt_replies = {"550 5.1.1 no such user"}};
  EXPECT_EQ(gateway.Receive(letter), "null_rejected_rcpt weak rcpt_refused");
  letter.rcpt_replies.push_back("250 ok");
  EXPECT_EQ(gateway.Receive(letter), "callout_probe strong no_message");
}

TEST(Row5, DataBehindAnUnknownUserWhoNeverSentIsBackscatter) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(RefusedData()),
            "backscatter medium unknown_user_never_sent unsolicited");
  EXPECT_EQ(gateway.Receive(RefusedData("550 no such user here")),
            "backscatter medium unknown_user_never_sent unsolicited");
}

TEST(Row5, AnyOtherRefusalSaysNothing) {
  for (const char* reply :
       {"554 5.7.1 relaying denied", "550 5.7.1 blocked by policy", "450 4.7.1 greylisted"}) {
    CoveredGateway gateway;
    EXPECT_EQ(gateway.Receive(RefusedData(reply)), "null_rejected_rcpt weak rcpt_refused") << reply;
  }
}

TEST(Row5, WithoutCoverageNothingIsConcluded) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive(RefusedData()), "null_rejected_rcpt weak rcpt_refused");
}

TEST(Row5, AnAddressThatSendsButTakesNoMailIsNoProof) {
  CoveredGateway gateway;
  gateway.Send(OwnMail("sent-2@ours.example", "nobody@ours.example"));
  EXPECT_EQ(gateway.Receive(RefusedData()), "null_rejected_rcpt weak rcpt_refused");
}

TEST(Row5, WithAnAcceptedBodyTheMessageDecides) {
  CoveredGateway gateway;
  const Letter letter{.to = {"nobody@ours.example", "anna@ours.example"},
                      .text = Text({.returned = {{.message_id = "sent-1@ours.example"}}}),
                      .body = Body::kPipelinedData,
                      .rcpt_replies = {"550 5.1.1 no such user", "250 ok"}};
  EXPECT_EQ(gateway.Receive(letter), "solicited strong message_id_sent solicited");
}

TEST(Row5, DataThatWasRefusedByItselfIsNoUnknownUser) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive({.data_reply = "554 5.7.1 no bounces here"}),
            "null_rejected_rcpt weak data_refused");
}

TEST(Row5, DataThatNobodyAnsweredWasNotRefused) {
  CoveredGateway gateway;
  Gateway::Talk talk(gateway);
  talk.Open().C("DATA\r\n");
  EXPECT_EQ(talk.Close(CloseReason::kEndOfInput), "unknown weak no_body_seen");
}

TEST(Row5, ARefusedBdatIsJudgedByTheMessageThatIsOnTheWire) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(RefusedBdat(Text(Misdirected()))),
            "backscatter strong target_never_sent unsolicited");
  EXPECT_EQ(
      gateway.Receive(RefusedBdat(Text({.returned = {{.message_id = "sent-1@ours.example"}}}))),
      "solicited strong message_id_sent solicited");
  EXPECT_EQ(gateway.Receive(RefusedBdat(Vacation("sent-1@ours.example"))),
            "autoreply strong reference_sent solicited");
  EXPECT_EQ(gateway.Receive(RefusedBdat(Ticket())), "null_other medium no_bounce");
}

TEST(Row5, ARefusedBdatThatCannotBeReadIsStillARefusal) {
  const auto half_lost = [](const std::string& reply) {
    CoveredGateway gateway;
    Gateway::Talk talk(gateway);
    talk.S("220 ready\r\n").C("EHLO far.example\r\n").S("250 PIPELINING\r\n");
    talk.C("MAIL FROM:<>\r\nRCPT TO:<nobody@ours.example>\r\nBDAT 40 LAST\r\nSubject: Undeliv");
    talk.CLost(24, "QUIT\r\n");
    return talk.S("250 ok\r\n" + reply + "\r\n554 no\r\n221 bye\r\n").Close();
  };
  EXPECT_EQ(half_lost("550 5.1.1 no such user"),
            "backscatter medium unknown_user_never_sent unsolicited");
  EXPECT_EQ(half_lost("554 5.7.1 no"), "null_rejected_rcpt weak rcpt_refused");
}

}  // namespace
}  // namespace backscatter
