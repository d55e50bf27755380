#include "agent/detect/rolling_count.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <random>
#include <set>
#include <utility>

#include "agent/base/keyed_hash.h"

namespace backscatter {
namespace {

constexpr PacketTime kStart = 20'785 * kDay + 7 * kHour + 12 * kSecond;

TEST(PartOf, PartsBeginOnTheClockAlsoBefore1970) {
  EXPECT_EQ(PartOf(0, kMinute), 0);
  EXPECT_EQ(PartOf(kMinute - 1, kMinute), 0);
  EXPECT_EQ(PartOf(kMinute, kMinute), 1);
  EXPECT_EQ(PartOf(-1, kMinute), -1);
  EXPECT_EQ(PartOf(-kMinute, kMinute), -1);
  EXPECT_EQ(PartOf(-kMinute - 1, kMinute), -2);
}

// A thousand random streams against sums over what was added: the window is whole parts.
TEST(RollingCount, IsTheSumOfItsParts) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random(seed);
    RollingCount<10, kMinute> count;
    std::deque<std::pair<PacketTime, double>> added;
    PacketTime now = kStart;
    for (int i = 0; i < 60; ++i) {
      now += static_cast<PacketTime>(random() % (2 * kMinute));
      const PacketTime at = now - static_cast<PacketTime>(random() % (3 * kMinute));
      const auto amount = static_cast<double>(random() % 5);
      count.Add(at, amount);
      added.emplace_back(at, amount);
      double truth = 0;
      for (const auto& [time, of] : added) {
        const std::int64_t back = PartOf(now, kMinute) - PartOf(time, kMinute);
        if (back < 10) truth += of;
      }
      ASSERT_EQ(count.Sum(now), truth) << seed << " " << i;
    }
  }
}

TEST(RollingCount, ForgetsAcrossAnyJump) {
  RollingCount<10, kMinute> count;
  count.Add(kStart, 7);
  EXPECT_EQ(count.Sum(kStart + 9 * kMinute), 7);
  EXPECT_EQ(count.Sum(kStart + 10 * kMinute), 0);
  count.Add(kStart + 400 * kDay, 1);
  EXPECT_EQ(count.Sum(kStart + 400 * kDay), 1);
  // Older than the window: it belongs to the oldest part, and is not lost.
  count.Add(kStart, 2);
  EXPECT_EQ(count.Sum(kStart + 400 * kDay), 3);
  EXPECT_EQ(count.Sum(kStart + 400 * kDay + kMinute), 1);
  RollingCount<10, kMinute> extreme;
  extreme.Add(std::numeric_limits<PacketTime>::min(), 1);
  extreme.Add(std::numeric_limits<PacketTime>::max(), 1);
  EXPECT_EQ(extreme.Sum(std::numeric_limits<PacketTime>::max()), 1);
}

TEST(RollingDistinct, CountsWhatIsInTheWindowOnce) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random(seed);
    SketchBudget budget{.left = 64};
    RollingDistinct<10, kMinute> distinct;
    std::deque<std::pair<PacketTime, std::uint64_t>> added;
    PacketTime now = kStart;
    const std::uint64_t things = 1 + random() % 60;
    for (int i = 0; i < 300; ++i) {
      now += static_cast<PacketTime>(random() % (20 * kSecond));
      const std::uint64_t hash = MixWords(random() % things + 1, 0x9e3779b97f4a7c15);
      distinct.Add(now, hash, budget);
      added.emplace_back(now, hash);
    }
    std::set<std::uint64_t> truth;
    for (const auto& [time, hash] : added) {
      if (PartOf(now, kMinute) - PartOf(time, kMinute) < 10) truth.insert(hash);
    }
    const auto exact = static_cast<double>(truth.size());
    EXPECT_NEAR(distinct.Estimate(now), exact, budget.left == 64 ? 0 : kSketchErrorBound * exact);
    EXPECT_EQ(distinct.Estimate(now + 10 * kMinute), 0);
    distinct.Clear(budget);
    EXPECT_EQ(budget.left, 64U);
  }
}

TEST(RollingDistinct, WhatIsPastIsGivenBackAndNothingElse) {
  SketchBudget budget{.left = 2};
  RollingDistinct<10, kMinute> distinct;
  const auto fill = [&](PacketTime at) {
    for (std::uint64_t i = 1; i <= 100; ++i) {
      distinct.Add(at, MixWords(i, 0x9e3779b97f4a7c15), budget);
    }
  };
  fill(kStart);
  fill(kStart + 5 * kMinute);
  ASSERT_EQ(budget.left, 0U);
  distinct.ClearOld(kStart + 9 * kMinute, budget);
  EXPECT_EQ(budget.left, 0U);
  distinct.ClearOld(kStart + 10 * kMinute, budget);
  EXPECT_EQ(budget.left, 1U);
  EXPECT_NEAR(distinct.Estimate(kStart + 10 * kMinute), 100, 100 * kSketchErrorBound);
  distinct.ClearOld(kStart + kDay, budget);
  EXPECT_EQ(budget.left, 2U);
}

TEST(Onset, LeavesOutWhatThereAlwaysIs) {
  Onset<10, kMinute> onset;
  EXPECT_EQ(onset.Start(kStart), kStart);
  onset.Add(kStart, 1);  // six minutes before
  onset.Add(kStart + kMinute, 1);
  const PacketTime burst = kStart + 6 * kMinute + kSecond;
  for (int i = 0; i < 30; ++i) onset.Add(burst + i * kMillisecond, 1);
  EXPECT_EQ(onset.Start(burst + kSecond), burst);
}

TEST(Onset, OfASlowFloodIsItsFirst) {
  Onset<10, kMinute> onset;
  for (int i = 0; i < 30; ++i) onset.Add(kStart + i * 18 * kSecond, 1);
  EXPECT_EQ(onset.Start(kStart + 29 * 18 * kSecond), kStart);
}

}  // namespace
}  // namespace backscatter
