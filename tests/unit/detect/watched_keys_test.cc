// The stated error against exact counts, and the cap.
#include "agent/detect/watched_keys.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <random>

#include "agent/base/keyed_hash.h"

namespace backscatter {
namespace {

constexpr PacketTime kStart = 20'785 * kDay;

struct Counted {
  RollingCount<12, 5 * kMinute> count;
  bool is_held = false;
  int* given_up = nullptr;

  double Score(PacketTime now) const { return count.Sum(now); }
  bool held() const { return is_held; }
  void GiveUp(SketchBudget&) {
    if (given_up != nullptr) ++*given_up;
  }
  void ClearOld(PacketTime, SketchBudget&) {}
  std::size_t MemoryBytes() const { return 0; }
};

TEST(WatchedKeys, NeverCountsTooMuchNorTooLittleByMoreThanItSays) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random(seed);
    SketchBudget budget;
    WatchedKeys<Counted> keys(32, &budget);
    std::map<std::uint64_t, RollingCount<12, 5 * kMinute>> truth;
    PacketTime now = kStart;
    const double skew = 0.5 + static_cast<double>(seed % 5) / 2;
    for (int i = 0; i < 1500; ++i) {
      now += static_cast<PacketTime>(random() % (10 * kSecond));
      const double uniform = std::ldexp(static_cast<double>(random() >> 11), -53);
      const auto key = static_cast<std::uint64_t>(400 * std::pow(uniform, skew * 2));
      keys.At(key, now).count.Add(now, 1);
      truth[key].Add(now, 1);
    }
    ASSERT_LE(keys.size(), 32U);
    const double shortfall = keys.Shortfall(now);
    for (const auto& [key, count] : truth) {
      const double exact = count.Sum(now);
      Counted* const found = keys.Find(key);
      const double counted = found == nullptr ? 0 : found->count.Sum(now);
      ASSERT_LE(counted, exact) << seed;
      ASSERT_GE(counted + shortfall, exact) << seed << " key " << key;
    }
  }
}

TEST(WatchedKeys, AHeavyKeyStaysAmongTenMillionOthers) {
  SketchBudget budget;
  WatchedKeys<Counted> keys(1024, &budget);
  PacketTime now = kStart;
  std::uint64_t of_heavy = 0;
  for (std::uint64_t i = 0; i < 10'000'000; ++i) {
    now += 30'000;  // five minutes in all
    const bool heavy = i % 100 == 0;
    of_heavy += heavy;
    keys.At(heavy ? 1 : MixWords(i + 2, 0x9e3779b97f4a7c15) | 2, now).count.Add(now, 1);
  }
  EXPECT_LE(keys.size(), 1024U);
  ASSERT_NE(keys.Find(1), nullptr);
  const double counted = keys.Find(1)->count.Sum(now);
  EXPECT_LE(counted, static_cast<double>(of_heavy));
  EXPECT_GE(counted + keys.Shortfall(now), static_cast<double>(of_heavy));
  EXPECT_LE(keys.MemoryBytes(), WatchedKeys<Counted>::MostBytes(1024));
}

TEST(WatchedKeys, WhatIsHeldStaysAndWhatGoesIsTold) {
  SketchBudget budget;
  int given_up = 0;
  WatchedKeys<Counted> keys(16, &budget);
  keys.At(1, kStart).is_held = true;
  for (std::uint64_t key = 2; key < 1000; ++key) {
    Counted& state = keys.At(key, kStart);
    state.given_up = &given_up;
    state.count.Add(kStart, 1);
  }
  EXPECT_NE(keys.Find(1), nullptr);
  EXPECT_LE(keys.size(), 16U);
  EXPECT_EQ(static_cast<std::uint64_t>(given_up), keys.given_up());
  EXPECT_GT(keys.Shortfall(kStart), 0);
  EXPECT_EQ(keys.Shortfall(kStart + 2 * kHour), 0) << "what was given up no longer matters";
}

}  // namespace
}  // namespace backscatter
