#include "agent/source/fake_source.h"

#include "gtest/gtest.h"

#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Collector;
using testing::Drain;
using testing::Frame;

TEST(FakeSource, GivesItsPacketsInBatchesThenEnds) {
  FakeSource source({{.bytes = Frame(3, 1), .captured_at = 7},
                     {.bytes = Frame(4, 2), .captured_at = 5, .wire_length = 9},
                     {.bytes = Frame(5, 3), .captured_at = 6, .link_type = LinkType::kRaw}},
                    2);
  Collector sink;
  ASSERT_EQ(source.Poll(sink, 0).value(), PollResult::kProgressed);
  EXPECT_EQ(sink.packets.size(), 2U);
  ASSERT_EQ(source.Poll(sink, 0).value(), PollResult::kProgressed);
  ASSERT_EQ(source.Poll(sink, 0).value(), PollResult::kEnded);
  ASSERT_EQ(sink.packets.size(), 3U);
  EXPECT_EQ(sink.packets[1].packet.wire_length, 9U);
  EXPECT_EQ(sink.packets[2].packet.wire_length, 5U);
  EXPECT_EQ(sink.ledger.Get(Loss::kSourceTruncatedPackets), 1U);

  const SourceStats stats = source.Stats();
  EXPECT_EQ(stats.packets, 3U);
  EXPECT_EQ(stats.bytes, 12U);
  EXPECT_EQ(stats.first, 5);
  EXPECT_EQ(stats.last, 7);
  EXPECT_EQ(stats.link_types, (std::vector<std::uint32_t>{1, 101}));
}

TEST(FakeSource, EndsWithTheErrorItWasGiven) {
  FakeSource source({{.bytes = Frame(3, 1)}}, 16, absl::DataLossError("torn"));
  Collector sink;
  EXPECT_EQ(Drain(source, sink).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(sink.packets.size(), 1U);
}

}  // namespace
}  // namespace backscatter
