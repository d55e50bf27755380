#include "agent/report/count_table.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>

#include "agent/report/pair_set.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

using Table = CountTable<KeyedRow>;

std::size_t Count(Table& table, std::string_view key) {
  const std::uint32_t hash = table.Hash(key);
  std::uint32_t id = table.Find(key, hash);
  std::size_t gone = 0;
  std::vector<std::uint32_t> new_ids;
  if (id == kNoRow) {
    while (!table.HasRoomFor(key)) gone += table.Purge(new_ids);
    id = table.Insert(key, hash);
  }
  ++table.at(id).recipients;
  return gone;
}

std::string SkewedKey(std::mt19937_64& random, std::size_t keys) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  const auto rank = static_cast<std::size_t>(static_cast<double>(keys) * u * u * u * u);
  return "key" + std::to_string(rank);
}

TEST(CountTable, IsExactBelowItsCapacityLikeAMap) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    std::mt19937_64 random(seed);
    Table table(5000, KeyOf(seed));
    std::unordered_map<std::string, std::uint64_t> truth;
    for (int i = 0; i < 20000; ++i) {
      const std::string key = SkewedKey(random, 4000);
      ++truth[key];
      ASSERT_EQ(Count(table, key), 0u);
    }
    ASSERT_EQ(table.size(), truth.size());
    EXPECT_EQ(table.offset(), 0u);
    for (const auto& [key, count] : truth) {
      const std::uint32_t id = table.Find(key, table.Hash(key));
      ASSERT_NE(id, kNoRow);
      EXPECT_EQ(table.at(id).recipients, count);
      EXPECT_EQ(table.at(id).undercount, 0u);
    }
    EXPECT_EQ(table.Find("absent", table.Hash("absent")), kNoRow);
  }
}

TEST(CountTable, BeyondItsCapacityTheBoundHoldsForEveryKeyOverManySeeds) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const std::size_t capacity = 1 + random() % 300;
    Table table(capacity, KeyOf(seed));
    std::unordered_map<std::string, std::uint64_t> truth;
    constexpr std::uint64_t kLength = 20000;
    for (std::uint64_t i = 0; i < kLength; ++i) {
      // Every third key is new: the worst stream for any cap.
      const std::string key =
          i % 3 == 0 ? "new" + std::to_string(i) : SkewedKey(random, capacity * 4);
      ++truth[key];
      Count(table, key);
      ASSERT_LE(table.size(), capacity);
    }
    EXPECT_LE(table.offset(), 2 * kLength / capacity + 1) << "capacity " << capacity;
    for (const auto& [key, count] : truth) {
      const std::uint32_t id = table.Find(key, table.Hash(key));
      if (id == kNoRow) {
        EXPECT_LE(count, table.offset()) << key;  // every heavier key is there
        continue;
      }
      const KeyedRow& row = table.at(id);
      EXPECT_LE(row.recipients, count);
      EXPECT_LE(count, row.recipients + row.undercount);
      EXPECT_LE(row.undercount, table.offset());
    }
  }
}

TEST(CountTable, APurgeDropsAtLeastHalfAndSaysWhereTheRestWent) {
  Table table(100, {});
  for (int i = 0; i < 100; ++i) {
    for (int n = 0; n <= i; ++n) Count(table, "key" + std::to_string(i));
  }
  std::vector<std::string> keys;
  for (const KeyedRow& row : table.rows()) keys.emplace_back(table.KeyOf(row));
  std::vector<std::uint32_t> new_ids;
  EXPECT_GE(table.Purge(new_ids), 50u);
  EXPECT_EQ(table.offset(), 50u);
  std::uint32_t next = 0;
  for (std::size_t old = 0; old < keys.size(); ++old) {
    if (new_ids[old] == kNoRow) {
      EXPECT_EQ(table.Find(keys[old], table.Hash(keys[old])), kNoRow);
      continue;
    }
    EXPECT_EQ(new_ids[old], next++);
    EXPECT_EQ(table.Find(keys[old], table.Hash(keys[old])), new_ids[old]);
    EXPECT_EQ(table.KeyOf(table.at(new_ids[old])), keys[old]);
  }
  EXPECT_EQ(table.size(), next);
}

TEST(CountTable, TheBytesOfLongKeysAreBoundedToo) {
  Table table(1000, {});  // 1 MiB of keys
  const std::string tail(4000, 'x');
  for (int i = 0; i < 2000; ++i) Count(table, std::to_string(i) + tail);
  EXPECT_GT(table.offset(), 0u);
  EXPECT_LE(table.MemoryBytes(), std::size_t{3} << 20);
}

TEST(CountTable, AnySequenceOfBytesIsAKey) {
  Table table(10, {});
  using namespace std::string_view_literals;
  for (const std::string_view key : {""sv, "\0"sv, "\0\0"sv, "\xff"sv}) Count(table, key);
  EXPECT_EQ(table.size(), 4u);
}

TEST(PairSet, AddsEachPairOnceUpToItsCapacity) {
  PairSet pairs(1000, {});
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(pairs.Add(i % 10, i / 10), PairSet::Added::kNew);
  }
  for (std::uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(pairs.Add(i % 10, i / 10), PairSet::Added::kKnown);
  }
  EXPECT_EQ(pairs.Add(100, 0), PairSet::Added::kRefused);
  EXPECT_EQ(pairs.size(), 1000u);
}

TEST(PairSet, RenumberingFollowsBothSidesAndDropsWhatWent) {
  PairSet pairs(100, {});
  pairs.Add(0, 5);
  pairs.Add(1, 5);
  pairs.Add(2, 6);
  const std::vector<std::uint32_t> firsts = {kNoRow, 0, 1};
  EXPECT_EQ(pairs.Renumber(&firsts, nullptr), 1u);
  EXPECT_EQ(pairs.Add(0, 5), PairSet::Added::kKnown);
  EXPECT_EQ(pairs.Add(1, 6), PairSet::Added::kKnown);
  const std::vector<std::uint32_t> seconds = {0, 0, 0, 0, 0, 3, kNoRow};
  EXPECT_EQ(pairs.Renumber(nullptr, &seconds), 1u);
  EXPECT_EQ(pairs.Add(0, 3), PairSet::Added::kKnown);
  EXPECT_EQ(pairs.size(), 1u);
}

}  // namespace
}  // namespace backscatter
