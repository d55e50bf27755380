// The rules of a dialogue, one test a rule.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kMail = "MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\n";

SessionRunner& Greet(SessionRunner& run) {
  return run.S("220 mx ESMTP\r\n").C("EHLO out.test\r\n").S("250-mx\r\n250 PIPELINING\r\n");
}

TEST(DialogueTest, APlainBounceIsOneAcceptedTransaction) {
  SessionRunner run;
  Greet(run)
      .C("MAIL FROM:<> SIZE=2309\r\n")
      .S("250 2.1.0 Ok\r\n")
      .C("RCPT TO:<v@v.test> ORCPT=rfc822;v@v.test\r\n")
      .S("250 2.1.5 Ok\r\n")
      .C("DATA\r\n")
      .S("354 go\r\n")
      .C("Subject: x\r\n\r\nbody\r\n.\r\n")
      .S("250 2.0.0 queued\r\n")
      .C("QUIT\r\n")
      .S("221 bye\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted"));
  const Transaction& t = run.transaction(0);
  EXPECT_EQ(t.Text(t.helo), "out.test");
  EXPECT_EQ(t.Text(t.mail_parameters), "SIZE=2309");
  EXPECT_EQ(t.Text(t.recipients[0].parameters), "ORCPT=rfc822;v@v.test");
  EXPECT_EQ(t.recipients[0].enhanced.class_digit, 2);
  EXPECT_EQ(t.recipients[0].enhanced.subject, 1);
  EXPECT_EQ(t.recipients[0].enhanced.detail, 5);
  EXPECT_EQ(t.protocol, Protocol::kEsmtp);
  EXPECT_EQ(t.body_bytes, 23u);
  EXPECT_EQ(t.completeness, Completeness::kComplete);
  ASSERT_EQ(run.sessions().size(), 1u);
  EXPECT_FALSE(run.sessions()[0].encrypted);
  EXPECT_FALSE(run.sessions()[0].one_sided);
}

TEST(DialogueTest, PipelinedRepliesGoToTheirCommandsInOrder) {
  SessionRunner run;
  Greet(run)
      .C("MAIL FROM:<>\r\nRCPT TO:<a@v.test>\r\nRCPT TO:<b@v.test>\r\nDATA\r\n")
      .S("250 ok\r\n250 ok\r\n550 5.1.1 no such user\r\n354 go\r\n")
      .C("x\r\n.\r\n")
      .S("250 ok\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 a@v.test=250 b@v.test=550 DATA+ 250 accepted"));
  EXPECT_FALSE(run.transaction(0).recipients[0].unknown_user);
  EXPECT_TRUE(run.transaction(0).recipients[1].unknown_user);
}

TEST(DialogueTest, ARefusedPipelinedDataMakesNoBody) {
  SessionRunner run;
  Greet(run)
      .C(std::string(kMail) + "DATA\r\n")
      .S("250 ok\r\n550 5.1.1 unknown\r\n554 no valid recipients\r\n")
      .C("RSET\r\n")
      .S("250 ok\r\n")
      .C("MAIL FROM:<b@x.test>\r\n")
      .S("250 ok\r\n")
      .Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=550 DATA 554 rejected", "b@x.test 250 - 0 unfinished"));
}

TEST(DialogueTest, ARefusedDataLeavesTheTransactionOpen) {
  SessionRunner run;
  Greet(run)
      .C("MAIL FROM:<>\r\n")
      .S("250 ok\r\n")
      .C("DATA\r\n")
      .S("503 need RCPT\r\n")
      .C("RCPT TO:<v@v.test>\r\n")
      .S("250 ok\r\n")
      .C("DATA\r\n")
      .S("354 go\r\n")
      .C(".\r\n")
      .S("250 ok\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted"));
}

TEST(DialogueTest, ACalloutIsAborted) {
  for (const char* end : {"QUIT\r\n", "RSET\r\n"}) {
    SessionRunner run;
    Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").C(end).S("221 bye\r\n").Close();
    EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted")) << end;
  }
}

