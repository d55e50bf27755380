#include "agent/detect/verdict.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace backscatter {
namespace {

TEST(Verdict, EachHasItsOwnName) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    const std::string_view name = VerdictName(static_cast<Verdict>(i));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(VerdictName(Verdict::kNullRejectedRcpt), "null_rejected_rcpt");
  EXPECT_EQ(ConfidenceName(Confidence::kMedium), "medium");
}

TEST(Verdict, UnsolicitedIsBackscatterAndAutomaticMailThatNobodyHereCaused) {
  EXPECT_TRUE(IsUnsolicited({.verdict = Verdict::kBackscatter}));
  EXPECT_TRUE(IsUnsolicited({.verdict = Verdict::kAutoreply, .solicited = false}));
  EXPECT_TRUE(IsUnsolicited({.verdict = Verdict::kMdn, .solicited = false}));
  EXPECT_TRUE(IsUnsolicited({.verdict = Verdict::kChallengeResponse, .solicited = false}));
  EXPECT_FALSE(IsUnsolicited({.verdict = Verdict::kAutoreply, .solicited = true}));
  EXPECT_FALSE(IsUnsolicited({.verdict = Verdict::kAutoreply}));
  EXPECT_FALSE(IsUnsolicited({.verdict = Verdict::kUnknown, .solicited = false}));
  EXPECT_FALSE(IsUnsolicited({.verdict = Verdict::kNullOther}));
  EXPECT_FALSE(IsUnsolicited({.retry = true, .verdict = Verdict::kBackscatter}));
}

}  // namespace
}  // namespace backscatter
