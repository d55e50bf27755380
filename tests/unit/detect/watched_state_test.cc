// A few events, then windows: nothing differs from windows that had been there from the start.
#include "agent/detect/watched_state.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "agent/base/keyed_hash.h"
#include "agent/detect/flood_windows.h"
#include "tests/unit/detect/flood_script.h"

namespace backscatter {
namespace {

FloodEvent RandomEvent(std::mt19937_64& random, PacketTime now) {
  FloodEvent event{.at = now - static_cast<PacketTime>(random() % (9 * kMinute)),
                   .weight = 1 + static_cast<double>(random() % 4)};
  event.unsolicited = random() % 3 != 0;
  event.uncertain = !event.unsolicited;
  event.surely = event.unsolicited && random() % 2 == 0;
  event.network_key = MixWords(1 + random() % 9, 0x9e3779b97f4a7c15);
  event.target_key = MixWords(1 + random() % 9, 0xd1b54a32d192ed03);
  return event;
}

TEST(WatchedState, ATargetIsTheSameWithAndWithoutItsFirstTier) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random(seed);
    SketchBudget budget{.left = 8};
    WatchedState<TargetWindows> two_tiers;
    TargetWindows plain;
    PacketTime now = kStart;
    bool few = true;
    for (int i = 0; i < 12; ++i) {
      now += static_cast<PacketTime>(random() % (12 * kMinute));
      const FloodEvent event = RandomEvent(random, now);
      plain.Add(event, budget);
      const double least = seed % 2 == 0 ? 1e9 : 20;
      const bool grown = two_tiers.Add(event, event.network_key, least, budget) != nullptr;
      EXPECT_TRUE(!grown || i >= 1);
      few = few && !grown;
      ASSERT_EQ(two_tiers.Score(now), plain.Score(now)) << seed;
      ASSERT_EQ(two_tiers.Score(now + 55 * kMinute), plain.Score(now + 55 * kMinute)) << seed;
      ASSERT_EQ(two_tiers.MemoryBytes() == 0, few);
    }
    EXPECT_FALSE(few) << "twelve are many";
    const TargetWindows& whole = two_tiers.Whole(budget);
    EXPECT_EQ(whole.unsolicited.Sum(now), plain.unsolicited.Sum(now));
    EXPECT_EQ(whole.uncertain.Sum(now), plain.uncertain.Sum(now));
    EXPECT_EQ(whole.surely.Sum(now), plain.surely.Sum(now));
    EXPECT_EQ(whole.networks.Estimate(now), plain.networks.Estimate(now));
    EXPECT_EQ(whole.uncertain_networks.Estimate(now), plain.uncertain_networks.Estimate(now));
    EXPECT_EQ(whole.onset.Start(now), plain.onset.Start(now));
  }
}

TEST(WatchedState, ANetworkToo) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    std::mt19937_64 random(seed);
    SketchBudget budget{.left = 8};
    WatchedState<NetworkWindows> two_tiers;
    NetworkWindows plain;
    PacketTime now = kStart;
    for (int i = 0; i < 12; ++i) {
      now += static_cast<PacketTime>(random() % (12 * kMinute));
      FloodEvent event = RandomEvent(random, now);
      event.unsolicited = true;
      plain.Add(event, budget);
      two_tiers.Add(event, event.target_key, 1e9, budget);
      ASSERT_EQ(two_tiers.Score(now), plain.Score(now)) << seed;
    }
    EXPECT_EQ(two_tiers.Whole(budget).targets.Estimate(now), plain.targets.Estimate(now));
    EXPECT_EQ(two_tiers.Whole(budget).onset.Start(now), plain.onset.Start(now));
  }
}

TEST_F(Watched, LowThresholdsAreSeenAtOnce) {
  FloodOptions options;
  options.thresholds.joe_job = {.recipients = 2, .networks = 2, .baseline = 5};
  options.thresholds.emitter = {.recipients = 3, .targets = 2};
  Use(options);
  Tell(kStart, "anna@ours.example", From(1), kBackscatter);
  EXPECT_TRUE(raised_.empty());
  Tell(kStart + kSecond, "anna@ours.example", From(2), kBackscatter);
  EXPECT_EQ(CountOf("joe_job"), 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(CountOf("emitter"), 0);
    Tell(kStart + i * kSecond, "u" + std::to_string(i) + "@ours.example", From(3), kBackscatter);
  }
  EXPECT_EQ(CountOf("emitter"), 1);
}

}  // namespace
}  // namespace backscatter
