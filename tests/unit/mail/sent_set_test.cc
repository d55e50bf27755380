#include "agent/mail/sent_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "agent/mail/sent_clock.h"
#include "tests/support/prng.h"

namespace backscatter {
namespace {

using support::Prng;
using testing::IsEmpty;

std::vector<std::uint64_t> Hashes(std::uint64_t seed, std::size_t count) {
  Prng random(seed);
  std::vector<std::uint64_t> hashes(count);
  for (std::uint64_t& hash : hashes) hash = random.Next();
  return hashes;
}

TEST(SentSet, FindsEveryKeyThatWasTakenAtEveryStageOfItsGrowth) {
  SentSet set(60'000);
  set.TurnTo(100);
  const auto hashes = Hashes(1, 58'000);
  std::size_t step = 1;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    ASSERT_NE(set.Add(hashes[i], 100), SentAdd::kFull) << i;
    if (i != step && i + 1 != hashes.size()) continue;
    step = step * 3 / 2 + 1;
    for (std::size_t j = 0; j <= i; ++j) ASSERT_TRUE(set.Contains(hashes[j])) << j << " of " << i;
  }
  EXPECT_GT(set.overflowed(), 0u);
  EXPECT_LT(set.overflowed(), set.size() / 40);
}

TEST(SentSet, AnEmptyOneIsSmallAndAFullOneTakesFiveBytesAKey) {
  SentSet set(1'000'000);
  EXPECT_LT(set.MemoryBytes(), 80'000u);
  for (const std::uint64_t hash : Hashes(2, 1'000'000)) set.Add(hash, 0);
  EXPECT_LT(set.MemoryBytes(), 5'000'000u);
  EXPECT_GE(set.size() + set.refused(), 999'990u);  // but for keys with one name
}

TEST(SentSet, AFullOneHasAtMostOneFalsePositiveInAHundredThousand) {
  SentSet set(200'000);
  for (const std::uint64_t hash : Hashes(3, 300'000)) set.Add(hash, 0);
  EXPECT_GT(set.refused(), 0u);
  Prng random(4);
  std::uint64_t found = 0;
  constexpr std::uint64_t kLookUps = 2'000'000;
  for (std::uint64_t i = 0; i < kLookUps; ++i) found += set.Contains(random.Next()) ? 1U : 0U;
  EXPECT_LE(found, kLookUps / 100'000);
  EXPECT_GT(found, 0u);
}

TEST(SentSet, RefusesAndCountsWhatComesWhenItIsFullAndKeepsTheRest) {
  SentSet set(2'000);
  const auto hashes = Hashes(5, 10'000);
  std::vector<std::uint64_t> taken;
  std::uint64_t refused = 0;
  for (const std::uint64_t hash : hashes) {
    if (set.Add(hash, 0) == SentAdd::kFull) {
      ++refused;
    } else {
      taken.push_back(hash);
    }
  }
  EXPECT_EQ(set.refused(), refused);
  EXPECT_GE(taken.size(), 2'000u);
  EXPECT_LE(set.size(), set.capacity());
  for (const std::uint64_t hash : taken) ASSERT_TRUE(set.Contains(hash));
}

TEST(SentSet, AKeyLivesAsLongAsItsNewestSlice) {
  SentSet set(10'000);
  set.TurnTo(20);
  EXPECT_EQ(set.Add(77, 20), SentAdd::kNew);
  EXPECT_EQ(set.Add(77, 20), SentAdd::kKnown);
  set.TurnTo(24);
  EXPECT_EQ(set.Add(77, 24), SentAdd::kRefreshed);
  EXPECT_EQ(set.Add(77, 21), SentAdd::kKnown);  // late news changes nothing
  set.TurnTo(31);
  EXPECT_TRUE(set.Contains(77));
  set.TurnTo(32);
  EXPECT_FALSE(set.Contains(77));
  EXPECT_EQ(set.size(), 0u);
}

TEST(SentSet, TurningForgetsTheOldestSliceAloneAndGivesItsMemoryBack) {
  SentSet set(400'000);
  std::vector<std::vector<std::uint64_t>> days;
  for (std::int64_t day = 0; day < 8; ++day) {
    set.TurnTo(day);
    days.push_back(Hashes(static_cast<std::uint64_t>(100 + day), day == 0 ? 250'000 : 10'000));
    for (const std::uint64_t hash : days.back()) set.Add(hash, day);
  }
  const std::size_t before = set.MemoryBytes();
  set.TurnTo(8);
  for (std::size_t day = 1; day < 8; ++day) {
    for (const std::uint64_t hash : days[day]) ASSERT_TRUE(set.Contains(hash)) << day;
  }
  std::size_t left = 0;
  for (const std::uint64_t hash : days[0]) left += set.Contains(hash) ? 1U : 0U;
  EXPECT_LE(left, 10u);
  EXPECT_LT(set.MemoryBytes(), before / 2);
}

TEST(SentSet, ALongJumpForgetsEverything) {
  SentSet set(10'000);
  for (const std::uint64_t hash : Hashes(6, 5'000)) set.Add(hash, 0);
  set.TurnTo(8);
  EXPECT_EQ(set.size(), 0u);
  set.Add(5, 8);
  set.TurnTo(3);  // back: what is newer than the current slice has no place
  EXPECT_EQ(set.size(), 0u);
}

TEST(SentSet, NamesGiveTheSameSetAgain) {
  SentSet set(50'000);
  set.TurnTo(-3);
  const auto hashes = Hashes(7, 40'000);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    set.Add(hashes[i], -3 - static_cast<std::int64_t>(i % 8));
  }
  SentSet copy(50'000);
  copy.TurnTo(-3);
  for (std::int64_t slice = -10; slice <= -3; ++slice) {
    for (const std::uint64_t name : set.NamesOf(slice)) {
      ASSERT_TRUE(copy.IsName(name));
      copy.AddName(name, slice);
    }
  }
  EXPECT_EQ(copy.size(), set.size());
  for (const std::uint64_t hash : hashes) ASSERT_TRUE(copy.Contains(hash));
  EXPECT_EQ(copy.NamesOf(-5), set.NamesOf(-5));
  EXPECT_FALSE(set.IsName(~std::uint64_t{0}));
  EXPECT_FALSE(set.IsName(0));
}

TEST(SentSet, ZeroHashesAreKeysToo) {
  SentSet set(1'024);
  EXPECT_THAT(set.NamesOf(0), IsEmpty());
  EXPECT_FALSE(set.Contains(0));
  EXPECT_EQ(set.Add(0, 0), SentAdd::kNew);
  EXPECT_TRUE(set.Contains(0));
}

// ---- the clock ----------------------------------------------------------------------------------

TEST(SentClock, EightDaysMakeSlicesOfUtcDays) {
  SentClock clock(8 * kDay);
  EXPECT_EQ(clock.Place(20'000 * kDay), 20'000);
  EXPECT_EQ(clock.Place(20'001 * kDay - 1), 20'000);
  EXPECT_EQ(clock.Place(20'001 * kDay), 20'001);
  EXPECT_EQ(clock.Place(20'000 * kDay + 5), 20'000);  // late, but in the window
  EXPECT_EQ(clock.current(), 20'001);
  EXPECT_EQ(SentClock(8 * kDay).Place(-1), -1);
}

TEST(SentClock, OnePacketFromTheFarFutureForgetsNothing) {
  SentClock clock(8 * kDay);
  clock.Place(100 * kDay);
  EXPECT_EQ(clock.Place(9'000 * kDay), 100);
  EXPECT_EQ(clock.Place(9'000 * kDay), 100);
  EXPECT_EQ(clock.Place(100 * kDay), 100);  // the run is broken
  EXPECT_EQ(clock.Place(9'000 * kDay), 100);
  EXPECT_EQ(clock.Place(9'000 * kDay), 100);
  EXPECT_EQ(clock.current(), 100);
}

TEST(SentClock, AJumpAheadIsBelievedAtTheThirdWordForItAndByItsEarliest) {
  SentClock clock(8 * kDay);
  clock.Place(100 * kDay);
  EXPECT_EQ(clock.Place(9'000 * kDay), 100);
  EXPECT_EQ(clock.Place(110 * kDay), 100);
  EXPECT_EQ(clock.Place(110 * kDay), 110);
  EXPECT_EQ(clock.current(), 110);
}

TEST(SentClock, WhatIsOlderThanTheWindowHasNoPlaceUntilTheClockIsShownWrong) {
  SentClock clock(8 * kDay);
  clock.Place(9'000 * kDay);
  EXPECT_EQ(clock.Place(8'993 * kDay), 8'993);
  for (int i = 0; i < 999; ++i) ASSERT_EQ(clock.Place(100 * kDay), std::nullopt);
  EXPECT_EQ(clock.Place(100 * kDay), 100);
  EXPECT_EQ(clock.current(), 100);
}

TEST(SentClock, TheHostsOwnClockIsBelievedAtOnceButNeverTurnsBack) {
  SentClock clock(8 * kDay);
  clock.AdvanceTo(50 * kDay);
  clock.AdvanceTo(70 * kDay);
  EXPECT_EQ(clock.current(), 70);
  clock.AdvanceTo(60 * kDay);
  EXPECT_EQ(clock.current(), 70);
}

}  // namespace
}  // namespace backscatter
