#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "agent/base/ascii.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"

namespace backscatter {
namespace {

TEST(Ascii, OnlyAsciiLettersChangeCase) {
  EXPECT_EQ(ToLower('A'), 'a');
  EXPECT_EQ(ToUpper('z'), 'Z');
  for (const char c : {'@', '[', '`', '{', '\xc4', '\xe4', '\0'}) {
    EXPECT_EQ(ToLower(c), c);
    EXPECT_EQ(ToUpper(c), c);
  }
}

TEST(Ascii, ComparisonIgnoresCaseAndNothingElse) {
  EXPECT_TRUE(EqualsIgnoreCase("Mail", "mAIL"));
  EXPECT_FALSE(EqualsIgnoreCase("MAIL", "MAI"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_TRUE(StartsWithIgnoreCase("rcpt to:", "RCPT"));
  EXPECT_FALSE(StartsWithIgnoreCase("RC", "RCPT"));
}

TEST(Ascii, BlanksAreSpaceAndTab) {
  EXPECT_EQ(TrimBlanks("\t a b\t "), "a b");
  EXPECT_EQ(TrimBlanks(" \t"), "");
  EXPECT_EQ(TrimBlanks("\ra"), "\ra");
}

TEST(PacketTime, FormatsNanosecondsAlsoBefore1970) {
  EXPECT_EQ(FormatRfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(FormatRfc3339(1'795'561'827 * kSecond + 123'456'789), "2026-11-24T23:10:27.123456789Z");
  EXPECT_EQ(FormatRfc3339(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(FormatRfc3339(INT64_MAX), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(FormatRfc3339(INT64_MIN), "1677-09-21T00:12:43.145224192Z");
}

bool IsLowerSnake(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '_';
  });
}

TEST(Ledger, EveryLossHasItsOwnStageAndReason) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const std::string_view name = LossName(static_cast<Loss>(i));
    const std::size_t dot = name.find('.');
    ASSERT_NE(dot, std::string_view::npos) << name;
    EXPECT_TRUE(IsLowerSnake(name.substr(0, dot))) << name;
    EXPECT_TRUE(IsLowerSnake(name.substr(dot + 1))) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Ledger, EveryAnomalyHasItsOwnName) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    const std::string_view name = AnomalyName(static_cast<Anomaly>(i));
    EXPECT_TRUE(IsLowerSnake(name)) << name;
    EXPECT_NE(name, "unknown");
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Ledger, CountsEachKindByItself) {
  Ledger ledger;
  ledger.Add(Loss::kTcpGapBytes, 10);
  ledger.Add(Loss::kTcpGapBytes);
  ledger.Add(Anomaly::kLongLine);
  EXPECT_EQ(ledger.Get(Loss::kTcpGapBytes), 11u);
  EXPECT_EQ(ledger.Get(Loss::kTcpGaps), 0u);
  EXPECT_EQ(ledger.Get(Anomaly::kLongLine), 1u);
  EXPECT_EQ(ledger.Get(Anomaly::kBadBdat), 0u);
}

TEST(KeyedHash, DependsOnTheKeyTheLengthAndEveryByte) {
  const HashKey one{1, 3};
  const HashKey two{5, 7};
  const std::string text = "a-local-part-of-some-length@example.org";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::string_view prefix = std::string_view(text).substr(0, length);
    EXPECT_NE(HashBytes(one, prefix), HashBytes(two, prefix));
    for (std::size_t i = 0; i < length; ++i) {
      std::string changed(prefix);
      changed[i] = static_cast<char>(changed[i] ^ 1);
      EXPECT_NE(HashBytes(one, prefix), HashBytes(one, changed)) << length << " " << i;
    }
  }
  // Zero bytes at the end are bytes.
  EXPECT_NE(HashBytes(one, std::string_view("a", 1)), HashBytes(one, std::string_view("a\0", 2)));
}

TEST(KeyedHash, SpreadsLikeARandomFunctionOverItsLowBits) {
  const HashKey key = HashKey::Random();
  constexpr std::size_t kBuckets = 1024;
  constexpr std::size_t kKeys = kBuckets * 64;
  std::vector<int> load(kBuckets);
  for (std::size_t i = 0; i < kKeys; ++i) {
    ++load[HashBytes(key, "user" + std::to_string(i) + "@example.com") % kBuckets];
  }
  // A bucket holds 64 on average with a deviation of 8: 6 deviations either way.
  EXPECT_LT(*std::max_element(load.begin(), load.end()), 64 + 48);
  EXPECT_GT(*std::min_element(load.begin(), load.end()), 64 - 48);
}

TEST(KeyedHash, RandomKeysDiffer) { EXPECT_NE(HashKey::Random().a, HashKey::Random().a); }

}  // namespace
}  // namespace backscatter
