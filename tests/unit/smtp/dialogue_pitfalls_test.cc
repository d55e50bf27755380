// Faults of other programs, by the number that they have in our list of pitfalls.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kMail = "MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\n";
constexpr const char* kOkOk = "250 ok\r\n250 ok\r\n";

SessionRunner& Greet(SessionRunner& run) {
  return run.S("220 mx ESMTP\r\n").C("EHLO out.test\r\n").S("250-mx\r\n250 CHUNKING\r\n");
}

TEST(SmtpPitfalls, P01_BdatLastEndsTheMailAndTheNextIsAnother) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 4 LAST\r\nbody").S("250 queued\r\n");
  run.C(kMail).S(kOkOk).C("BDAT 4 LAST\r\nbody").S("250 queued\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 BDAT+ 250 accepted",
                                       "<> 250 v@v.test=250 BDAT+ 250 accepted"));
}

TEST(SmtpPitfalls, P02_BdatWithABadTailIsRefusedAndTheQueueStaysAligned) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 5 X\r\nRCPT TO:<w@v.test>\r\n");
  run.S("501 bad\r\n250 ok\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 w@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kBadBdat), 1u);
}

TEST(SmtpPitfalls, P03_BdatZeroLastHasNoPayload) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 4\r\nbody").S("250 ok\r\n");
  run.C("BDAT 0 LAST\r\nMAIL FROM:<b@x.test>\r\n").S("250 queued\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=250 BDAT+ 250 accepted", "b@x.test 250 - 0 unfinished"));
  EXPECT_EQ(run.transaction(0).body_bytes, 4u);
}

TEST(SmtpPitfalls, P04_BdatTakesExactlyItsOctetsWhateverTheyAre) {
  const std::string chunk = "MAIL FROM:<>\r\nRCPT TO:<q@v>\r\n.\r\n";
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT " + std::to_string(chunk.size()) + " LAST\r\n" + chunk +
                                 "MAIL FROM:<b@x.test>\r\nRCPT TO:<w@v.test>\r\n");
  run.S("250 queued\r\n250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 BDAT+ 250 accepted",
                                       "b@x.test 250 w@v.test=250 - 0 aborted"));
}

TEST(SmtpPitfalls, P05_ARefusedChunkThatIsInFlightIsNotParsed) {
  SessionRunner run;
  Greet(run).C("BDAT 14 LAST\r\nMAIL FROM:<>\r\nNOOP\r\n").S("503 no MAIL\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.transactions(), IsEmpty());
  EXPECT_EQ(run.Count(Anomaly::kTransactionLost), 0u);
}

TEST(SmtpPitfalls, P06_AbsurdBdatSizesStayInLineMode) {
  for (const char* size : {"184467440737095516150", "9223372036854775808", "-1", "+5", "0x10"}) {
    SessionRunner run;
    Greet(run).C(kMail).S(kOkOk).C(std::string("BDAT ") + size + " LAST\r\nRSET\r\n");
    run.S("501 bad\r\n250 ok\r\n").C("MAIL FROM:<b@x.test>\r\n").S("250 ok\r\n").Close();
    EXPECT_THAT(run.transactions(), SizeIs(2)) << size;
    EXPECT_EQ(run.Count(Anomaly::kBadBdat), 1u) << size;
  }
}

TEST(SmtpPitfalls, P07_ABareBdatIsNoChunk) {
  for (const char* line : {"BDAT\r\n", "BDAT SCRAMBLE\r\n", "BDAT  \r\n"}) {
    SessionRunner run;
    Greet(run).C(kMail).S(kOkOk).C(line).S("501 bad\r\n").C("QUIT\r\n").S("221 x\r\n").Close();
    EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted")) << line;
  }
}

TEST(SmtpPitfalls, P08_AGapInsideAChunkIsCountedIntoItsOctets) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 100 LAST\r\nMAIL FROM:<>\r\n").CLost(80, "\r\nNO");
  run.C("OPMAIL FROM:<b@x.test>\r\n").S("250 queued\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=250 BDAT+ 250 accepted", "b@x.test 250 - 0 unfinished"));
}

TEST(SmtpPitfalls, P08_AGapBeyondAChunkResyncsOnReplies) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 10 LAST\r\nabc").CLost(40, "ROM:<>\r\n");
  run.S("250 queued\r\n").S("250 ok\r\n").C("MAIL FROM:<b@x.test>\r\n").S("250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=250 BDAT+ 250 accepted", "b@x.test 250 - 0 unfinished"));
}

TEST(SmtpPitfalls, P09_TheReplyToBdatLastIsTheOutcome) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 4\r\nbody").S("250 ok\r\n").C("BDAT 1 LAST\r\nx");
  run.S("552 too big\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 BDAT+ 552 rejected"));
}

