// Where a connection starts, which side is the client, and when a tuple begins anew.
#include "gtest/gtest.h"

#include "tests/unit/tcp/wire.h"

namespace backscatter {
namespace {

using testing::At;
using testing::Flow;
using testing::Wire;

// The start is known, and not a byte is thought to be missing.
void ExpectWhole(const Wire& wire, std::size_t flow, const std::string& transcript) {
  EXPECT_EQ(wire.sink.Transcript(flow), transcript);
  ASSERT_GT(wire.sink.flows.size(), flow);
  EXPECT_TRUE(wire.sink.flows[flow].info.start_seen[0]);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 0U);
}

// PITFALLS 33
TEST(Handshake, ASynResentWithAnotherIsnLeavesTheChoiceToTheSynAck) {
  for (const bool answers_first : {true, false}) {
    Wire wire;
    Flow first;
    Flow second;
    second.client_isn = 3'000'000'000;
    wire.Syn(first);
    wire.Syn(second);
    const Flow& chosen = answers_first ? first : second;
    wire.SynAck(chosen);
    wire.Client(chosen, {.at = 5, .text = "a"});  // out of order: the start must be known
    wire.Client(chosen, {.text = "EHLO "});
    ExpectWhole(wire, 0, "C:EHLO |C:a");
    EXPECT_EQ(wire.ledger.Get(Anomaly::kTcpSynResent), 1U);
  }
}

TEST(Handshake, WithoutASynAckThePayloadChoosesBetweenTheSyns) {
  for (const bool sends_first : {true, false}) {
    Wire wire;
    Flow first;
    Flow second;
    second.client_isn = 3'000'000'000;
    wire.Syn(first);
    wire.Syn(second);
    wire.Client(sends_first ? first : second, {.text = "EHLO a"});
    ExpectWhole(wire, 0, "C:EHLO a");
  }
}

TEST(Handshake, ASynBehindTheAnswerIsKeptUntilPayloadChooses) {
  Wire wire;
  Flow first;
  Flow second;
  second.client_isn = 3'000'000'000;
  wire.Handshake(first);
  wire.Syn(second);
  wire.Client(second, {.text = "EHLO b"});
  ExpectWhole(wire, 0, "C:EHLO b");
  Wire other;
  other.Handshake(first);
  other.Syn(second);
  other.Client(first, {.text = "EHLO a"});
  ExpectWhole(other, 0, "C:EHLO a");
}

TEST(Handshake, PacketsOfOneHandshakeMayComeInAnyOrderAndTwice) {
  Wire wire;
  const Flow flow;
  wire.SynAck(flow);
  wire.Syn(flow);
  wire.Handshake(flow);
  wire.Server(flow, {.text = "220 hi"});
  wire.Handshake(flow);
  wire.Client(flow, {.text = "EHLO a", .acked = 6});
  ExpectWhole(wire, 0, "S:220 hi|C:EHLO a");
  EXPECT_TRUE(wire.sink.closes.empty());
  EXPECT_EQ(wire.ledger.Get(Anomaly::kTcpSynResent), 0U);
}

TEST(Handshake, AReusedTupleIsANewConnectionOnceItsHandshakeIsWhole) {
  Wire wire;
  Flow first;
  Flow second;
  second.client_isn = first.client_isn + 70'000;  // near: only the handshake can tell
  second.server_isn = first.server_isn + 70'000;
  wire.Handshake(first);
  wire.Client(first, {.text = "EHLO a"});
  wire.Handshake(second);
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kReused});
  wire.Client(second, {.text = "EHLO b"});
  ExpectWhole(wire, 1, "C:EHLO b");
}

TEST(Handshake, AReusedTupleWhoseSynAckWasNotCapturedBeginsWithItsPayload) {
  Wire wire;
  Flow first;
  Flow second;
  second.client_isn = 3'000'000'000;
  second.server_isn = 5;
  wire.Handshake(first);
  wire.Client(first, {.text = "EHLO a"});
  wire.Syn(second);
  EXPECT_TRUE(wire.sink.closes.empty());  // a SYN alone decides nothing
  wire.Client(first, {.at = 6, .text = "QUIT"});
  wire.Client(second, {.text = "EHLO b"});
  EXPECT_EQ(wire.sink.Transcript(0), "C:EHLO a|C:QUIT");
  ExpectWhole(wire, 1, "C:EHLO b");
}

TEST(Handshake, AReusedTupleWhoseSynWasNotCapturedBeginsWithItsPayload) {
  Wire wire;
  Flow first;
  Flow second;
  second.client_isn = 3'000'000'000;
  second.server_isn = 5;
  wire.Handshake(first);
  wire.Client(first, {.text = "EHLO a"});
  wire.SynAck(second);
  EXPECT_TRUE(wire.sink.closes.empty());
  wire.Server(second, {.text = "220 b"});
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kReused});
  ExpectWhole(wire, 1, "S:220 b");
}

TEST(Handshake, OfAOneSidedCaptureTheSynAckIsEnough) {
  Wire wire;
  Flow first;
  Flow second;
  second.server_isn = 5;
  wire.SynAck(first);
  wire.Server(first, {.text = "220 a"});
  wire.SynAck(second);
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kReused});
  wire.Server(second, {.text = "220 b"});
  ExpectWhole(wire, 1, "S:220 b");
}

