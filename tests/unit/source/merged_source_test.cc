#include "agent/source/merged_source.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Bytes;
using testing::Collector;
using testing::Drain;
using ::testing::ElementsAre;
using testing::Frame;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::PcapBuilder;
using testing::PcapngBuilder;
using testing::TempDir;

// A capture whose packets were taken at these seconds; the first byte of a packet is its number.
Bytes At(std::initializer_list<std::uint32_t> seconds) {
  PcapBuilder builder;
  std::uint8_t number = 0;
  for (const std::uint32_t second : seconds) builder.Record(second, 0, Frame(20, number++));
  return builder.bytes();
}

// "second:file" of each packet.
std::vector<std::string> Order(const Collector& sink) {
  std::vector<std::string> order;
  for (const auto& kept : sink.packets) {
    order.push_back(std::to_string(kept.packet.captured_at / kSecond) + ":" +
                    std::to_string(kept.packet.origin));
  }
  return order;
}

TEST(MergedSource, PacketsComeInOrderOfTimeAndTiesInOrderOfFiles) {
  const TempDir dir;
  const Bytes ng = PcapngBuilder()
                       .Section()
                       .Interface(101)
                       .Enhanced(0, 3'000'000, Frame(9, 9))
                       .Enhanced(0, 4'000'000, Frame(9, 9), 50)
                       .bytes();
  MergedSource merged({dir.Write("a", At({1, 3, 9})), dir.Write("b.gz", Gzip(At({2, 3, 3, 4}))),
                       dir.Write("c", ng)});
  Collector sink;
  ASSERT_TRUE(Drain(merged, sink).ok());
  EXPECT_THAT(Order(sink),
              ElementsAre("1:0", "2:1", "3:0", "3:1", "3:1", "3:2", "4:1", "4:2", "9:0"));
  for (const auto& kept : sink.packets) {
    EXPECT_EQ(kept.bytes.size(), kept.packet.origin == 2 ? 9U : 20U);
  }
  EXPECT_EQ(sink.ledger.Get(Loss::kSourceTruncatedPackets), 1U);
  const SourceStats stats = merged.Stats();
  EXPECT_EQ(stats.packets, 9U);
  EXPECT_EQ(stats.first, 1 * kSecond);
  EXPECT_EQ(stats.last, 9 * kSecond);
  EXPECT_EQ(stats.input_bytes, stats.input_size);
  EXPECT_THAT(stats.link_types, ElementsAre(1U, 101U));
  const std::vector<CaptureResult> results = merged.Results();
  EXPECT_EQ(results[1].stats.packets, 4U);
  EXPECT_EQ(results[1].path, dir.Path("b.gz"));
}

TEST(MergedSource, AFileThatGoesBackwardsKeepsItsOwnOrder) {
  const TempDir dir;
  MergedSource merged({dir.Write("a", At({5, 1, 6})), dir.Write("b", At({2, 7}))});
  Collector sink;
  ASSERT_TRUE(Drain(merged, sink).ok());
  EXPECT_THAT(Order(sink), ElementsAre("2:1", "5:0", "1:0", "6:0", "7:1"));
  EXPECT_EQ(merged.Results()[0].stats.first, 1 * kSecond);
}

TEST(MergedSource, OneFileGoesStraightThrough) {
  const TempDir dir;
  MergedSource merged({dir.Write("a", At({5, 1, 6}))});
  Collector sink;
  ASSERT_TRUE(Drain(merged, sink).ok());
  EXPECT_THAT(Order(sink), ElementsAre("5:0", "1:0", "6:0"));
  EXPECT_EQ(merged.Results()[0].stats.packets, 3U);
}