TEST(SmtpPitfalls, P12_RepliesGoToTheCommandThatWasSentNotToTheNewestMail) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("DATA\r\n").S("354 go\r\n");
  run.C("x\r\n.\r\nRSET\r\nMAIL FROM:<b@x.test>\r\nRCPT TO:<w@v.test>\r\n");
  run.S("550 spam\r\n250 reset\r\n250 ok\r\n451 later\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 550 rejected",
                                       "b@x.test 250 w@v.test=451 - 0 rejected"));
}

TEST(SmtpPitfalls, P13_DataRefusedByAPipeliningServerLeavesDataModeAtOnce) {
  SessionRunner run;
  Greet(run).C(std::string(kMail) + "DATA\r\nRSET\r\n" + kMail);
  run.S("250 ok\r\n550 no\r\n503 no rcpt\r\n250 ok\r\n250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=550 DATA 503 rejected",
                                       "<> 250 v@v.test=250 - 0 aborted"));
}

TEST(SmtpPitfalls, P14_TheCommandAfterAnOverlongLineCounts) {
  SessionRunner run;
  Greet(run)
      .C("NOOP " + std::string(20000, 'x') + "\r\n" + kMail)
      .S("500 long\r\n250 a\r\n250 b\r\n");
  run.Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kLongLine), 1u);
}

TEST(SmtpPitfalls, P14_NoLineLimitAppliesToABody) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("DATA\r\n").S("354 go\r\n").C(std::string(100000, 'x'));
  run.C("\r\n.\r\n").S("250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted"));
  EXPECT_EQ(run.Count(Anomaly::kLongLine), 0u);
}

TEST(SmtpPitfalls, P15_ALineWithoutEndIsBounded) {
  SessionRunner run;
  Greet(run).C(std::string(1 << 20, 'x')).C(std::string(1 << 20, 'x')).C("\r\nNOOP\r\n");
  run.S("500 long\r\n250 ok\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n").Close();
  EXPECT_EQ(run.Count(Loss::kSmtpLineBytesDropped), (2u << 20) + 1 - kMaxLine);
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 - 0 unfinished"));
}

TEST(SmtpPitfalls, P16_CrAndLfInTwoSegmentsAreOneLineEnd) {
  SessionRunner run;
  Greet(run).C("MAIL FROM:<>\r").C("\nRCPT TO:<v@v.test>\r").C("\n").S(kOkOk).Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kBareLineFeed), 0u);
}

TEST(SmtpPitfalls, P17_VerbsAndLastAreTakenInAnyCase) {
  SessionRunner run;
  run.S("220 x\r\n").C("eHlO out\r\n").S("250 x\r\n").C("mail from:<>\r\nRcPt tO:<v@v.test>\r\n");
  run.S(kOkOk).C("bdat 4 last\r\nbody").S("250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 BDAT+ 250 accepted"));
}

TEST(SmtpPitfalls, P18_RsetEndsAMailInChunks) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("BDAT 4\r\nbodyRSET\r\n").S("250 ok\r\n250 ok\r\n");
  run.C("MAIL FROM:<b@x.test>\r\n").S("250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=250 BDAT+ 0 aborted", "b@x.test 250 - 0 unfinished"));
}

TEST(SmtpPitfalls, P19_RsetWithAMultilineReplyAndRepliesWithoutMailAreHarmless) {
  SessionRunner run;
  Greet(run).C("RSET\r\n").S("250-a\r\n250-b\r\n250 c\r\n").S("250 stray\r\n").C(kMail).S(kOkOk);
  run.Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kUnsolicitedReply), 1u);
}

TEST(SmtpPitfalls, P20_RepeatedDataWithoutReplyIsBounded) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk);
  for (int i = 0; i < 20000; ++i) run.C("DATA\r\n");
  run.Close();
  EXPECT_THAT(run.transactions(), SizeIs(1));
  EXPECT_EQ(run.Count(Loss::kSmtpHeldBytesDropped), 20000u * 6 - 6 - kMaxHeldText);
}

TEST(SmtpPitfalls, P21_AnyThreeDigitsAreAReply) {
  for (const char* code : {"400", "402", "409", "472", "530", "535", "699", "199"}) {
    SessionRunner run;
    Greet(run).C("NOOP\r\n").S(std::string(code) + " 4.7.0 odd\r\n").C(kMail).S(kOkOk).Close();
    EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted")) << code;
  }
}

TEST(SmtpPitfalls, P21_OneBadReplyLineEndsNothing) {
  SessionRunner run;
  Greet(run).C("NOOP\r\n").S("gibberish\r\n25\r\n250 ok\r\n").C(kMail).S(kOkOk).Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kBadReply), 2u);
}

