#include "exporters/text_layout.h"

#include <gtest/gtest.h>

#include <random>

#include "agent/base/utf8.h"
#include "exporters/loss_words.h"

namespace backscatter {
namespace {

TEST(TextLayout, ThousandsAreSeparatedByCommas) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1000), "1,000");
  EXPECT_EQ(WithThousands(18446744073709551615u), "18,446,744,073,709,551,615");
  EXPECT_EQ(CountOf(1, "packet"), "1 packet");
  EXPECT_EQ(CountOf(1234, "packet"), "1,234 packets");
}

TEST(TextLayout, BytesAndDurationsAreShort) {
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1000), "1.0 kB");
  EXPECT_EQ(HumanBytes(999'960), "1.0 MB");
  EXPECT_EQ(HumanBytes(18446744073709551615u), "18.4 EB");
  EXPECT_EQ(HumanDuration(0), "0 ms");
  EXPECT_EQ(HumanDuration(94 * kSecond), "1 min 34 s");
  EXPECT_EQ(HumanDuration(3600 * kSecond), "1 h 0 min");
  EXPECT_EQ(HumanDuration(200'000 * kSecond), "2 d 7 h");
}

TEST(TextLayout, WidthIsInTerminalCells) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("\u4f8b\u5b50"), 4u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("\U0001f600"), 2u);
  EXPECT_EQ(DisplayWidth("\xff\xe2\x82"), 3u);
}

TEST(TextLayout, LongTextLosesItsMiddle) {
  EXPECT_EQ(ShortenMiddle("short", 5, "..."), "short");
  EXPECT_EQ(ShortenMiddle("abcdefghij", 7, "..."), "ab...ij");
  EXPECT_EQ(ShortenMiddle("abcdefghij", 6, "…"), "abc…ij");
  EXPECT_EQ(ShortenMiddle("\u4f8b\u4f8b\u4f8b\u4f8b\u4f8b", 6, "…"), "\u4f8b…\u4f8b");
}

TEST(TextLayout, ShortenedTextFitsAndStaysValidUtf8) {
  std::mt19937 random(11);
  const std::vector<std::string> pieces = {"a", "\u00fc", "\u4f8b", "\U0001f600", "e\u0301"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (unsigned long i = random() % 20; i > 0; --i) text += pieces[random() % pieces.size()];
    const std::size_t width = 3 + random() % 20;
    const std::string shortened = ShortenMiddle(text, width, "…");
    ASSERT_LE(DisplayWidth(shortened), width) << text;
    for (std::string_view rest = shortened; !rest.empty();) {
      const Utf8Char c = ReadUtf8(rest);
      ASSERT_TRUE(c.valid);
      rest.remove_prefix(c.length);
    }
  }
}

TEST(TextLayout, BarsShowTheShareAndNeverHideALittle) {
  EXPECT_EQ(Bar(0, 10, 4, true), "    ");
  EXPECT_EQ(Bar(10, 10, 4, true), "████");
  EXPECT_EQ(Bar(5, 8, 1, true), "▋");
  EXPECT_EQ(Bar(1, 1'000'000, 4, true), "▏   ");
  EXPECT_EQ(Bar(1, 1'000'000, 4, false), "#   ");
  EXPECT_EQ(Bar(1, 2, 4, false), "##  ");
  EXPECT_EQ(Bar(20, 10, 4, false), "####");
  EXPECT_EQ(Bar(1, 0, 4, true), "    ");
}

TEST(TextLayout, OnlyAsciiLeavesNothingElse) {
  EXPECT_EQ(OnlyAscii("a\u00fc\x1b"), "a\\xc3\\xbc\\x1b");
}

TEST(LossWords, EveryLossHasWords) {
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const auto loss = static_cast<Loss>(i);
    EXPECT_NE(LossWords(loss), LossName(loss)) << LossName(loss);
  }
}

}  // namespace
}  // namespace backscatter
