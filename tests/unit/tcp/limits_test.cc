// Caps, what goes first, and what is counted.
#include <string>

#include "gtest/gtest.h"

#include "tests/unit/tcp/wire.h"

namespace backscatter {
namespace {

using testing::Flow;
using testing::Wire;

Flow Numbered(std::uint32_t i) {
  Flow flow;
  const std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(i >> 16),
                                 static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
  flow.client = {IpAddress::V4(bytes), 40000};
  return flow;
}

TEST(Limits, AFlowCostsNoConnectionUntilPayload) {
  Wire wire;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    wire.now += 1000;
    wire.Syn(Numbered(i));
    if (i % 2 == 0) wire.SynAck(Numbered(i));
  }
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
  wire.Client(Numbered(199'998), {.text = "EHLO a"});
  EXPECT_EQ(wire.reassembler.open_connections(), 1U);
  EXPECT_TRUE(wire.sink.flows.at(0).info.start_seen[1]);
}

TEST(Limits, WhatItHoldsIsNoMoreThanItCanGrowToAndNothingIsForgotten) {
  const ReassemblerOptions options = {
      .max_connections = 1000, .max_notes = 4096, .max_views = 1U << 16};
  Wire wire(options);
  EXPECT_GE(wire.reassembler.MemoryBytes(),
            (1U << 16) * sizeof(ClientViews::View) + 4096 * sizeof(FlowNote));
  EXPECT_LE(wire.reassembler.MemoryBytes(), Reassembler::MostBytes(options));
}

TEST(Limits, TheLongestIdleConnectionIsEvictedFirstAndCounted) {
  Wire wire({.max_connections = 10});
  for (std::uint32_t i = 0; i < 10; ++i) {
    wire.now += kMillisecond;
    wire.Client(Numbered(i), {.text = "EHLO a"});
  }
  wire.now += kMillisecond;
  wire.Client(Numbered(0), {.at = 6, .text = "NOOP"});  // so 1 is the oldest
  for (std::uint32_t i = 10; i < 13; ++i) {
    wire.now += kMillisecond;
    wire.Client(Numbered(i), {.text = "EHLO a"});
  }
  EXPECT_EQ(wire.reassembler.open_connections(), 10U);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpConnectionsEvicted), 3U);
  EXPECT_EQ(wire.sink.closes, std::vector(3, CloseReason::kEvicted));
  EXPECT_EQ(wire.sink.closed_order, (std::vector<std::uint32_t>{2, 3, 4}));
}

// The note of the flow that is opened must survive the note of the one that is evicted for it.
TEST(Limits, AConnectionThatEvictsAnotherKeepsItsStart) {
  Wire wire({.max_connections = 1, .max_notes = 4});
  for (std::uint32_t i = 0; i < 50; ++i) {
    wire.Syn(Numbered(i));
    for (std::uint32_t k = 1; k <= 3; ++k) wire.Handshake(Numbered(1000 * k + i));
    wire.now += kSecond;
    wire.Client(Numbered(i), {.text = "EHLO a"});
    ASSERT_EQ(wire.sink.flows.size(), i + 1);
    EXPECT_EQ(wire.sink.flows[i].info.client, Numbered(i).client);
  }
  EXPECT_EQ(wire.reassembler.open_connections(), 1U);
}

TEST(Limits, TheGlobalBudgetHoldsOverAllConnections) {
  Wire wire({.max_held = 64 << 10});
  const std::string block(1000, 'x');
  for (std::uint32_t i = 0; i < 500; ++i) {
    wire.Handshake(Numbered(i));
    wire.Client(Numbered(i), {.at = 7, .text = block});
    EXPECT_LE(wire.reassembler.held_bytes(), 64U << 10);
  }
  EXPECT_GT(wire.reassembler.held_bytes(), 50U << 10);
  EXPECT_GT(wire.ledger.Get(Loss::kTcpGapBytes), 400U * 7);
  wire.reassembler.Finish();
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 500U * 7);
}

TEST(Limits, PiecesAreCapped) {
  Wire wire({.max_held_per_connection = 1 << 30, .max_held_pieces = 8});
  const Flow flow;
  wire.Handshake(flow);
  for (std::uint64_t i = 0; i < 8; ++i) wire.Client(flow, {.at = 2 + 2 * i, .text = "x"});
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGaps), 0U);
  wire.Client(flow, {.at = 100, .text = "x"});
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGaps), 1U);
}

TEST(Limits, BytesThatWereNotCapturedAreNotFreeToHold) {
  Wire wire({.max_held_per_connection = 4096, .max_held_pieces = 1 << 20});
  const Flow flow;
  wire.Handshake(flow);
  for (std::uint64_t i = 0; i < 1000; ++i) wire.Client(flow, {.at = 2 + 2 * i, .cut = 1});
  EXPECT_LE(wire.reassembler.held_bytes(), 4096U);
  EXPECT_GT(wire.ledger.Get(Loss::kTcpGaps), 900U);
}

TEST(Limits, TheTableGrowsAndShrinksWithoutLosingAConnection) {
  Wire wire;
  for (std::uint32_t i = 0; i < 5000; ++i) wire.Client(Numbered(i), {.text = "EHLO a"});
  for (std::uint32_t i = 0; i < 5000; i += 2) {
    wire.Client(Numbered(i), {.at = 6, .flags = testing::kFinAck});
    wire.Server(Numbered(i), {.flags = testing::kFinAck});
  }
  EXPECT_EQ(wire.reassembler.open_connections(), 2500U);
  for (std::uint32_t i = 1; i < 5000; i += 2) wire.Client(Numbered(i), {.at = 6, .text = "QUIT"});
  EXPECT_EQ(wire.reassembler.open_connections(), 2500U);
  EXPECT_EQ(wire.sink.flows.size(), 5000U);
}

}  // namespace
}  // namespace backscatter
