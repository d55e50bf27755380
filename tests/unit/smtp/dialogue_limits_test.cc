// What a dialogue keeps is bounded; what it counts is not.
#include <string>

#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

SessionRunner& Greet(SessionRunner& run) {
  return run.S("220 mx\r\n").C("EHLO a\r\n").S("250 mx\r\n");
}

TEST(DialogueLimits, ManyCommandsWithoutRepliesAreBoundedAndStillCounted) {
  SessionRunner run;
  Greet(run);
  std::string flood;
  for (int i = 0; i < 10000; ++i) flood += "MAIL FROM:<>\r\n";
  run.C(flood).Close();
  EXPECT_EQ(run.transactions().size(), 10000u);
  EXPECT_EQ(run.Count(Loss::kSmtpRepliesDropped), 10000u - kMaxPending);
}

TEST(DialogueLimits, TooManyRecipientsAreCountedThoughNotKept) {
  SessionRunner run;
  Greet(run).C("MAIL FROM:<>\r\n").S("250 ok\r\n");
  for (int i = 0; i < 10100; ++i) run.C("RCPT TO:<v@v.test>\r\n").S("250 ok\r\n");
  run.Close();
  ASSERT_EQ(run.transactions().size(), 1u);
  EXPECT_EQ(run.transaction(0).recipients.size(), kMaxRecipients);
  EXPECT_EQ(run.transaction(0).recipients_not_kept, 100u);
}

}  // namespace
}  // namespace backscatter