TEST(Handshake, AReusedTupleWithoutAnyHandshakeIsFoundByItsThirdSegment) {
  Wire wire;
  Flow first;
  Flow second;
  second.client_isn = 3'000'000'000;
  second.server_isn = 5;
  wire.Handshake(first);
  wire.Client(first, {.text = "EHLO a"});
  wire.Server(second, {.text = "220 b"});
  wire.Client(second, {.text = "EHLO b", .acked = 5});
  wire.Server(second, {.at = 5, .text = "250 b", .acked = 6});
  EXPECT_EQ(wire.sink.closes, std::vector{CloseReason::kReused});
  EXPECT_EQ(wire.sink.Transcript(1), "S:250 b");
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpStrayBytes), 11U);
  EXPECT_FALSE(wire.sink.flows.at(1).info.start_seen[1]);
}

TEST(Handshake, AForgedSynAckNeitherClosesNorMovesAConnection) {
  Wire wire;
  Flow flow;
  Flow forged;
  forged.client_isn = 5;
  forged.server_isn = 6;
  wire.Handshake(flow);
  wire.Server(flow, {.text = "220 hi"});
  wire.SynAck(forged);
  // And one that the client sends, as if it were the server.
  wire.Send(Wire::Make(flow, true, 12345, 999, tcp_flags::kSyn | tcp_flags::kAck));
  wire.Client(flow, {.text = "EHLO a", .acked = 6});
  ExpectWhole(wire, 0, "S:220 hi|C:EHLO a");
  EXPECT_TRUE(wire.sink.closes.empty());
}

TEST(Handshake, ASynAckFromTheClientsSideDoesNotTurnTheRolesRound) {
  for (const bool syn_captured : {true, false}) {
    Wire wire;
    const Flow flow;
    if (syn_captured) wire.Handshake(flow);
    wire.Send(Wire::Make(flow, true, 12345, 999, tcp_flags::kSyn | tcp_flags::kAck));
    wire.Client(flow, {.text = "EHLO a"});
    ASSERT_EQ(wire.sink.flows.size(), 1U);
    EXPECT_EQ(wire.sink.flows[0].info.client, flow.client);
    EXPECT_TRUE(wire.sink.flows[0].info.on_smtp_port);
    EXPECT_EQ(wire.sink.flows[0].info.start_seen[0], syn_captured);
  }
}

TEST(Handshake, AnAnswerThatFitsNoSynDoesNotReplaceOneThatDid) {
  Wire wire;
  const Flow flow;
  Flow forged;
  forged.client_isn = 5;
  forged.server_isn = 6;
  wire.Handshake(flow);
  wire.SynAck(forged);
  wire.Client(flow, {.at = 5, .text = "a"});
  wire.Client(flow, {.text = "EHLO "});
  ExpectWhole(wire, 0, "C:EHLO |C:a");
}

TEST(Handshake, AMidStreamFlowIsPickedUpAndBytesBeforeItAreCounted) {
  Wire wire;
  const Flow flow;
  wire.Client(flow, {.at = 100, .text = "RCPT", .acked = 50});
  wire.Client(flow, {.at = 96, .text = "xxxxRCPT TO", .acked = 50});
  wire.Client(flow, {.at = 90, .text = "yyyy", .acked = 50});
  wire.Server(flow, {.at = 50, .text = "250", .acked = 107});
  EXPECT_EQ(wire.sink.Transcript(), "C:RCPT|C: TO|S:250");
  const auto& info = wire.sink.flows.at(0).info;
  EXPECT_FALSE(info.start_seen[0] || info.start_seen[1]);
  EXPECT_EQ(wire.ledger.Get(Loss::kTcpBeforeStartBytes), 8U);
}

TEST(Handshake, PayloadFarFromTheNotedStartIsMidStream) {
  Wire wire;
  const Flow flow;
  wire.Handshake(flow);
  wire.Client(flow, {.at = 500 << 20, .text = "RCPT"});
  EXPECT_EQ(wire.sink.Transcript(), "C:RCPT");
  EXPECT_FALSE(wire.sink.flows.at(0).info.start_seen[0]);
}

TEST(Handshake, OnTheSmtpPortTheOtherSideIsTheClient) {
  Wire wire;
  Flow flow;
  wire.Server(flow, {.text = "220 hi"});
  EXPECT_EQ(wire.sink.flows.at(0).info.client, flow.client);
  EXPECT_EQ(wire.sink.judged, 0);
}

TEST(Handshake, BetweenTwoSmtpPortsTheContentTellsTheRoles) {
  Wire wire;
  Flow flow;
  flow.client = At("192.0.2.1", 25);
  wire.Server(flow, {.text = "220 hi"});
  EXPECT_EQ(wire.sink.flows.at(0).info.client, flow.client);
}

TEST(Handshake, AFlowOffThePortsHasStateOnlyIfItsPayloadIsSmtp) {
  Wire wire;
  Flow flow;
  flow.server = At("198.51.100.2", 8025);
  wire.Handshake(flow);
  wire.Client(flow, {.text = "GET / HTTP/1.1"});
  EXPECT_EQ(wire.reassembler.open_connections(), 0U);
  Flow smtp = flow;
  smtp.client.port = 40001;
  wire.Handshake(smtp);
  wire.Server(smtp, {.text = "220 hi"});
  ASSERT_EQ(wire.sink.flows.size(), 1U);
  EXPECT_EQ(wire.sink.flows[0].info.client, smtp.client);
  EXPECT_FALSE(wire.sink.flows[0].info.on_smtp_port);
  EXPECT_TRUE(wire.sink.flows[0].info.start_seen[1]);
}

TEST(Handshake, WithoutAnyPortAFlowOffThePortsIsNotEvenJudged) {
  Wire wire({.ports = {26}, .any_port = false});
  Flow flow;
  wire.Client(flow, {.text = "EHLO a"});
  EXPECT_EQ(wire.sink.judged, 0);
  flow.server.port = 26;
  wire.Client(flow, {.text = "EHLO a"});
  EXPECT_EQ(wire.sink.flows.size(), 1U);
}

}  // namespace
}  // namespace backscatter