TEST(SmtpPitfalls, P22_VerbsAreComparedWhole) {
  SessionRunner run;
  Greet(run).C("X\r\n").S("500 x\r\n").C("\r\n").S("500 empty\r\n").C("MAILX FROM:<>\r\n");
  run.S("500 x\r\n").C("MAI FROM:<>\r\n").S("500 x\r\n").C(kMail).S(kOkOk).Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.Count(Anomaly::kBadCommand), 4u);
}

TEST(SmtpPitfalls, P23_AddressesWithoutBracketsKeepTheirFirstLetter) {
  SessionRunner run;
  Greet(run).C("MAIL FROM:user@x.test\r\nRCPT TO:v@v.test\r\n").S(kOkOk).Close();
  EXPECT_THAT(run.Lines(), ElementsAre("user@x.test 250 v@v.test=250 - 0 aborted"));
}

TEST(SmtpPitfalls, P24_PlaintextBehindAcceptedStarttlsIsReadAsFromADecryptingMirror) {
  SessionRunner run;
  Greet(run).C("STARTTLS\r\n").S("220 go\r\n").C("EHLO out\r\n").S("250 mx\r\n").C(kMail).S(kOkOk);
  run.Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_EQ(run.transaction(0).tls, TlsState::kStarttls);
  EXPECT_FALSE(run.sessions()[0].encrypted);
  EXPECT_EQ(run.Count(Anomaly::kPlaintextAfterStarttls), 1u);
}

