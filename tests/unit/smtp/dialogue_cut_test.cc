// Bodies that the kernel program left out: counted, and neither a gap nor a loss.
#include <string>

#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

SessionRunner& Envelope(SessionRunner& run) {
  run.S("220 mx\r\n").C("EHLO a\r\n").S("250 mx\r\n");
  return run.C("MAIL FROM:<a@b>\r\n").S("250 ok\r\n").C("RCPT TO:<c@d>\r\n").S("250 ok\r\n");
}

TEST(DialogueCut, ABodyThatWasLeftOutUpToItsDotIsWhole) {
  SessionRunner run;
  Envelope(run).C("DATA\r\n").S("354 go\r\n").CCut(5000, ".\r\n").S("250 ok\r\n");
  run.C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  ASSERT_EQ(run.transactions().size(), 2u);
  EXPECT_EQ(SessionRunner::Line(run.transaction(0)), "a@b 250 c@d=250 DATA+ 250 accepted");
  EXPECT_EQ(run.transaction(0).body_bytes, 5003u);
  EXPECT_EQ(run.transaction(0).completeness, Completeness::kComplete);
  EXPECT_EQ(run.transaction(1).completeness, Completeness::kComplete);
  EXPECT_FALSE(run.sessions().at(0).with_gaps);
}

TEST(DialogueCut, ABodyWhoseDotWasLeftOutTooEndsWithTheReply) {
  SessionRunner run;
  Envelope(run).C("DATA\r\n").S("354 go\r\n").CCut(5003).S("250 ok\r\n");
  run.C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("RCPT TO:<e@f>\r\n").S("550 no\r\n");
  run.C("QUIT\r\n").S("221 bye\r\n").Close();
  ASSERT_EQ(run.transactions().size(), 2u);
  EXPECT_EQ(SessionRunner::Line(run.transaction(0)), "a@b 250 c@d=250 DATA+ 250 accepted");
  EXPECT_EQ(SessionRunner::Line(run.transaction(1)), "<> 250 e@f=550 - 0 rejected");
  EXPECT_EQ(run.transaction(1).completeness, Completeness::kComplete);
}

TEST(DialogueCut, AQuitThatWasLeftOutWithTheDotLosesNothing) {
  SessionRunner run;
  Envelope(run).C("DATA\r\n").S("354 go\r\n").CCut(5009).S("250 ok\r\n221 bye\r\n").Close();
  ASSERT_EQ(run.transactions().size(), 1u);
  EXPECT_EQ(SessionRunner::Line(run.transaction(0)), "a@b 250 c@d=250 DATA+ 250 accepted");
  EXPECT_FALSE(run.sessions().at(0).with_gaps);
}

TEST(DialogueCut, OctetsOfChunksAreCountedNotLost) {
  SessionRunner run;
  Envelope(run).C("BDAT 1000\r\n").CCut(1000).S("250 more\r\n");
  run.C("BDAT 500 LAST\r\n").CCut(500).S("250 ok\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  ASSERT_EQ(run.transactions().size(), 1u);
  EXPECT_EQ(SessionRunner::Line(run.transaction(0)), "a@b 250 c@d=250 BDAT+ 250 accepted");
  EXPECT_EQ(run.transaction(0).body_bytes, 1500u);
  EXPECT_EQ(run.transaction(0).completeness, Completeness::kComplete);
}

TEST(DialogueCut, CommandsThatWereLeftOutAreAGapAllTheSame) {
  SessionRunner run;
  Envelope(run).CCut(30).S("250 ok\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
  ASSERT_EQ(run.transactions().size(), 1u);
  EXPECT_EQ(run.transaction(0).completeness, Completeness::kGap);
  EXPECT_TRUE(run.sessions().at(0).with_gaps);
}

}  // namespace
}  // namespace backscatter
