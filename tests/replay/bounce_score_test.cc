#include "tests/replay/bounce_score.h"

#include <cstdio>
#include <filesystem>

#include "gtest/gtest.h"

namespace backscatter::replay {
namespace {

using nlohmann::json;

TEST(BounceScore, AMessageIsSentAsSmtpWantsIt) {
  EXPECT_EQ(WireMessage("From a@b Sat Jan  1\nA: b\n\n.\n..x\ny.\n"),
            "A: b\r\n\r\n..\r\n...x\r\ny.\r\n.\r\n");
  EXPECT_EQ(WireMessage(".A: b\r\nno end"), "..A: b\r\nno end\r\n.\r\n");
}

json Said(const char* kind, const char* recipient) {
  return {{"client", BounceClient(0)},
          {"outcome", "accepted"},
          {"body", {{"read", "whole"}}},
          {"bounce",
           {{"kind", kind},
            {"recipients", {{{"final_recipient", recipient}, {"status", "5.1.1"}}}},
            {"original_message_ids", {"a@b"}}}}};
}

TEST(BounceScore, WhatIsSaidIsHeldAgainstTheTruth) {
  const std::vector<BounceTruth> truth = {{"f", "dsn-failed", "X@y.test", "a@b", "5.1.1", "<>"}};
  const BounceScore right = ScoreBounces(truth, {Said("dsn_failed", "x@y.test")});
  EXPECT_TRUE(right.misses.empty()) << right.misses.front();
  const BounceScore wrong = ScoreBounces(truth, {Said("mdn", "z@y.test")});
  EXPECT_EQ(wrong.kind.right, 0U);
  EXPECT_EQ(wrong.recall.right, 0U);
  EXPECT_EQ(wrong.final_recipient.right, 0U);
  EXPECT_EQ(wrong.status.right, 1U);
}

TEST(BounceScore, WhatHasNoTransactionIsWrong) {
  const BounceScore score = ScoreBounces({{"f", "mdn", "", "", "", "<>"}}, {});
  EXPECT_EQ(score.read.right, 0U);
  EXPECT_EQ(score.kind.right, 0U);
}

TEST(BounceScore, ABounceThatIsNoneIsFalse) {
  const BounceScore score =
      ScoreBounces({{"fp1", "not-a-bounce", "", "", "", "<>"}}, {Said("list_bounce", "x@y.test")});
  EXPECT_EQ(score.false_bounces, 1U);
}

// The rates that must hold; docs/DETECTION.md names the misses.
TEST(BounceScore, RealMessagesAreUnderstood) {
  if (!std::filesystem::exists(SharedBounces() / "TRUTH.tsv")) {
    GTEST_SKIP() << "no real messages here (" << SharedBounces() << ")";
  }
  std::string error;
  const BounceScore score = ScoreBounceDirectory(SharedBounces(), "all", error);
  EXPECT_EQ(error, "");
  EXPECT_GT(score.read.all, 0U);
  EXPECT_EQ(score.read.right, score.read.all);
  EXPECT_GE(score.recall.value(), 0.99);
  EXPECT_EQ(score.false_bounces, 0U);
  EXPECT_GE(score.kind.value(), 0.97);
  EXPECT_GE(score.final_recipient.value(), 0.97);
  EXPECT_GE(score.message_id.value(), 0.97);
  EXPECT_GE(score.status.value(), 0.95);
  if (HasFailure()) std::fputs(BounceScoreText(score, true).c_str(), stderr);
}

}  // namespace
}  // namespace backscatter::replay
