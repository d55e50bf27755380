#include <gtest/gtest.h>

#include "tests/unit/net/decode_helpers.h"

namespace backscatter {
namespace {

using support::Big16;
using support::Big32;
using support::PacketBuilder;

PacketBuilder Outer() { return PacketBuilder().Ethernet().Ipv4("203.0.113.1", "203.0.113.2"); }

TEST(Gre, SourceRoutingIsRefusedAndCounted) {
  FrameDecoder decoder;
  PacketBuilder builder = Outer();
  EXPECT_FALSE(decoder.Decode(EndV4(builder.Gre({.routing = true}))));
  EXPECT_EQ(decoder.Count(Loss::kDecodeUnknownProtocol), 1u);
}

TEST(Gre, UnknownVersionsAndProtocolsAreCounted) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(PacketBuilder()
                                  .Ethernet()
                                  .Ipv4("203.0.113.1", "203.0.113.2", {.protocol = 47})
                                  .Payload(Big16(0x0002) + Big16(0x0800) + Big32(0))));
  EXPECT_FALSE(decoder.Decode(Outer().Gre({.protocol = 0x1234}).Payload("abcdefgh")));
  EXPECT_EQ(decoder.Count(Loss::kDecodeUnknownProtocol), 2u);
}

TEST(Gre, KeepAlivesAndBareAcknowledgmentsAreNoLoss) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(Outer().Gre({.protocol = 0})));
  EXPECT_FALSE(decoder.Decode(PacketBuilder()
                                  .Ethernet()
                                  .Ipv4("203.0.113.1", "203.0.113.2", {.protocol = 47})
                                  .Payload(Big16(0x2081) + Big16(0x880b) + Big32(9) + Big32(1))));
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(Erspan, AnUnknownVersionIsCounted) {
  FrameDecoder decoder;
  PacketBuilder builder = Outer();
  builder.Gre({.sequence = true, .protocol = 0x88be}).Payload(Big32(0x70000000) + Big32(0));
  EXPECT_FALSE(decoder.Decode(EndV4(builder.Ethernet())));
  EXPECT_EQ(decoder.Count(Loss::kDecodeUnknownProtocol), 1u);
}

TEST(Udp, OtherPortsAreNotLookedInto) {
  FrameDecoder decoder;
  PacketBuilder builder = Outer();
  EXPECT_FALSE(decoder.Decode(EndV4(builder.Udp(4789, 53).Vxlan().Ethernet())));
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(Vxlan, WithoutAValidNetworkIdentifierItIsNoTunnel) {
  FrameDecoder decoder;
  PacketBuilder builder = Outer();
  builder.Udp(1, 4789).Payload(Big32(0) + Big32(0)).Ethernet();
  EXPECT_FALSE(decoder.Decode(EndV4(builder)));
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(Geneve, ControlPacketsAndOtherVersionsAreNoTcp) {
  for (const std::uint32_t first : {0x00806558u, 0x40006558u}) {
    FrameDecoder decoder;
    PacketBuilder builder = Outer();
    builder.Udp(1, 6081).Payload(Big32(first) + Big32(0)).Ethernet();
    EXPECT_FALSE(decoder.Decode(EndV4(builder)));
    EXPECT_EQ(decoder.AllLosses(), 0u);
  }
}

TEST(Geneve, OptionsPastThePacketAreMalformed) {
  FrameDecoder decoder;
  EXPECT_FALSE(
      decoder.Decode(Outer().Udp(1, 6081).Payload(Big32(0x3f006558) + Big32(0) + "short")));
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
}

TEST(GtpU, SignallingIsNoTcp) {
  for (const std::uint32_t first : {0x30010008u, 0x32020008u, 0x48200008u, 0x20ff0008u}) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(
        Outer().Udp(2152, 2152).Payload(Big32(first) + Big32(1) + Big32(0) + Big32(0))));
    EXPECT_EQ(decoder.AllLosses(), 0u);
  }
}

TEST(GtpU, AnExtensionOfLengthZeroIsMalformedAndNoEndlessLoop) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(Outer()
                                  .Udp(2152, 2152)
                                  .Payload(Big32(0x34ff0014) + Big32(1) + Big32(0x00010085) +
                                           Big32(0) + Big32(0) + Big32(0))));
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
}

TEST(GtpU, ExtensionsWithoutEndAreTooDeep) {
  FrameDecoder decoder;
  PacketBuilder builder = Outer();
  EXPECT_FALSE(decoder.Decode(EndV4(builder.Udp(2152, 2152).GtpU(true, 40))));
  EXPECT_EQ(decoder.Count(Loss::kDecodeTooDeep), 1u);
}

TEST(Tunnels, TheInnermostTcpCounts) {
  FrameDecoder decoder;
  PacketBuilder builder = Outer();
  builder.Udp(1, 4789).Vxlan().Ethernet().Vlan(4).Ipv6("2001:db8:2::1", "2001:db8:2::2");
  builder.Gre({.key = true}).Ethernet().Mpls(3);
  ExpectTheSegment(decoder.Decode(EndV6(builder)), true);
}

TEST(Tunnels, NestedWithoutEndIsTooDeep) {
  FrameDecoder decoder;
  PacketBuilder builder;
  builder.Ethernet();
  for (int i = 0; i < 20; ++i) builder.Ipv4("10.0.0.1", "10.0.0.2").Gre().Ethernet();
  EXPECT_FALSE(decoder.Decode(EndV4(builder)));
  EXPECT_EQ(decoder.Count(Loss::kDecodeTooDeep), 1u);
}

}  // namespace
}  // namespace backscatter
