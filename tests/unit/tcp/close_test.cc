// How a connection ends: FIN, reset, the consumer's word, the end of the input; and late copies.
#include "gtest/gtest.h"

#include "tests/unit/tcp/wire.h"

namespace backscatter {
namespace {

using testing::At;
using testing::Flow;
using testing::kFinAck;
using testing::kRstAck;
using testing::Wire;

class Close : public ::testing::Test {
 protected:
  void SetUp() override {
    wire.Handshake(flow);
    wire.Server(flow, {.text = "220 hi"});
    wire.Client(flow, {.text = "QUIT", .acked = 6});
  }
  void CloseByFins() {
    wire.Client(flow, {.at = 4, .acked = 6, .flags = kFinAck});
    wire.Server(flow, {.at = 6, .acked = 5, .flags = kFinAck});
  }
  Flow flow;
  Wire wire;
};

TEST_F(Close, ComesWithTheSecondFin) {
  wire.Client(flow, {.at = 4, .acked = 6, .flags = kFinAck});
  EXPECT_TRUE(wire.sink.closes.empty());
  wire.Server(flow, {.at = 6, .text = "221", .acked = 5, .flags = kFinAck});
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kFin});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT|S:221");
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
}

// PITFALLS 36
TEST_F(Close, AFinCapturedBeforeTheLastDataClosesOnlyBehindIt) {
  wire.Server(flow, {.at = 9, .acked = 4, .flags = kFinAck});
  wire.Client(flow, {.at = 4, .acked = 10, .flags = kFinAck});
  EXPECT_TRUE(wire.sink.closes.empty());
  wire.Server(flow, {.at = 6, .text = "221", .acked = 4});
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kFin});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT|S:221");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 0U);
}

TEST_F(Close, AFinBelowWhatWasDeliveredIsForged) {
  wire.Client(flow, {.at = 1, .acked = 6, .flags = kFinAck});
  wire.Server(flow, {.at = 6, .acked = 4, .flags = kFinAck});
  EXPECT_TRUE(wire.sink.closes.empty());
}

TEST_F(Close, AFinThatPayloadGoesBeyondWasNone) {
  wire.Client(flow, {.at = 4, .acked = 6, .flags = kFinAck});
  wire.Client(flow, {.at = 4, .text = "NOOP", .acked = 6});
  wire.Server(flow, {.at = 6, .text = "250", .acked = 8, .flags = kFinAck});
  EXPECT_TRUE(wire.sink.closes.empty());
  EXPECT_EQ(wire.sink.flows[0].chunks.back().acked, 8U);
}

TEST_F(Close, AKeepAliveBehindAFinIsNoData) {
  wire.Client(flow, {.at = 4, .acked = 6, .flags = kFinAck});
  wire.Client(flow, {.at = 4, .text = "?", .acked = 6});
  wire.Server(flow, {.at = 6, .acked = 5, .flags = kFinAck});
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kFin});
  wire.Client(flow, {.at = 4, .text = "?", .acked = 7});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT");
  EXPECT_EQ(wire.sink.flows.size(), 1U);
}

TEST_F(Close, AnExactResetLingersSoThatRepliesThatCrossItCount) {
  wire.Client(flow, {.at = 4, .acked = 6, .flags = kRstAck});
  wire.Server(flow, {.at = 6, .text = "221", .acked = 4});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT|S:221");
  wire.now += 3 * kSecond;
  wire.reassembler.AdvanceTo(wire.now);
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kReset});
}

TEST_F(Close, AResetOutOfTheWindowIsIgnoredHoweverOften) {
  for (const std::uint64_t at : {std::uint64_t{3}, std::uint64_t{5}, std::uint64_t{60'000},
                                 std::uint64_t{1} << 30, std::uint64_t{3} << 30}) {
    wire.Client(flow, {.at = at, .acked = 6, .flags = kRstAck});
  }
  wire.now += 30 * kSecond;
  wire.reassembler.AdvanceTo(wire.now);
  wire.Client(flow, {.at = 4, .text = "NOOP", .acked = 6});
  EXPECT_TRUE(wire.sink.closes.empty());
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT|C:NOOP");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpStrayBytes), 0U);
}

TEST_F(Close, AResetBehindBytesThatOnlyTheCaptureLostIsExactToo) {
  wire.Client(flow, {.at = 10, .text = "held", .acked = 6});
  wire.Client(flow, {.at = 14, .acked = 6, .flags = kRstAck});
  wire.now += 3 * kSecond;
  wire.reassembler.AdvanceTo(wire.now);
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kReset});
}

TEST_F(Close, AResetThatPayloadGoesBeyondWasForged) {
  wire.Client(flow, {.at = 4, .acked = 6, .flags = kRstAck});
  wire.Client(flow, {.at = 4, .text = "NOOP", .acked = 6});
  wire.now += 30 * kSecond;
  wire.reassembler.AdvanceTo(wire.now);
  EXPECT_TRUE(wire.sink.closes.empty());
}