TEST(MergedSource, AFailedFileIsNotedAndTheOthersGoOn) {
  const TempDir dir;
  Bytes torn = At({1, 3, 5});
  torn.resize(torn.size() - 3);
  MergedSource merged({dir.Path("missing"), dir.Write("torn", torn), dir.Path(),
                       dir.Write("good", At({2, 4, 6})), dir.Write("empty", {})});
  Collector sink;
  ASSERT_TRUE(Drain(merged, sink).ok());
  EXPECT_THAT(Order(sink), ElementsAre("1:1", "2:3", "3:1", "4:3", "6:3"));
  const std::vector<CaptureResult> results = merged.Results();
  EXPECT_THAT(results[0].error, HasSubstr("missing: cannot be opened"));
  EXPECT_THAT(results[1].error, HasSubstr("torn: offset 96: truncated"));
  EXPECT_EQ(results[1].stats.packets, 2U);
  EXPECT_THAT(results[2].error, HasSubstr("is a directory"));
  EXPECT_EQ(results[3].error, "");
  EXPECT_EQ(results[3].stats.packets, 3U);
  EXPECT_THAT(results[4].error, HasSubstr("empty"));
}

TEST(MergedSource, NothingButFailedFilesEndsAtOnce) {
  const TempDir dir;
  MergedSource merged({dir.Path("missing"), dir.Path()});
  Collector sink;
  ASSERT_TRUE(merged.Start().ok());
  EXPECT_EQ(merged.Poll(sink, 0).value(), PollResult::kEnded);
  MergedSource none({});
  ASSERT_TRUE(none.Start().ok());
  EXPECT_EQ(none.Poll(sink, 0).value(), PollResult::kEnded);
}

// Rotated captures: many files, few of which overlap. All are read, in order, with a truncated
// first packet counted once although it is read twice.
TEST(MergedSource, ManyFilesAreOpenedInTurnWithoutCountingTwice) {
  const TempDir dir;
  std::vector<std::string> paths;
  std::vector<PacketTime> expected;
  constexpr std::uint32_t kFiles = 3 * MergedSource::kMaxOpen;
  for (std::uint32_t i = 0; i < kFiles; ++i) {
    const std::uint32_t start = (kFiles - i) * 10;  // the last file is the earliest
    PcapBuilder builder;
    builder.Record(start, 0, Frame(20, 1), 100);
    builder.Record(start + 5, 0, Frame(20, 2)).Record(start + 12, 0, Frame(20, 3));
    for (const std::uint32_t offset : {0U, 5U, 12U}) expected.push_back((start + offset) * kSecond);
    paths.push_back(dir.Write(std::to_string(i), builder.bytes()));
  }
  paths.push_back(dir.Write("damaged", Bytes{1, 2, 3, 4, 5}));
  std::sort(expected.begin(), expected.end());

  MergedSource merged(paths);
  ASSERT_TRUE(merged.Start().ok());
  EXPECT_EQ(merged.Stats().packets, 0U);
  const std::uint64_t size = merged.Stats().input_size;
  Collector sink;
  while (merged.Poll(sink, 0).value() == PollResult::kProgressed) {
  }
  EXPECT_EQ(sink.Times(), expected);
  EXPECT_EQ(sink.ledger.Get(Loss::kSourceTruncatedPackets), kFiles);
  EXPECT_EQ(merged.Stats().packets, 3U * kFiles);
  EXPECT_EQ(merged.Stats().input_size, size);
  EXPECT_EQ(merged.Stats().input_bytes, size);
  EXPECT_THAT(merged.Results().back().error, HasSubstr("not a capture"));
}

TEST(MergedSource, AParkedFileThatVanishesIsAnErrorOfThatFile) {
  const TempDir dir;
  std::vector<std::string> paths;
  for (std::uint32_t i = 0; i <= MergedSource::kMaxOpen; ++i) {
    paths.push_back(dir.Write(std::to_string(i), At({i + 1})));
  }
  MergedSource merged(paths);
  ASSERT_TRUE(merged.Start().ok());
  std::filesystem::remove(paths[3]);
  Collector sink;
  while (merged.Poll(sink, 0).value() == PollResult::kProgressed) {
  }
  EXPECT_EQ(sink.packets.size(), MergedSource::kMaxOpen);
  EXPECT_THAT(merged.Results()[3].error, HasSubstr("No such file"));
}

}  // namespace
}  // namespace backscatter
