// What looks at many octets at once, against the same one octet at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/ascii.h"
#include "agent/base/find_octet.h"
#include "agent/base/keyed_hash.h"
#include "tests/support/placed_octets.h"

namespace backscatter {
namespace {

std::string EveryOctet() {
  std::string octets;
  for (int c = 0; c < 256; ++c) octets += static_cast<char>(c);
  return octets;
}

std::string LowerOneByOne(std::string text) {
  std::ranges::transform(text, text.begin(), ToLower);
  return text;
}

TEST(FindOctet, FindsTheFirstAtEveryPlaceOfEveryLength) {
  for (std::size_t size = 0; size <= 70; ++size) {
    std::string text(size, 'a');
    EXPECT_EQ(FindOctet(text, '\n'), size);
    for (std::size_t at = 0; at < size; ++at) {
      text.assign(size, 'a');
      text[at] = text[size - 1] = '\n';
      EXPECT_EQ(FindOctet(text, '\n'), at) << "of " << size;
    }
  }
}

TEST(ForEachOctet, TellsEveryOneInOrderAndNothingBehindTheText) {
  std::mt19937 random(3);
  for (std::size_t size = 0; size <= 200; ++size) {
    std::string text(size + 1, '\n');
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < size; ++i) {
      text[i] = random() % 8 == 0 ? '\n' : static_cast<char>('\n' + 1 + random() % 200);
      if (text[i] == '\n') expected.push_back(i);
    }
    std::vector<std::size_t> told;
    ForEachOctet(std::string_view(text).substr(0, size), '\n',
                 [&](std::size_t at) { told.push_back(at); });
    ASSERT_EQ(told, expected) << size;
  }
}

TEST(FindOctet, LooksAtNothingBehindTheText) {
  const std::string text = std::string(40, 'a') + "\n";
  for (std::size_t size = 0; size <= 40; ++size) {
    EXPECT_EQ(FindOctet(std::string_view(text).substr(0, size), '\n'), size);
  }
}

TEST(Ascii, LowerAsciiIsToLowerOfEachOctet) {
  const std::string octets = EveryOctet();
  for (std::size_t from = 0; from < octets.size(); ++from) {
    for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 16U, 31U}) {
      const std::string text = octets.substr(from, size);
      std::string lower(text.size(), '?');
      LowerAscii(text, lower.data());
      EXPECT_EQ(lower, LowerOneByOne(text));
    }
  }
}

TEST(Ascii, EqualsIgnoreCaseIsEqualInLowerCase) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string a(size, 'x');
      std::string b(size, 'X');
      for (int c = 0; c < 256; ++c) {
        a[at] = static_cast<char>(c);
        for (const int other : {c, c ^ 0x20, c ^ 0x80, c ^ 1}) {
          b[at] = static_cast<char>(other);
          EXPECT_EQ(EqualsIgnoreCase(a, b), LowerOneByOne(a) == LowerOneByOne(b))
              << size << " octets, " << c << " against " << other << " at " << at;
        }
      }
    }
  }
}

constexpr std::size_t kAlignments = 8;
constexpr std::size_t kMostOctets = 17;

TEST(Ascii, EqualsIgnoreCaseAtEveryAlignmentOfEitherSide) {
  const std::string_view mixed = "aBcDeFgHiJkLmNoPq";
  const std::string_view other = "AbCdEfGhIjKlMnOpQ";
  for (std::size_t size = 0; size <= kMostOctets; ++size) {
    for (std::size_t left = 0; left < kAlignments; ++left) {
      for (std::size_t right = 0; right < kAlignments; ++right) {
        const support::PlacedOctets a(mixed.substr(0, size), left);
        support::PlacedOctets b(other.substr(0, size), right);
        EXPECT_TRUE(EqualsIgnoreCase(a.text(), b.text())) << size;
        for (std::size_t at = 0; at < size; ++at) {
          const char kept = std::exchange(b.data()[at], '_');
          EXPECT_FALSE(EqualsIgnoreCase(a.text(), b.text())) << size << " octets, at " << at;
          b.data()[at] = kept;
        }
      }
    }
  }
}

TEST(Ascii, StartsWithIgnoreCaseLooksAtThePrefixOnly) {
  const std::string_view text = "ABCDEFGHIJKLMNOPQ";
  for (std::size_t size = 0; size <= kMostOctets; ++size) {
    for (std::size_t offset = 0; offset < kAlignments; ++offset) {
      const support::PlacedOctets placed(text.substr(0, size), offset);
      for (std::size_t most = 0; most <= kMostOctets; ++most) {
        std::string prefix = LowerOneByOne(std::string(text.substr(0, most)));
        EXPECT_EQ(StartsWithIgnoreCase(placed.text(), prefix), most <= size);
        if (most == 0) continue;
        prefix.back() = '_';
        EXPECT_FALSE(StartsWithIgnoreCase(placed.text(), prefix));
      }
    }
  }
}

TEST(Ascii, LowerAsciiAtEveryAlignmentOfEitherSideAndNoFurther) {
  const std::string_view text = "AZ@[az`{\xc1\xda\x80\xff\x7fQ\x01M";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    for (std::size_t from = 0; from < kAlignments; ++from) {
      for (std::size_t to = 0; to < kAlignments; ++to) {
        const support::PlacedOctets source(text.substr(0, size), from);
        support::PlacedOctets target(std::string(size, '?'), to);
        LowerAscii(source.text(), target.data());
        EXPECT_EQ(target.text(), LowerOneByOne(std::string(text.substr(0, size))));
        EXPECT_EQ(target.before(), std::string(to, '#'));
      }
    }
  }
}

TEST(FindOctet, AtEveryAlignmentAndNoFurther) {
  for (std::size_t size = 0; size <= 34; ++size) {
    for (std::size_t offset = 0; offset < 16; ++offset) {
      support::PlacedOctets placed(std::string(size, 'a'), offset);
      EXPECT_EQ(FindOctet(placed.text(), '#'), size);
      for (std::size_t at = size; at-- > 0;) {
        placed.data()[at] = '#';
        EXPECT_EQ(FindOctet(placed.text(), '#'), at);
      }
    }
  }
}

TEST(Ascii, TrimBlanksKeepsWhatIsBetween) {
  EXPECT_EQ(TrimBlanks(""), "");
  EXPECT_EQ(TrimBlanks(" \t "), "");
  EXPECT_EQ(TrimBlanks("a b"), "a b");
  EXPECT_EQ(TrimBlanks("\ta b"), "a b");
  EXPECT_EQ(TrimBlanks("a b "), "a b");
}

TEST(HashBytes, EveryOctetOfEveryLengthCounts) {
  const HashKey key;
  for (std::size_t size = 0; size <= 40; ++size) {
    std::set<std::uint64_t> seen;
    std::string text(size, '\0');
    seen.insert(HashBytes(key, text));
    for (std::size_t at = 0; at < size; ++at) {
      for (const char c : {'\x01', '\x80', 'a'}) {
        text.assign(size, '\0');
        text[at] = c;
        EXPECT_TRUE(seen.insert(HashBytes(key, text)).second) << size << " octets, at " << at;
      }
    }
  }
}

TEST(HashBytes, ZerosOfOtherLengthHashElsewhere) {
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= 64; ++size) {
    EXPECT_TRUE(seen.insert(HashBytes(HashKey(), std::string(size, '\0'))).second) << size;
  }
}

}  // namespace
}  // namespace backscatter