TEST(DialogueTest, ACloseBeforeTheBodyReplyAbortsButTheEndOfTheCaptureDoesNot) {
  for (const auto& [reason, outcome] :
       {std::pair{CloseReason::kFin, "aborted"}, std::pair{CloseReason::kReset, "aborted"},
        std::pair{CloseReason::kEndOfInput, "unfinished"},
        std::pair{CloseReason::kTimeout, "unfinished"}}) {
    SessionRunner run;
    Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").C("DATA\r\n").S("354 go\r\n").C("x\r\n.\r\n");
    run.Close(reason);
    EXPECT_THAT(run.Lines(), ElementsAre(std::string("<> 250 v@v.test=250 DATA+ 0 ") + outcome));
  }
}

TEST(DialogueTest, ARejectedBodyIsRejected) {
  SessionRunner run;
  Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").C("DATA\r\n").S("354 go\r\n").C("x\r\n.\r\n");
  run.S("550 5.7.1 spam\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 550 rejected"));
}

TEST(DialogueTest, AMailRefusedAsNestedIsItsOwnLineAndRcptsBelongToTheOpenOne) {
  SessionRunner run;
  Greet(run)
      .C("MAIL FROM:<a@x.test>\r\n")
      .S("250 ok\r\n")
      .C("MAIL FROM:<>\r\n")
      .S("503 nested MAIL command\r\n")
      .C("RCPT TO:<v@v.test>\r\n")
      .S("250 ok\r\n")
      .C("QUIT\r\n")
      .S("221 bye\r\n")
      .Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 503 - 0 rejected", "a@x.test 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kNestedMail), 1u);
}

TEST(DialogueTest, RcptsBehindARefusedMailBelongToIt) {
  SessionRunner run;
  Greet(run)
      .C("MAIL FROM:<bad\r\nRCPT TO:<v@v.test>\r\n")
      .S("501 syntax\r\n503 need MAIL\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("bad 501 v@v.test=503 - 0 rejected"));
  EXPECT_EQ(run.sessions()[0].orphan_recipients, 0u);
}

TEST(DialogueTest, ARcptWithoutMailIsAnOrphan) {
  SessionRunner run;
  Greet(run).C("RCPT TO:<v@v.test>\r\n").S("503 need MAIL\r\n").Close();
  EXPECT_THAT(run.transactions(), IsEmpty());
  EXPECT_EQ(run.sessions()[0].orphan_recipients, 1u);
  EXPECT_EQ(run.Count(Anomaly::kRcptWithoutMail), 1u);
}

TEST(DialogueTest, AnAcceptedEhloResetsAndARejectedOneDoesNot) {
  SessionRunner accepted;
  Greet(accepted).C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("EHLO x\r\n").S("250 mx\r\n");
  accepted.C("RCPT TO:<v@v.test>\r\n").S("503 no\r\n").Close();
  EXPECT_THAT(accepted.Lines(), ElementsAre("<> 250 - 0 unfinished"));
  EXPECT_EQ(accepted.sessions()[0].orphan_recipients, 1u);

  SessionRunner rejected;
  Greet(rejected).C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("EHLO\r\n").S("501 no\r\n");
  rejected.C("RCPT TO:<v@v.test>\r\n").S("250 ok\r\n").Close();
  EXPECT_THAT(rejected.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
}

TEST(DialogueTest, EachLmtpRecipientHasItsOwnFinalReply) {
  SessionRunner run;
  run.S("220 lmtp\r\n").C("LHLO out.test\r\n").S("250 lmtp\r\n");
  run.C("MAIL FROM:<>\r\nRCPT TO:<a@v>\r\nRCPT TO:<b@v>\r\nRCPT TO:<c@v>\r\nDATA\r\n");
  run.S("250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n").C("x\r\n.\r\n");
  run.S("250 delivered\r\n452 full\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 a@v=250/250 b@v=550 c@v=250/452 DATA+ 452 accepted"));
  EXPECT_EQ(run.transaction(0).protocol, Protocol::kLmtp);
}

TEST(DialogueTest, LmtpWithBdatAlsoHasOneReplyARecipient) {
  SessionRunner run;
  run.S("220 lmtp\r\n").C("LHLO out.test\r\n").S("250 lmtp\r\n");
  run.C("MAIL FROM:<>\r\nRCPT TO:<a@v>\r\nRCPT TO:<b@v>\r\nBDAT 3 LAST\r\nabcMAIL FROM:<z@x>\r\n");
  run.S("250 ok\r\n250 ok\r\n250 ok\r\n250 a\r\n550 b\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 a@v=250/250 b@v=250/550 BDAT+ 550 accepted",
                                       "z@x 250 - 0 unfinished"));
}