TEST(SmtpPitfalls, P25_LeftoversOfAuthDoNotTouchTheNextCommand) {
  SessionRunner run;
  Greet(run).C("AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@x.test>\r\n").S("235 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("a@x.test 250 - 0 unfinished"));
}

TEST(SmtpPitfalls, P26_BytesGluedBehindStarttlsWereDiscardedAndDoNotCount) {
  SessionRunner run;
  Greet(run).C(std::string("STARTTLS\r\n") + kMail).S("220 go\r\n");
  run.C(std::string("\x16\x03\x01\x00\x05hello", 10)).Close();
  EXPECT_THAT(run.transactions(), IsEmpty());
  EXPECT_EQ(run.Count(Anomaly::kStarttlsInjection), 1u);
  EXPECT_TRUE(run.sessions()[0].encrypted);
}

TEST(SmtpPitfalls, P26_BytesGluedBehindARefusedStarttlsCount) {
  SessionRunner run;
  Greet(run).C(std::string("STARTTLS\r\n") + kMail).S("454 no TLS\r\n250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
}

const std::string& Smuggle(const char* end_of_data) {
  static std::string text;
  text = std::string("Subject: x\r\n\r\nbody") + end_of_data +
         "MAIL FROM:<>\r\nRCPT TO:<smuggled@v.test>\r\nDATA\r\nfake\r\n.\r\n";
  return text;
}

TEST(SmtpPitfalls, P27_SmuggledMailCountsWhereTheServerAnswersIt) {
  for (const char* end : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r\r\n.\r\r\n", "\n\n.\r\n"}) {
    for (const bool one_segment : {false, true}) {
      SessionRunner run;
      Greet(run).C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\n").S(kOkOk);
      run.C("DATA\r\n").S("354 go\r\n").C(Smuggle(end));
      if (one_segment) {
        run.S("250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n");
      } else {
        run.S("250 queued\r\n").S("250 ok\r\n").S("250 ok\r\n").S("354 go\r\n").S("250 queued\r\n");
      }
      run.Close();
      EXPECT_THAT(run.Lines(), ElementsAre("a@x.test 250 v@v.test=250 DATA+ 250 accepted",
                                           "<> 250 smuggled@v.test=250 DATA+ 250 accepted"));
      EXPECT_EQ(run.Count(Anomaly::kSmuggledTransaction), 1u);
    }
  }
}

TEST(SmtpPitfalls, P27_TheSameBytesAreBodyWhereTheServerAnswersOnce) {
  for (const char* end : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r\r\n.\r\r\n"}) {
    SessionRunner run;
    Greet(run).C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\n").S(kOkOk);
    run.C("DATA\r\n").S("354 go\r\n").C(Smuggle(end)).S("250 queued\r\n");
    run.C("QUIT\r\n").S("221 bye\r\n").Close();
    EXPECT_THAT(run.Lines(), ElementsAre("a@x.test 250 v@v.test=250 DATA+ 250 accepted"));
    EXPECT_EQ(run.Count(Anomaly::kSmuggledTransaction), 0u);
  }
}

TEST(SmtpPitfalls, P27_SmuggledMailCountsThoughTheInnocentClientHasQuit) {
  SessionRunner run;
  Greet(run).C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\n").S(kOkOk);
  run.C("DATA\r\n").S("354 go\r\n").C(Smuggle("\n.\n")).S("250 queued\r\n");
  run.C("QUIT\r\n").S("250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("a@x.test 250 v@v.test=250 DATA+ 250 accepted",
                                       "<> 250 smuggled@v.test=250 DATA+ 250 accepted"));
}

TEST(SmtpPitfalls, P28_EverySpellingOfTheNullSenderCounts) {
  for (const char* spelling :
       {"MAIL FROM:<>", "MAIL FROM: <>", "MAIL  FROM:<>", "MAIL FROM :<>", "MAIL FROM:< >",
        "MAIL FROM:<  > SIZE=5", "MAIL FROM:\"\"", "MAIL FROM:<@a.test:>", "MAIL FROM:<\"\">",
        "MAIL FROM:<>\t", "mail from:<> AUTH=user@x.test",
        "MAIL FROM:<> SIZE=20785 BODY=8BITMIME"}) {
    SessionRunner run;
    Greet(run).C(std::string(spelling) + "\r\n").S("250 ok\r\n").Close();
    ASSERT_THAT(run.transactions(), SizeIs(1)) << spelling;
    EXPECT_TRUE(run.transaction(0).null_sender) << spelling;
  }
}

TEST(SmtpPitfalls, P31_AnFtpBannerOnAnotherPortIsNotSmtp) {
  SessionRunner run;
  run.OnPort(2121, false).S("220 ProFTPD\r\n").C("USER anonymous\r\n").S("331 ok\r\n").Close();
  EXPECT_THAT(run.sessions(), IsEmpty());
}

TEST(SmtpPitfalls, P32_ATransactionBehindADotInALongerSegmentIsFound) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("DATA\r\n").S("354 go\r\n");
  run.C("a\r\n.\r\n" + std::string(kMail) + "DATA\r\n")
      .S("250 q\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  run.C("b\r\n.\r\nQUIT\r\n").S("250 q\r\n221 bye\r\n").Close();
  EXPECT_THAT(run.transactions(), SizeIs(2));
}

TEST(SmtpPitfalls, P39_NoCommandsAreReadFromABodyWhoseStartWasLost) {
  SessionRunner run;
  Greet(run).CLost(60, "Subject: x\r\n\r\n").C("MAIL FROM:<>\r\nRCPT TO:<q@v>\r\n");
  run.C("DATA\r\nQUIT\r\n").Close(CloseReason::kEndOfInput);
  EXPECT_THAT(run.transactions(), IsEmpty());
}

TEST(SmtpPitfalls, ABrokenMultilineReplyEndsWhenTheClientGoesOn) {
  SessionRunner run;
  run.S("220 mx\r\n").C("EHLO x\r\n").S("250-mx\r\n250-PIPELINING\r\n").C("MAIL FROM:<>\r\n");
  run.S("250 ok\r\n")
      .C("RCPT TO:<v@v.test>\r\n")
      .S("550 no\r\n")
      .C("QUIT\r\n")
      .S("221 x\r\n")
      .Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=550 - 0 rejected"));
  EXPECT_EQ(run.Count(Anomaly::kBrokenMultilineReply), 1u);
}

TEST(SmtpPitfalls, ABareLineFeedDotEndsABodyWhereTheServerSaysSo) {
  SessionRunner run;
  Greet(run).C("MAIL FROM:<>\nRCPT TO:<v@v.test>\nDATA\n").S("250 a\r\n250 b\r\n354 go\r\n");
  run.C("x\n.\n").S("250 queued\r\n").C("MAIL FROM:<b@x.test>\n").S("250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted", "b@x.test 250 - 0 unfinished"));
  EXPECT_EQ(run.Count(Anomaly::kLenientEndOfData), 1u);
}

// Found by fuzzing: there was no buffer yet behind a lone dot that ended its segment.
TEST(SmtpPitfalls, AGapJustBehindALenientDotIsHarmless) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("DATA\r\n").S("354 go\r\n").C("x\n.\n");
  run.CLost(10, "y\r\n.\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 DATA+ 250 accepted"));
}

TEST(SmtpPitfalls, AnEarlyRefusalOfABodyLeavesTheRestABody) {
  SessionRunner run;
  Greet(run).C(kMail).S(kOkOk).C("DATA\r\n").S("354 go\r\n").C("x\r\n").S("552 too big\r\n");
  run.C("MAIL FROM:<>\r\nquoted\r\n.\r\n").C("MAIL FROM:<b@x.test>\r\n").S("250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(),
              ElementsAre("<> 250 v@v.test=250 DATA+ 552 rejected", "b@x.test 250 - 0 unfinished"));
  EXPECT_EQ(run.Count(Anomaly::kReplyInsideBody), 1u);
}

}  // namespace
}  // namespace backscatter
