#include "tests/replay/bounce_score.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace backscatter::replay {
namespace {

std::filesystem::path Bounces() {
  const char* shared = std::getenv("BACKSCATTER_SHARED");
  const std::filesystem::path root =
      shared != nullptr ? std::filesystem::path(shared)
                        : std::filesystem::path(BACKSCATTER_SOURCE_DIR) / ".." / "shared";
  return root / "bounces";
}

// The rates that issue 4 asks for.
TEST(BounceScore, RealMessagesAreUnderstood) {
  if (!std::filesystem::exists(Bounces() / "TRUTH.tsv")) {
    GTEST_SKIP() << "no real messages here (" << Bounces() << ")";
  }
  const BounceScore score = ScoreBounces(Bounces());
  EXPECT_GE(score.recall.value(), 0.99);
  EXPECT_EQ(score.false_bounces, 0U);
  EXPECT_GE(score.kind.value(), 0.97);
  EXPECT_GE(score.final_recipient.value(), 0.97);
  EXPECT_GE(score.message_id.value(), 0.97);
  EXPECT_GE(score.status.value(), 0.95);
  if (HasFailure()) std::fputs(ScoreText(score).c_str(), stderr);
}

}  // namespace
}  // namespace backscatter::replay
