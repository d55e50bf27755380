// Order, copies, gaps, urgent bytes, snap length: the bytes of one connection.
#include "agent/tcp/reassembler.h"

#include <string>

#include "gtest/gtest.h"

#include "tests/unit/tcp/wire.h"

namespace backscatter {
namespace {

using testing::Flow;
using testing::kUrgAck;
using testing::Wire;

TEST(Reassembler, DeliversBothDirectionsInOrder) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Server(flow, {.text = "220 hi"});
  wire.Client(flow, {.text = "EHLO a", .acked = 6});
  wire.Server(flow, {.at = 6, .text = "250 ok", .acked = 6});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:EHLO a|S:250 ok");
  const auto& flow0 = wire.sink.flows.at(0);
  EXPECT_EQ(flow0.info.client, flow.client);
  EXPECT_EQ(flow0.info.server, flow.server);
  EXPECT_TRUE(flow0.info.start_seen[0] && flow0.info.start_seen[1] && flow0.info.on_smtp_port);
  EXPECT_EQ(flow0.chunks[1].acked, 6U);
  EXPECT_EQ(flow0.chunks[2].acked, 6U);
  EXPECT_EQ(flow0.chunks[2].offset, 6U);
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
}

TEST(Reassembler, SequenceNumbersMayWrapAtTheStartAndInAHeldPiece) {
  Wire wire;
  Flow flow;
  flow.client_isn = 0xfffffffb;  // the first byte is number 0xfffffffc
  flow.server_isn = 0xffffffff;
  wire.Handshake(flow);
  wire.Client(flow, {.at = 8, .text = "ijkl"});
  wire.Client(flow, {.at = 2, .text = "cdefgh"});
  wire.Server(flow, {.text = "250"});
  wire.Client(flow, {.text = "ab"});
  EXPECT_EQ(wire.sink.flows.at(0).text[0], "abcdefghijkl");
  EXPECT_EQ(wire.sink.flows.at(0).text[1], "250");
  EXPECT_EQ(wire.sink.flows.at(0).end[0], 12U);
}

TEST(Reassembler, OffsetsGoOnBeyondFourGibibytes) {
  Wire wire;
  Flow flow;
  flow.client_isn = 0xfffff000;
  wire.Handshake(flow);
  const std::string block(1 << 20, 'x');
  std::uint64_t at = 0;
  while (at < (std::uint64_t{9} << 30)) {  // twice round, by blocks far apart
    wire.Client(flow, {.at = at, .text = std::string_view(block).substr(0, 100)});
    at += 40 << 20;
    wire.now += 31 * kSecond;  // long enough to give up the hole
    wire.reassembler.AdvanceTo(wire.now);
  }
  wire.Client(flow, {.at = at, .text = "end"});
  wire.reassembler.Finish();
  const auto& flow0 = wire.sink.flows.at(0);
  EXPECT_EQ(wire.sink.flows.size(), 1U);
  EXPECT_EQ(flow0.end[0], at + 3);
  EXPECT_EQ(flow0.gaps[0] + flow0.text[0].size(), at + 3);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), flow0.gaps[0]);
}

TEST(Reassembler, ARetransmissionIsDeliveredOnceAlsoWhenItIsCutOtherwise) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.text = "EHLO "});
  wire.Client(flow, {.text = "EHLO "});
  wire.Client(flow, {.at = 2, .text = "LO alpha"});
  wire.Client(flow, {.at = 0, .text = "EHLO alpha\r\n"});
  EXPECT_EQ(wire.sink.Transcript(), "C:EHLO |C:alpha|C:\r\n");
  EXPECT_EQ(wire.ledger.Get(Anomaly::kTcpOverlapConflict), 0U);
}

TEST(Reassembler, AmongHeldPiecesTheFirstCopyWinsAndTheConflictIsCounted) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.at = 3, .text = "right"});
  wire.Client(flow, {.at = 2, .text = "_WRONG_"});
  wire.Client(flow, {.text = "ab"});
  EXPECT_EQ(wire.sink.flows.at(0).text[0], "ab_right_");
  EXPECT_EQ(wire.ledger.Get(Anomaly::kTcpOverlapConflict), 1U);
}

TEST(Reassembler, AKeepAliveOfNoByteOrOneByteOfGarbageIsNoData) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Server(flow, {.text = "220 hi"});
  wire.Client(flow, {.at = ~std::uint64_t{0}, .text = "?", .acked = 6});  // before the first byte
  wire.Client(flow, {.text = "NOOP", .acked = 6});
  wire.Client(flow, {.at = 3, .text = "?", .acked = 6});
  wire.Client(flow, {.at = 3, .acked = 6});
  wire.Client(flow, {.at = 4, .text = "QUIT", .acked = 6});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:NOOP|C:QUIT");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpBeforeStartBytes), 0U);  // the start was seen
}

// PITFALLS 34
TEST(Reassembler, TheUrgentByteLeavesTheStreamButKeepsItsPlace) {
  Wire wire;
  wire.sink.urgent = true;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.text = "MAXIL", .flags = kUrgAck, .urgent = 3});
  wire.Client(flow, {.at = 5, .text = " FROM"});
  EXPECT_EQ(wire.sink.flows.at(0).text[0], "MAIL FROM");
  EXPECT_EQ(wire.ledger.Get(Anomaly::kTcpUrgent), 1U);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 0U);
}