TEST(DialogueTest, ABannerIsNoReplyEvenIfTheClientSpokeFirst) {
  SessionRunner run;
  run.C("EHLO out.test\r\nMAIL FROM:<>\r\n").S("220 mx\r\n").S("250 mx\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 - 0 unfinished"));
}

TEST(DialogueTest, ARefusingBannerIsASessionWithoutTransactions) {
  SessionRunner run;
  run.S("554 go away\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  EXPECT_THAT(run.transactions(), IsEmpty());
  EXPECT_EQ(run.sessions().size(), 1u);
}

TEST(DialogueTest, A421OutOfTheBlueBreaksNothing) {
  SessionRunner run;
  Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").S("421 timeout\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kUnsolicitedReply), 0u);
}

TEST(DialogueTest, ImplicitTlsIsAnEncryptedSession) {
  SessionRunner run;
  run.OnPort(465, true).C(std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8));
  EXPECT_EQ(run.verdict(), StreamVerdict::kContinue);
  run.S(std::string("\x16\x03\x03\x00\x7a\x02", 6)).Close();
  EXPECT_EQ(run.verdict(), StreamVerdict::kIgnore);
  ASSERT_EQ(run.sessions().size(), 1u);
  EXPECT_TRUE(run.sessions()[0].encrypted);
}

TEST(DialogueTest, AcceptedStarttlsEndsWhatCanBeRead) {
  SessionRunner run;
  Greet(run).C("STARTTLS\r\n").S("220 go\r\n").C(std::string("\x16\x03\x01\x00\x05hello", 10));
  run.Close();
  EXPECT_EQ(run.verdict(), StreamVerdict::kIgnore);
  EXPECT_TRUE(run.sessions()[0].encrypted);
}

TEST(DialogueTest, StarttlsThatIsAcceptedAndThenNothingIsEncrypted) {
  SessionRunner run;
  Greet(run).C("STARTTLS\r\n").S("220 go\r\n").Close();
  EXPECT_TRUE(run.sessions()[0].encrypted);
}

TEST(DialogueTest, RefusedStarttlsGoesOnInTheClear) {
  SessionRunner run;
  Greet(run).C("STARTTLS\r\n").S("502 no\r\n").C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_FALSE(run.sessions()[0].encrypted);
}

