#include "agent/app/progress.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace backscatter {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;

TEST(FormatBytes, ShowsThreeDigitsAtMost) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(9.94 * 1024), "9.9 KiB");
  EXPECT_EQ(FormatBytes(9.96 * 1024), "10 KiB");
  EXPECT_EQ(FormatBytes(999.4 * kMiB), "999 MiB");
  EXPECT_EQ(FormatBytes(999.6 * kMiB), "1.0 GiB");
  EXPECT_EQ(FormatBytes(3.0 * kGiB * 1024 * 1024), "3072 TiB");
}

TEST(FormatTimeLeft, ShowsTwoUnitsAtMost) {
  EXPECT_EQ(FormatTimeLeft(0), "0 s");
  EXPECT_EQ(FormatTimeLeft(59.4), "59 s");
  EXPECT_EQ(FormatTimeLeft(59.5), "1 min 00 s");
  EXPECT_EQ(FormatTimeLeft(125), "2 min 05 s");
  EXPECT_EQ(FormatTimeLeft(3 * 3600 + 7 * 60), "3 h 07 min");
  EXPECT_EQ(FormatTimeLeft(1e30), "long");
  EXPECT_EQ(FormatTimeLeft(-5), "0 s");
}

TEST(FormatProgress, SaysBytesShareRateAndTimeLeft) {
  EXPECT_EQ(FormatProgress(kGiB, 4 * kGiB, 4), "1.0 GiB of 4.0 GiB   25 %   256 MiB/s   12 s left");
}

TEST(FormatProgress, WithoutASizeThereIsNoShare) {
  EXPECT_EQ(FormatProgress(512 * kMiB, 0, 2), "512 MiB   256 MiB/s");
}

TEST(FormatProgress, AFileThatGrowsStaysAtAHundred) {
  EXPECT_EQ(FormatProgress(2 * kMiB, kMiB, 1), "2.0 MiB of 1.0 MiB   100 %   2.0 MiB/s");
}

TEST(FormatProgress, NoTimeIsNoDivision) {
  EXPECT_EQ(FormatProgress(0, kMiB, 0), "0 B of 1.0 MiB   0 %   0 B/s");
}

std::string Written(bool enabled, bool clear) {
  std::FILE* const file = std::tmpfile();
  {
    Progress progress(file, enabled);
    EXPECT_FALSE(progress.Due()) << "silent in the first two seconds";
    progress.Show(kMiB, 2 * kMiB);
    if (clear) progress.Clear();
  }
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
  std::fclose(file);
  return text;
}

TEST(Progress, TakesItsLineAwayOnce) {
  for (const bool clear : {false, true}) {
    const std::string text = Written(true, clear);
    EXPECT_TRUE(text.starts_with("\r\x1b[K1.0 MiB of 2.0 MiB   50 %")) << text;
    EXPECT_TRUE(text.ends_with(" left\r\x1b[K")) << text;
  }
}

TEST(Progress, WritesNothingWhereItIsNoTerminal) { EXPECT_EQ(Written(false, true), ""); }

}  // namespace
}  // namespace backscatter
