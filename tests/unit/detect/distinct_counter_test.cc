// Against exact sets, over many random runs.
#include "agent/detect/distinct_counter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>

#include "agent/base/keyed_hash.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

double EstimateOf(const DistinctCounter& counter) {
  DistinctUnion all;
  all.Add(counter);
  return all.Estimate();
}

class Things {
 public:
  explicit Things(std::uint64_t seed) : key_(KeyOf(seed)) {}
  std::uint64_t Hash(std::uint64_t thing) const {
    return HashBytes(key_, {reinterpret_cast<const char*>(&thing), sizeof thing});
  }

 private:
  HashKey key_;
};

TEST(DistinctCounter, IsExactWhileThingsAreFew) {
  for (std::uint64_t run = 0; run < 1000; ++run) {
    const Things things(run);
    SketchBudget budget{.left = 1};
    DistinctCounter counter;
    EXPECT_TRUE(counter.empty());
    for (std::uint64_t n = 1; n <= kExactThings; ++n) {
      for (std::uint64_t again = 0; again < 3; ++again) {
        for (std::uint64_t i = 0; i < n; ++i) counter.Add(things.Hash(i), budget);
      }
      ASSERT_EQ(EstimateOf(counter), static_cast<double>(n)) << run;
    }
    EXPECT_EQ(budget.left, 1U);
  }
}

// A thousand runs of sizes spread over six decades: the stated standard error holds, no run is
// beyond the stated bound, and the mean error is none.
TEST(DistinctCounter, StaysWithinItsStatedError) {
  constexpr int kRuns = 1000;
  std::mt19937_64 random(7);
  double squares = 0;
  double sum = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Things things(static_cast<std::uint64_t>(run));
    const double magnitude = 1.6 + 3.6 * static_cast<double>(run) / kRuns;
    const auto size = static_cast<std::uint64_t>(std::pow(10.0, magnitude));
    SketchBudget budget{.left = 1};
    DistinctCounter counter;
    const std::uint64_t base = random();
    for (std::uint64_t i = 0; i < size; ++i) counter.Add(things.Hash(base + i), budget);
    const double error = EstimateOf(counter) / static_cast<double>(size) - 1;
    ASSERT_LT(std::abs(error), kSketchErrorBound) << size;
    squares += error * error;
    sum += error;
  }
  EXPECT_LT(std::sqrt(squares / kRuns), kSketchStandardError);
  EXPECT_LT(std::abs(sum / kRuns), 4 * kSketchStandardError / std::sqrt(kRuns));
}

TEST(DistinctCounter, HoldsForTenMillionThings) {
  const Things things(3);
  SketchBudget budget{.left = 1};
  DistinctCounter counter;
  for (std::uint64_t i = 0; i < 10'000'000; ++i) counter.Add(things.Hash(i), budget);
  EXPECT_NEAR(EstimateOf(counter), 1e7, kSketchErrorBound * 1e7);
  EXPECT_EQ(counter.MemoryBytes(), sizeof(SketchRegisters));
}

TEST(DistinctCounter, AUnionCountsWhatSeveralSawOnce) {
  const Things things(11);
  SketchBudget budget{.left = 8};
  for (const std::uint64_t size : {5ULL, 20ULL, 31ULL, 300ULL, 30'000ULL}) {
    DistinctCounter first;
    DistinctCounter second;
    DistinctCounter few;
    // Overlapping by half, and a few that both know.
    for (std::uint64_t i = 0; i < size; ++i) first.Add(things.Hash(i), budget);
    for (std::uint64_t i = size / 2; i < size + size / 2; ++i) second.Add(things.Hash(i), budget);
    for (std::uint64_t i = 0; i < 5; ++i) few.Add(things.Hash(i), budget);
    DistinctUnion all;
    all.Add(first);
    all.Add(second);
    all.Add(few);
    const auto truth = static_cast<double>(size + size / 2);
    EXPECT_NEAR(all.Estimate(), truth, size <= kExactThings ? 0 : kSketchErrorBound * truth);
    first.Clear(budget);
    second.Clear(budget);
    EXPECT_TRUE(first.empty());
  }
  EXPECT_EQ(budget.left, 8U);
}

TEST(DistinctCounter, WithoutABudgetItCountsToItsLimitAndSaysSo) {
  const Things things(13);
  SketchBudget budget{.left = 0};
  DistinctCounter counter;
  for (std::uint64_t i = 0; i < 1000; ++i) counter.Add(things.Hash(i), budget);
  EXPECT_EQ(EstimateOf(counter), static_cast<double>(kExactThings));
  EXPECT_EQ(budget.refused, 1000 - kExactThings);
}

}  // namespace
}  // namespace backscatter