TEST(DialogueTest, AnAuthExchangeIsSkippedAndNeverReadAsCommands) {
  SessionRunner run;
  Greet(run)
      .C("AUTH LOGIN\r\n")
      .S("334 VXNlcm5hbWU6\r\n")
      .C("MAIL FROM:<>\r\n")
      .S("334 UGFzc3dvcmQ6\r\n")  // a user who is called like a command
      .C("RCPT TO:<x@y>\r\n")
      .S("235 2.7.0 ok\r\n")
      .C("MAIL FROM:<a@x.test>\r\n")
      .S("250 ok\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("a@x.test 250 - 0 unfinished"));
  EXPECT_TRUE(run.transaction(0).authenticated);
}

TEST(DialogueTest, ProxyV1SetsTheSourceOnlyForATrustedPeer) {
  for (const bool trusted : {true, false}) {
    SessionRunner run(trusted ? std::vector{*IpNetwork::Parse("198.51.100.0/24")}
                              : std::vector<IpNetwork>{});
    run.C("PROXY TCP4 203.0.").C("113.9 192.0.2.25 5555 25\r\n");
    Greet(run).C("MAIL FROM:<>\r\n").S("250 ok\r\n").Close();
    ASSERT_EQ(run.transactions().size(), 1u);
    EXPECT_EQ(run.transaction(0).source.ToString(), trusted ? "203.0.113.9" : "198.51.100.7");
    EXPECT_EQ(run.transaction(0).client.address.ToString(), "198.51.100.7");
    EXPECT_EQ(run.Count(Anomaly::kUntrustedProxyHeader), trusted ? 0u : 1u);
    ASSERT_EQ(run.sessions().size(), 1u);
    EXPECT_EQ(run.sessions()[0].source, run.transaction(0).source);
    EXPECT_EQ(run.sessions()[0].client.ToString(), "198.51.100.7:40000");
    EXPECT_EQ(run.sessions()[0].server.ToString(), "192.0.2.25:25");
  }
}

TEST(DialogueTest, ProxyV2BytesAreNotRead) {
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
  header += std::string("\xcb\x00\x71\x0a\xc0\x00\x02\x19\x15\xb3\x00\x19", 12);
  for (std::size_t cut = 0; cut <= header.size(); ++cut) {  // split anywhere
    SessionRunner run({*IpNetwork::Parse("198.51.100.7")});
    run.C(header.substr(0, cut)).C(header.substr(cut) + "EHLO x\r\n");
    run.S("220 mx\r\n").S("250 mx\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n").Close();
    ASSERT_EQ(run.transactions().size(), 1u) << cut;
    EXPECT_EQ(run.transaction(0).source.ToString(), "203.0.113.10") << cut;
    EXPECT_EQ(run.Count(Anomaly::kBadCommand), 0u) << cut;
  }
}

TEST(DialogueTest, XclientCountsAfterIts220AndXforwardNever) {
  SessionRunner run({*IpNetwork::Parse("198.51.100.7")});
  Greet(run)
      .C("XFORWARD ADDR=192.0.2.99\r\n")
      .S("250 ok\r\n")
      .C("MAIL FROM:<a@x.test>\r\n")
      .S("250 ok\r\n")
      .C("RSET\r\n")
      .S("250 ok\r\n")
      .C("XCLIENT ADDR=IPV6:2001:db8::9 NAME=x\r\n")
      .S("220 mx again\r\n")
      .C("EHLO y\r\n")
      .S("250 mx\r\n")
      .C("MAIL FROM:<b@x.test>\r\n")
      .S("250 ok\r\n")
      .C("XCLIENT ADDR=192.0.2.1\r\n")
      .S("503 not now\r\n")
      .C("RSET\r\n")
      .S("250 ok\r\n")
      .C("MAIL FROM:<c@x.test>\r\n")
      .S("250 ok\r\n")
      .Close();
  ASSERT_EQ(run.transactions().size(), 3u);
  EXPECT_EQ(run.transaction(0).source.ToString(), "198.51.100.7");
  EXPECT_EQ(run.transaction(1).source.ToString(), "2001:db8::9");
  EXPECT_EQ(run.transaction(2).source.ToString(), "2001:db8::9");
}

TEST(DialogueTest, AClientAloneIsReadWithoutReplies) {
  SessionRunner run;
  run.ClientOnly().C("EHLO x\r\n").C("MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\nDATA\r\n");
  run.C("MAIL FROM:<>\r\nquoted\r\n.\r\n").C("MAIL FROM:<b@x.test>\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 0 v@v.test=0 DATA 0 unfinished", "b@x.test 0 - 0 unfinished"));
  EXPECT_EQ(run.transaction(0).completeness, Completeness::kOneSided);
  EXPECT_TRUE(run.sessions()[0].one_sided);
}

TEST(DialogueTest, AClientAloneMayEndABodyLeniently) {
  SessionRunner run;
  run.ClientOnly().C("HELO x\nMAIL FROM:<>\nRCPT TO:<v@v.test>\nDATA\n").C("x\n.\nQUIT\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 0 v@v.test=0 DATA 0 unfinished"));
}

TEST(DialogueTest, AServerAloneIsASessionWithoutTransactions) {
  SessionRunner run;
  run.S("220 mx\r\n").S("250 mx\r\n").S("250 ok\r\n").S("354 go\r\n").S("250 ok\r\n").Close();
  EXPECT_THAT(run.transactions(), IsEmpty());
  EXPECT_TRUE(run.sessions()[0].one_sided);
}

TEST(DialogueTest, AMidStreamStartInABodyCountsNothingThatTheBodyQuotes) {
  SessionRunner run;
  run.MidStream()
      .C("MAIL FROM:<>\r\nRCPT TO:<quoted@v.test>\r\nDATA\r\n")
      .C("EHLO quoted\r\nMAIL FROM:<>\r\n.\r\n")
      .S("250 queued\r\n")
      .C(kMail)
      .S("250 ok\r\n250 ok\r\n")
      .C("QUIT\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_TRUE(run.sessions()[0].mid_stream);
  EXPECT_EQ(run.transaction(0).completeness, Completeness::kMidStream);
  EXPECT_GT(run.Count(Loss::kSmtpUnsyncedBytes), 0u);
}

TEST(DialogueTest, AMidStreamStartJustBehind354ReadsTheBodyAsBody) {
  SessionRunner run;
  run.MidStream().S("354 go\r\n").C("MAIL FROM:<>\r\nRCPT TO:<q@v.test>\r\n.\r\n").S("250 ok\r\n");
  run.C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kTransactionLost), 1u);
}

