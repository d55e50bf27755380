#include "agent/detect/baselines.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace backscatter {
namespace {

constexpr PacketTime kMonday = 20'780 * kDay;  // 23 November 2026

// `count` in each hour of `days`, then the first minute after it.
PacketTime Fill(Baselines& baselines, std::uint64_t key, PacketTime start, int days, double count) {
  for (int hour = 0; hour < 24 * days; ++hour) {
    baselines.Add(key, start + hour * kHour + kMinute, count);
  }
  const PacketTime after = start + days * kDay + kMinute;
  baselines.AdvanceTo(after);
  return after;
}

TEST(Baselines, NeedThreeSamplesOfTheHour) {
  Baselines baselines(16);
  EXPECT_EQ(baselines.Usual(1, kMonday, kHour), std::nullopt);
  PacketTime now = Fill(baselines, 1, kMonday, 2, 60);
  EXPECT_EQ(baselines.Usual(1, now, kHour), std::nullopt);
  now = Fill(baselines, 1, kMonday + 2 * kDay, 1, 60);
  ASSERT_TRUE(baselines.Usual(1, now, kHour));
  EXPECT_DOUBLE_EQ(*baselines.Usual(1, now, kHour), 60);
  EXPECT_DOUBLE_EQ(*baselines.Usual(1, now, 10 * kMinute), 10);
  EXPECT_EQ(baselines.Usual(2, now, kHour), std::nullopt) << "of another key nothing is known";
}

TEST(Baselines, WeekendsAreApart) {
  Baselines baselines(16);
  Fill(baselines, 1, kMonday, 5, 600);
  Fill(baselines, 1, kMonday + 5 * kDay, 2, 6);
  Fill(baselines, 1, kMonday + 7 * kDay, 5, 600);
  const PacketTime saturday = Fill(baselines, 1, kMonday + 12 * kDay, 1, 6);
  EXPECT_NEAR(*baselines.Usual(1, saturday, kHour), 6, 0.01);
  const PacketTime monday = Fill(baselines, 1, kMonday + 13 * kDay, 1, 6);
  EXPECT_NEAR(*baselines.Usual(1, monday, kHour), 600, 0.01);
}

TEST(Baselines, TheNewestWeighsThreeTenths) {
  Baselines baselines(16);
  Fill(baselines, 1, kMonday, 3, 100);
  const PacketTime now = Fill(baselines, 1, kMonday + 3 * kDay, 1, 200);
  EXPECT_NEAR(*baselines.Usual(1, now, kHour), 130, 0.01);
}

TEST(Baselines, AnHourOfNothingIsASample) {
  Baselines baselines(16);
  baselines.Add(1, kMonday, 100);
  for (int hour = 1; hour <= 96; ++hour) baselines.AdvanceTo(kMonday + hour * kHour);
  // Midnight had 100, then three times nothing.
  EXPECT_NEAR(*baselines.Usual(1, kMonday + kMinute, kHour), 100 * 0.7 * 0.7 * 0.7, 0.01);
  EXPECT_EQ(*baselines.Usual(1, kMonday + 5 * kHour, kHour), 0);
}

TEST(Baselines, AFloodTeachesNoMoreThanItMay) {
  Baselines baselines(16);
  Fill(baselines, 1, kMonday, 3, 10);
  const PacketTime flood = kMonday + 3 * kDay;
  baselines.Add(1, flood, 30);
  baselines.Add(1, flood + kMinute, 50'000, 180);
  baselines.AdvanceTo(flood + kHour);
  EXPECT_NEAR(*baselines.Usual(1, flood, kHour), 10 + 0.3 * (180 - 10), 0.01);
  // What is that high every day is usual in the end.
  for (int day = 4; day < 60; ++day) {
    if (day % 7 > 4) continue;
    baselines.Add(1, kMonday + day * kDay, 50'000, 180);
    baselines.AdvanceTo(kMonday + day * kDay + kHour);
  }
  EXPECT_GT(*baselines.Usual(1, flood, kHour), 10'000);
}

TEST(Baselines, HoursWithoutTheAgentAreNoSamples) {
  Baselines baselines(16);
  Fill(baselines, 1, kMonday, 3, 10);
  baselines.AdvanceTo(kMonday + 40 * kDay);
  EXPECT_NEAR(*baselines.Usual(1, kMonday + 42 * kDay + 5 * kHour, kHour), 10, 0.01);
}

TEST(Baselines, TheLeastActiveHalfMakesRoom) {
  Baselines baselines(64);
  for (std::uint64_t key = 0; key < 10'000; ++key) {
    baselines.Add(key, kMonday, key == 7 ? 1000 : 1);
    ASSERT_LE(baselines.size(), 64U);
  }
  for (int day = 0; day < 3; ++day) Fill(baselines, 7, kMonday + (day + 1) * kDay, 1, 1000);
  EXPECT_GT(baselines.given_up(), 9000U);
  EXPECT_TRUE(baselines.Usual(7, kMonday + 2 * kDay, kHour));
  EXPECT_LE(baselines.MemoryBytes(), Baselines::MostBytes(64));
}

}  // namespace
}  // namespace backscatter
