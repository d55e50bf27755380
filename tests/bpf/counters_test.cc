// Each counter counts what it says, and each loss reaches the ledger.
#include <map>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/source/bpf_counters.h"
#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"
#include "tests/support/packet_builder.h"

namespace backscatter::bpf_test {
namespace {

class Losses final : public PacketSink {
 public:
  void OnPacket(const Packet&) override {}
  void OnLoss(Loss loss, std::uint64_t count) override { counts[loss] += count; }
  std::map<Loss, std::uint64_t> counts;
};

class Counters : public KernelTest {};

TEST_F(Counters, PacketsAndTheirBytes) {
  Wire wire(*kernel);
  const std::size_t bytes = wire.FrameS("220 mx\r\n").size() + wire.FrameC("EHLO a\r\n").size();
  wire.S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_EQ(kernel->Counted(BS_PACKETS), 2u);
  EXPECT_EQ(kernel->Counted(BS_PACKET_BYTES), bytes);
  EXPECT_EQ(kernel->Counted(BS_RECORDS), 2u);
  EXPECT_EQ(kernel->Counted(BS_FLOWS), 1u);
}

TEST_F(Counters, PacketsBetweenTwoWatchedPorts) {
  ASSERT_TRUE(kernel->Run(support::PacketBuilder()
                              .Ethernet()
                              .Ipv4("192.0.2.1", "203.0.113.5")
                              .Tcp(587, 25)
                              .Payload("x")
                              .Build()));
  EXPECT_EQ(kernel->Counted(BS_BOTH_PORTS), 1u);
  EXPECT_TRUE(kernel->Records().empty());
}

// With the default rules; null where it does not load.
std::unique_ptr<Kernel> OpenWithLeastRing() {
  BpfOptions options;
  options.ring_bytes = 1;  // made a page
  auto small = Kernel::Open(BpfKind::kEthernet, options);
  if (small != nullptr) small->Apply(DefaultRules());
  return small;
}

TEST_F(Counters, RecordsWithoutRoom) {
  const auto small = OpenWithLeastRing();
  ASSERT_NE(small, nullptr);
  Wire wire(*small);
  const std::string text(1000, 'x');
  constexpr std::size_t kSent = 10;
  for (std::size_t i = 0; i < kSent; ++i) {
    ASSERT_TRUE(small->Run(wire.FrameS(text)));
  }
  const std::uint64_t lost = small->Counted(BS_RING_FULL);
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(small->Counted(BS_RING_FULL_BYTES), lost * text.size());
  EXPECT_EQ(small->Records().size() + lost, kSent);
  // And right again afterwards.
  ASSERT_TRUE(small->Run(wire.FrameS(text)));
  EXPECT_EQ(small->Records().size(), 1u);
}

TEST_F(Counters, FlowsBeyondTheTableTakeThePlaceOfOld) {
  BpfOptions options;
  options.flow_capacity = 64;
  const auto small = Kernel::Open(BpfKind::kEthernet, options);
  ASSERT_NE(small, nullptr);
  small->Apply(DefaultRules());
  small->Count();
  for (int i = 0; i < 1000; ++i) {
    Wire wire(*small);
    wire.S("220 mx\r\n").C("EHLO a\r\n");
    EXPECT_EQ(wire.client(), "EHLO a\r\n");
  }
  EXPECT_EQ(small->Counted(BS_FLOWS) + small->Counted(BS_NO_FLOW), 1000u);
}

TEST_F(Counters, AFlowThatWasPushedOutStaysUntilTheServerSpeaks) {
  BpfOptions options;
  options.flow_capacity = 1;
  const auto small = Kernel::Open(BpfKind::kEthernet, options);
  ASSERT_NE(small, nullptr);
  small->Apply(DefaultRules());
  Wire first(*small);
  first.UpToData().S("354 go\r\n");
  for (int i = 0; i < 300; ++i) Wire(*small).S("220 mx\r\n");
  first.Body(1000).C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(first.Client(), "[1003]QUIT\r\n");
}

// A bridge and its port, or a retransmission.
TEST_F(Counters, WhatIsSeenTwiceIsCountedOnce) {
  const std::string part(1000, 'x');
  const auto twice = [&part](Wire& wire) { wire.C(part).AgainC(1000, part).AgainC(500, part); };
  Wire body(*kernel);
  body.UpToData().S("354 go\r\n");
  twice(body);
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 1500u);
  Wire stateless(*kernel);
  twice(stateless);
  EXPECT_EQ(kernel->Counted(BS_STATELESS_BYTES), 1500u);
  Wire unordered(*kernel);
  unordered.S("220 mx\r\n").MissC("EHLO a\r\n").C(part).AgainC(1000, part);
  EXPECT_EQ(kernel->Counted(BS_UNORDERED_BYTES), 1000u);
  EXPECT_EQ(kernel->Counted(BS_STATELESS_BYTES), 1500u);
}

TEST_F(Counters, ACutWhoseRecordFoundNoRoomIsToldBeforeTheNextOne) {
  const auto small = OpenWithLeastRing();
  ASSERT_NE(small, nullptr);
  Wire wire(*small);
  wire.UpToData().S("354 go\r\n").Body(500);
  const Wire other(*small, {.client = "192.0.2.77"});
  while (small->Counted(BS_RING_FULL) == 0) ASSERT_TRUE(small->Run(other.FrameS("220 mx\r\n")));
  const std::uint64_t full = small->Counted(BS_RING_FULL);
  wire.C(".\r\nMAIL FROM:<a@b>\r\nBDAT 600\r\n");
  EXPECT_EQ(small->Counted(BS_RING_FULL), full + 2);
  wire.Client();
  wire.C(std::string(600, 'x'));
  EXPECT_EQ(wire.Client(), "[500]");
  wire.S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[600]");
}

TEST_F(Counters, LossesReachTheLedgerOnceAndNothingElseDoes) {
  BpfCounters before = {};
  BpfCounters now = {};
  for (std::size_t i = 0; i < now.size(); ++i) now[i] = before[i] + i + 1;
  before[BS_NO_FLOW] = now[BS_NO_FLOW];
  Losses losses;
  TellBpfLosses(before, now, losses);
  const std::map<Loss, std::uint64_t> expected = {
      {Loss::kKernelRingFull, BS_RING_FULL + 1},
      {Loss::kKernelRingFullBytes, BS_RING_FULL_BYTES + 1},
      {Loss::kKernelFragments, BS_FRAGMENTS + 1},
      {Loss::kKernelTruncated, BS_TRUNCATED + 1},
      {Loss::kKernelMalformed, BS_MALFORMED + 1},
      {Loss::kKernelUnorderedBytes, BS_UNORDERED_BYTES + 1},
      {Loss::kKernelStatelessBytes, BS_STATELESS_BYTES + 1},
      {Loss::kKernelBehindCutBytes, BS_BEHIND_CUT + 1},
      {Loss::kKernelBothPorts, BS_BOTH_PORTS + 1},
  };
  EXPECT_EQ(losses.counts, expected);
}

}  // namespace
}  // namespace backscatter::bpf_test