TEST(Reassembler, TheUrgentByteIsTheSameOutOfOrderAndFirstAndLast) {
  Wire wire;
  wire.sink.urgent = true;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.at = 5, .text = "! FROM", .flags = kUrgAck, .urgent = 1});
  wire.Client(flow, {.at = 11, .text = ":<>!", .flags = kUrgAck, .urgent = 4});
  wire.Client(flow, {.text = "MAXIL", .flags = kUrgAck, .urgent = 3});
  EXPECT_EQ(wire.sink.flows.at(0).text[0], "MAIL FROM:<>");
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
}

TEST(Reassembler, AnUrgentPointerBeyondTheSegmentChangesNothing) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.text = "MAIL", .flags = kUrgAck, .urgent = 5});
  EXPECT_EQ(wire.sink.flows.at(0).text[0], "MAIL");
}

TEST(Reassembler, ASnapLengthCutIsAGapWithItsBytes) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.text = "DATA", .cut = 1000});
  wire.Client(flow, {.at = 1004, .text = "QUIT"});
  EXPECT_EQ(wire.sink.Transcript(), "C:DATA|C:[1000]|C:QUIT");
  EXPECT_TRUE(wire.sink.flows.at(0).info.truncated);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGaps), 1U);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 1000U);
}

TEST(Reassembler, BytesLeftOutOnPurposeAreNoLossAlsoWhereTheyAreHeld) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Server(flow, {.text = "354"});
  wire.Client(flow, {.at = 1010, .text = ".", .acked = 3});
  wire.Client(flow, {.text = "DATA", .cut = 6, .on_purpose = true});
  wire.Client(flow, {.at = 10, .acked = 3, .cut = 1000, .on_purpose = true});
  wire.Client(flow, {.at = 10, .acked = 3, .cut = 1000, .on_purpose = true});  // told again
  EXPECT_EQ(wire.sink.Transcript(), "S:354|C:DATA|C:[cut 6]|C:[cut 1000]|C:.");
  EXPECT_FALSE(wire.sink.flows.at(0).info.truncated);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGaps), 0U);
}

TEST(Reassembler, WhatIsMissingAroundARangeThatWasLeftOutIsStillALoss) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.text = "DATA"});
  wire.Client(flow, {.at = 10, .cut = 300 << 20, .on_purpose = true});
  wire.Client(flow, {.at = 10 + (300 << 20), .text = "."});
  wire.reassembler.Finish();
  EXPECT_EQ(wire.sink.Transcript(), "C:DATA|C:[6]|C:[cut 314572800]|C:.");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 6U);
}

TEST(Reassembler, ASegmentOfWhichNothingWasCapturedIsReportedToo) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.cut = 50});
  EXPECT_EQ(wire.sink.Transcript(), "C:[50]");
  EXPECT_TRUE(wire.sink.flows.at(0).info.payload_seen[0]);
  wire.Client(flow, {.at = 60, .text = "z", .cut = 9});  // held
  wire.Client(flow, {.at = 40, .text = "0123456789abc", .cut = 7});
  EXPECT_EQ(wire.sink.Transcript(), "C:[50]|C:abc|C:[7]|C:z|C:[9]");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 66U);
}

TEST(Reassembler, AServerThatAcknowledgesClientBytesNotSeenYetWaitsForThem) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Server(flow, {.text = "220 hi"});
  wire.Server(flow, {.at = 6, .text = "250 ok", .acked = 6});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi");
  EXPECT_GT(wire.reassembler.held_bytes(), 0U);
  wire.Client(flow, {.text = "EHLO a", .acked = 6});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:EHLO a|S:250 ok");
}

TEST(Reassembler, AClientThatAcknowledgesServerBytesNotSeenYetWaitsForThem) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.text = "EHLO a", .acked = 6});
  EXPECT_EQ(wire.sink.Transcript(), "");
  wire.Server(flow, {.text = "220 hi"});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:EHLO a");
}

TEST(Reassembler, AReplyThatIsCapturedBeforeBannerAndCommandWaitsForBoth) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Server(flow, {.at = 6, .text = "250 ok", .acked = 6});
  wire.Server(flow, {.text = "220 hi"});
  wire.Client(flow, {.text = "EHLO a", .acked = 6});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:EHLO a|S:250 ok");
}

// The acknowledgment counts the FIN, which is no byte.
TEST(Reassembler, AReplyThatAcknowledgesAFinNotSeenYetWaitsForNoByteBehindIt) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Server(flow, {.text = "220 hi"});
  wire.Server(flow, {.at = 6, .text = "221 bye", .acked = 5});
  wire.Client(flow, {.text = "QUIT", .acked = 6, .flags = testing::kFinAck});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT|S:221 bye");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 0U);
}

TEST(Reassembler, AChunkKeepsTheTimeOfItsOwnPacket) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  const PacketTime start = wire.now;
  wire.now = start + 5;
  wire.Client(flow, {.at = 4, .text = "b"});
  wire.now = start + 9;
  wire.Client(flow, {.text = "aaaa"});
  ASSERT_EQ(wire.sink.flows.at(0).chunks.size(), 2U);
  EXPECT_EQ(wire.sink.flows[0].chunks[0].at, start + 9);
  EXPECT_EQ(wire.sink.flows[0].chunks[1].at, start + 5);
}

}  // namespace
}  // namespace backscatter
