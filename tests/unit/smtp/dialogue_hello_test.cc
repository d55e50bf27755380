// What looks like TLS hides nothing unless the server speaks TLS too.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kHello("\x16\x03\x01\x02\x00\x01\x00\x01", 8);
const std::string kServerHello("\x16\x03\x03\x00\x7a\x02", 6);
constexpr const char* kMail = "MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\n";

TEST(DialogueHello, AServerThatAnswersInTheClearSawALineOfRubbish) {
  SessionRunner run;
  run.C(kHello + "\r\n").S("220 mx\r\n500 what?\r\n");
  run.C("EHLO a\r\n").S("250 mx\r\n").C(kMail).S("250 ok\r\n550 no\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=550 - 0 rejected"));
  EXPECT_FALSE(run.sessions()[0].encrypted);
  EXPECT_EQ(run.transaction(0).tls, TlsState::kNone);
}

TEST(DialogueHello, ATransactionSentBehindItAtOnceIsSeenTo) {
  SessionRunner run;
  run.C(kHello + "\r\n" + kMail).S("220 mx\r\n500 what?\r\n").S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
}

TEST(DialogueHello, BehindAGreetingItIsALineOfRubbish) {
  SessionRunner run;
  run.S("220 mx\r\n").C(kHello + "\r\n").S("500 what?\r\n");
  run.C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_FALSE(run.sessions()[0].encrypted);
}

TEST(DialogueHello, BehindAProxyHeaderTooTheServerDecides) {
  const std::string proxy = "PROXY TCP4 192.0.2.1 203.0.113.1 4711 25\r\n";
  SessionRunner tls;
  tls.C(proxy + kHello).S(kServerHello).Close();
  EXPECT_EQ(tls.verdict(), StreamVerdict::kIgnore);
  EXPECT_TRUE(tls.sessions()[0].encrypted);
  SessionRunner plain;
  plain.C(proxy + kHello + "\r\n").S("220 mx\r\n500 what?\r\n");
  plain.C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(plain.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
}

TEST(DialogueHello, WhatTheKernelLeftOutBehindItIsNoGapUnlessTheServerAnswersInTheClear) {
  SessionRunner tls;
  tls.C(kHello).CCut(500).S(kServerHello).Close();
  EXPECT_TRUE(tls.sessions()[0].encrypted);
  EXPECT_FALSE(tls.sessions()[0].with_gaps);
  SessionRunner plain;
  plain.C(kHello).CCut(500).S("220 mx\r\n500 what?\r\n");
  plain.C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(plain.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
  EXPECT_TRUE(plain.sessions()[0].with_gaps);
}

TEST(DialogueHello, InTheMiddleOfASessionItMayHaveBeenABody) {
  SessionRunner run;
  run.MidStream().C(kHello + "\r\nMAIL FROM:<fake@b.test>\r\n.\r\n").S("250 ok\r\n");
  run.C(kMail).S("250 ok\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=250 - 0 aborted"));
}

TEST(DialogueHello, WithoutAServerNobodyCanSay) {
  SessionRunner run;
  run.ClientOnly().C(kHello).C(kMail).Close();
  EXPECT_EQ(run.verdict(), StreamVerdict::kIgnore);
  EXPECT_THAT(run.transactions(), IsEmpty());
  EXPECT_TRUE(run.sessions()[0].encrypted);
}

TEST(DialogueHello, WhatWaitsForTheServersAnswerIsBounded) {
  SessionRunner run;
  run.C(kHello);
  for (int i = 0; i < 100; ++i) run.C(std::string(1000, 'x'));
  EXPECT_EQ(run.Count(Loss::kSmtpHeldBytesDropped), 100'008u - kMaxHeldText);
}

}  // namespace
}  // namespace backscatter