TEST_F(Close, ThePayloadOfAResetIsNoStream) {
  wire.Client(flow, {.at = 4, .text = "go away", .acked = 6, .flags = kRstAck});
  EXPECT_EQ(wire.sink.Transcript(), "S:220 hi|C:QUIT");
}

TEST_F(Close, LateCopiesOpenNothing) {
  CloseByFins();
  wire.Client(flow, {.text = "QUIT", .acked = 6});
  wire.Server(flow, {.text = "220 hi"});
  wire.Client(flow, {.at = 4, .acked = 7});
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
  EXPECT_EQ(wire.sink.closes.size(), 1U);
}

TEST_F(Close, PayloadFarBehindTheEndIsAnotherConnection) {
  CloseByFins();
  Flow next = flow;
  next.client_isn -= 1U << 30;
  wire.Client(next, {.text = "EHLO b"});
  EXPECT_EQ(wire.sink.Transcript(1), "C:EHLO b");
}

TEST_F(Close, TheNextHandshakeOnTheTupleBeginsAnew) {
  CloseByFins();
  Flow next = flow;
  next.client_isn += 2;
  wire.Handshake(next);
  wire.Client(next, {.text = "EHLO b"});
  EXPECT_EQ(wire.sink.Transcript(1), "C:EHLO b");
  EXPECT_TRUE(wire.sink.flows[1].info.start_seen[0]);
}

TEST_F(Close, ByTimeOutKeepsTheNoteOfTheNextHandshake) {
  Flow next = flow;
  next.client_isn -= 2 << 20;  // would be a late copy
  wire.Syn(next);
  wire.now += 901 * kSecond;
  wire.reassembler.AdvanceTo(wire.now);
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kTimeout});
  wire.Client(next, {.text = "EHLO b"});
  EXPECT_EQ(wire.sink.Transcript(1), "C:EHLO b");
}

TEST_F(Close, AfterIgnoreNothingIsToldButTheClose) {
  wire.sink.verdicts["STARTTLS"] = StreamVerdict::kIgnore;
  wire.Client(flow, {.at = 20, .text = "held"});
  wire.Client(flow, {.at = 4, .text = "STARTTLS"});
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
  wire.Client(flow, {.at = 12, .text = "\x16\x03"});
  wire.Server(flow, {.at = 6, .text = "\x16\x03"});
  EXPECT_EQ(wire.reassembler.open_connections(), 1U);
  wire.Client(flow, {.at = 14, .flags = kFinAck});
  wire.Server(flow, {.at = 8, .flags = kFinAck});
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kFin});
  wire.Client(flow, {.at = 1 << 20, .text = "\x17\x03"});  // late, as far as is known
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
}

TEST_F(Close, ARefusedFlowIsClosedAndNotOpenedAgainUntilANewHandshake) {
  wire.sink.verdicts["GET /"] = StreamVerdict::kRefuse;
  wire.Client(flow, {.at = 4, .text = "GET /"});
  EXPECT_EQ(wire.sink.closes.size(), 1U);
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
  for (int i = 0; i < 5; ++i) wire.Client(flow, {.at = 9, .text = "more"});
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
  Flow next = flow;
  next.client_isn += 10'000'000;
  wire.Handshake(next);
  wire.Client(next, {.text = "EHLO b"});
  EXPECT_EQ(wire.sink.Transcript(1), "C:EHLO b");
}

TEST_F(Close, AVerdictOnAHeldPieceHoldsForTheOnesBehindIt) {
  wire.sink.verdicts["bb"] = StreamVerdict::kRefuse;
  wire.Client(flow, {.at = 8, .text = "cc"});
  wire.Server(flow, {.at = 9, .text = "xx"});
  wire.Client(flow, {.at = 6, .text = "bb"});
  wire.Client(flow, {.at = 4, .text = "aa"});
  EXPECT_EQ(wire.sink.flows[0].text[0], "QUITaabb");
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
}

TEST(Finish, ClosesInTheOrderOfTheFirstPacketsAndGivesUpEveryHole) {
  Wire wire;
  for (const std::uint16_t port : std::vector<std::uint16_t>{7, 3, 5}) {
    Flow flow;
    flow.client.port = port;
    wire.Handshake(flow);
    wire.Client(flow, {.text = "EHLO a"});
    wire.Client(flow, {.at = 10, .text = "tail"});
    if (port == 3) wire.now += kSecond;
  }
  wire.reassembler.Finish();
  // Of the same moment: by address and port.
  ASSERT_EQ(wire.sink.flows.size(), 3U);
  std::vector<std::uint16_t> ports;
  for (const std::uint32_t session : wire.sink.closed_order) {
    ports.push_back(wire.sink.flows[session - 1].info.client.port);
    EXPECT_EQ(wire.sink.Transcript(session - 1), "C:EHLO a|C:[4]|C:tail");
  }
  EXPECT_EQ(ports, (std::vector<std::uint16_t>{3, 7, 5}));
  EXPECT_EQ(wire.sink.closes, std::vector(3, CloseReason::kEndOfInput));
  EXPECT_EQ(wire.reassembler.held_bytes(), 0U);
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
}

}  // namespace
}  // namespace backscatter