TEST(DialogueTest, AGapWithAWholeTransactionInItIsLostAndTheNextIsRight) {
  SessionRunner run;
  Greet(run).CLost(46).S("250 ok\r\n250 ok\r\n354 go\r\n");
  run.C("MAIL FROM:<>\r\nRCPT TO:<q@v.test>\r\n.\r\n").S("250 ok\r\n");
  run.C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kTransactionLost), 1u);
  EXPECT_TRUE(run.sessions()[0].with_gaps);
}

TEST(DialogueTest, AGapInABodyWithItsEndIsSettledByTheReply) {
  SessionRunner run;
  Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").C("DATA\r\n").S("354 go\r\n");
  run.C("start\r\nMAIL FR").CLost(683).S("250 queued\r\n").C(kMail).S("250 ok\r\n250 ok\r\n");
  run.Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted",
                                       "<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.transaction(0).completeness, Completeness::kGap);
  EXPECT_EQ(run.transaction(1).completeness, Completeness::kComplete);
}

TEST(DialogueTest, AGapInsideABodyLeavesItABody) {
  SessionRunner run;
  Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").C("DATA\r\n").S("354 go\r\n");
  run.C("start\r\n").CLost(100, "FROM:<>\r\nMAIL FROM:<>\r\nRCPT TO:<q@v>\r\n.\r\n");
  run.S("250 queued\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted"));
}

TEST(DialogueTest, LostRepliesLeaveTheirCommandsUnanswered) {
  SessionRunner run;
  Greet(run).C(kMail).SLost(30).C("RSET\r\n").S("250 ok\r\n").C(kMail).S("250 a\r\n550 b\r\n");
  run.Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 0 v@v.test=0 - 0 unfinished", "<> 250 v@v.test=550 - 0 rejected"));
}

TEST(DialogueTest, ALostReplyToDataIsSettledByWhatTheClientDoes) {
  for (const bool refused : {false, true}) {
    SessionRunner run;
    Greet(run).C(kMail).S("250 ok\r\n250 ok\r\n").C("DATA\r\n").SLost(20);
    if (refused) {
      run.C("RSET\r\n").S("250 ok\r\n");
    } else {
      run.C("Subject: MAIL FROM:<>\r\n\r\nMAIL FROM:<>\r\n.\r\n").S("250 ok\r\n");
    }
    run.Close();
    ASSERT_EQ(run.transactions().size(), 1u);
    EXPECT_EQ(run.transaction(0).outcome, refused ? Outcome::kAborted : Outcome::kAccepted);
  }
}

TEST(DialogueTest, SomethingElseOnAnSmtpPortIsRefusedAndCounted) {
  SessionRunner run;
  run.C(std::string(5000, '\x01')).Close();
  EXPECT_EQ(run.verdict(), StreamVerdict::kRefuse);
  EXPECT_EQ(run.sessions().size(), 0u);
  EXPECT_EQ(run.Count(Anomaly::kNotSmtp), 1u);
}

TEST(DialogueTest, ElsewhereAVerbAndAReplyMakeASession) {
  SessionRunner both;
  both.OnPort(1224, false).S("220 mx\r\n").C("EHLO x\r\n").S("250 mx\r\n").C(kMail);
  both.S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_EQ(both.sessions().size(), 1u);
  EXPECT_EQ(both.transactions().size(), 1u);

  SessionRunner ftp;
  ftp.OnPort(21, false).S("220 FTP\r\n").C("USER joe\r\n").S("331 pass\r\n").Close();
  EXPECT_EQ(ftp.verdict(), StreamVerdict::kRefuse);
  EXPECT_EQ(ftp.sessions().size(), 0u);
  EXPECT_EQ(ftp.Count(Anomaly::kNotSmtp), 0u);
}

}  // namespace
}  // namespace backscatter
