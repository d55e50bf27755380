// Fragments through the decoder: in tunnels, with tunnels inside, with odd headers around them.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/unit/net/decode_helpers.h"

namespace backscatter {
namespace {

using support::Big32;
using support::PacketBuilder;

// The fragments of `body`, the payload of an IPv4 packet, behind what `outer` has.
std::vector<std::string> SplitV4(const PacketBuilder& outer, const std::string& body, int protocol,
                                 std::size_t piece, std::uint16_t id = 9) {
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    PacketBuilder builder = outer;
    builder.Ipv4(kV4Client, kV4Server,
                 {.id = id,
                  .fragment_offset = static_cast<std::uint32_t>(at),
                  .more_fragments = at + piece < body.size(),
                  .protocol = protocol});
    frames.push_back(builder.Payload(body.substr(at, piece)).Build());
  }
  return frames;
}

std::vector<std::string> SplitV6(const PacketBuilder& outer, const std::string& body, int next,
                                 std::size_t piece, bool with_options = false) {
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    PacketBuilder builder = outer;
    builder.Ipv6(kV6Client, kV6Server);
    if (with_options) builder.Ipv6Extension(0).Ipv6Extension(60);
    builder.Ipv6Fragment(77, static_cast<std::uint32_t>(at), at + piece < body.size(), next);
    frames.push_back(builder.Payload(body.substr(at, piece)).Build());
  }
  return frames;
}

std::string TcpV4() {
  PacketBuilder builder;
  return EndV4(builder).Build().substr(20);
}
std::string TcpV6() {
  PacketBuilder builder;
  return EndV6(builder).Build().substr(40);
}

// Feeds all frames; exactly the last may give the segment.
void ExpectOnLast(FrameDecoder& decoder, const std::vector<std::string>& frames, bool is_v6,
                  LinkType link_type = LinkType::kEthernet) {
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    EXPECT_FALSE(decoder.Decode(frames[i], link_type)) << i;
  }
  ExpectTheSegment(decoder.Decode(frames.back(), link_type), is_v6);
  decoder.Finish();
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(DecoderFragments, EveryPieceSizeInBothDirections) {
  for (std::size_t piece = 8; piece < TcpV4().size(); piece += 8) {
    auto v4 = SplitV4(PacketBuilder().Ethernet(), TcpV4(), 6, piece);
    auto v6 = SplitV6(PacketBuilder().Ethernet(), TcpV6(), 6, piece);
    for (int round = 0; round < 2; ++round) {
      FrameDecoder decoder;
      ExpectOnLast(decoder, v4, false);
      ExpectOnLast(decoder, v6, true);
      EXPECT_EQ(decoder.AllAnomalies(), 0u);
      std::reverse(v4.begin(), v4.end());
      std::reverse(v6.begin(), v6.end());
    }
  }
}

TEST(DecoderFragments, ManyRandomOrders) {
  std::mt19937 random(7);
  auto frames = SplitV4(PacketBuilder().Ethernet().Vlan(3), TcpV4(), 6, 8);
  for (int round = 0; round < 200; ++round) {
    std::shuffle(frames.begin(), frames.end(), random);
    FrameDecoder decoder;
    ExpectOnLast(decoder, frames, false);
  }
}

TEST(DecoderFragments, HeadersBeforeTheFragmentHeaderAreSkipped) {
  FrameDecoder decoder;
  ExpectOnLast(decoder, SplitV6(PacketBuilder().Ethernet(), TcpV6(), 6, 16, true), true);
}

TEST(DecoderFragments, HeadersInTheFragmentablePartAreSkipped) {
  FrameDecoder decoder;
  const std::string body = std::string("\x06\0", 2) + std::string(6, '\0') + TcpV6();
  ExpectOnLast(decoder, SplitV6(PacketBuilder().Ethernet(), body, 60, 8), true);
}

TEST(DecoderFragments, OnlyTheFirstFragmentNamesWhatFollowsInIpv6) {
  auto frames = SplitV6(PacketBuilder().Ethernet(), TcpV6(), 6, 24);
  for (std::size_t i = 1; i < frames.size(); ++i) frames[i][14 + 40] = 58;  // ICMPv6, it claims
  FrameDecoder decoder;
  ExpectOnLast(decoder, frames, true);
}

TEST(DecoderFragments, AtomicFragmentsNeedNoReassembly) {
  FrameDecoder decoder;
  // The same identification as datagrams under way: RFC 6946 keeps them apart.
  const auto frames = SplitV6(PacketBuilder().Ethernet(), TcpV6(), 6, 24);
  EXPECT_FALSE(decoder.Decode(frames[0], LinkType::kEthernet));
  PacketBuilder atomic;
  atomic.Ethernet().Ipv6(kV6Client, kV6Server).Ipv6Fragment(77, 0, false);
  ExpectTheSegment(decoder.Decode(atomic.Tcp(40000, 25, {.sequence = 7000}).Payload(kText)), true);
  for (std::size_t i = 1; i + 1 < frames.size(); ++i) {
    EXPECT_FALSE(decoder.Decode(frames[i], LinkType::kEthernet));
  }
  ExpectTheSegment(decoder.Decode(frames.back(), LinkType::kEthernet), true);
}

TEST(DecoderFragments, InsideTunnels) {
  FrameDecoder decoder;
  const PacketBuilder vxlan =
      PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Udp(1, 4789).Vxlan().Ethernet();
  ExpectOnLast(decoder, SplitV4(vxlan, TcpV4(), 6, 24), false);
  const PacketBuilder gre = PacketBuilder().Ethernet().Ipv4("10.0.0.1", "10.0.0.2").Gre();
  ExpectOnLast(decoder, SplitV6(gre, TcpV6(), 6, 24), true);
}

TEST(DecoderFragments, WithTunnelsInside) {
  PacketBuilder inner;
  inner.Udp(1, 4789).Vxlan().Ethernet().Vlan(2);
  const std::string udp = EndV6(inner).Build();
  FrameDecoder decoder;
  ExpectOnLast(decoder, SplitV4(PacketBuilder().Ethernet(), udp, 17, 40), true);
  PacketBuilder gre;
  gre.Gre({.key = true, .sequence = true});
  ExpectOnLast(decoder, SplitV4(PacketBuilder().Ethernet(), EndV4(gre).Build(), 47, 8), false);
}

TEST(DecoderFragments, FragmentsOfFragments) {
  // Each inner fragment travels in an outer IPv4 packet that is fragmented again.
  FrameDecoder decoder;
  std::vector<std::string> frames;
  std::uint16_t id = 100;
  for (const std::string& inner : SplitV6(PacketBuilder(), TcpV6(), 6, 32)) {
    for (auto& frame : SplitV4(PacketBuilder().Ethernet(), inner, 41, 24, id)) {
      frames.push_back(std::move(frame));
    }
    ++id;
  }
  ExpectOnLast(decoder, frames, true);
  EXPECT_EQ(decoder.AllAnomalies(), 0u);
}

TEST(DecoderFragments, ADatagramThatHoldsAFragmentOfItselfIsMalformed) {
  const std::string inner =
      PacketBuilder()
          .Ipv4(kV4Client, kV4Server,
                {.id = 9, .fragment_offset = 0, .more_fragments = true, .protocol = 4})
          .Payload("12345678")
          .Build();
  FrameDecoder decoder;
  for (const auto& frame : SplitV4(PacketBuilder().Ethernet(), inner, 4, 24)) {
    EXPECT_FALSE(decoder.Decode(frame, LinkType::kEthernet));
  }
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
}

TEST(DecoderFragments, FramesCutByTheCaptureLeaveTheLengthKnown) {
  auto frames = SplitV4(PacketBuilder().Ethernet(), TcpV4(), 6, 40);
  ASSERT_EQ(frames.size(), 2u);
  FrameDecoder decoder;
  const std::string cut = frames[0].substr(0, 14 + 20 + 20 + 11);
  Packet packet = support::AsPacket(cut, LinkType::kEthernet);
  packet.wire_length = static_cast<std::uint32_t>(frames[0].size());
  EXPECT_FALSE(decoder.Decode(packet));
  const auto got = decoder.Decode(frames[1], LinkType::kEthernet);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, std::string(kText).substr(0, 11));
  EXPECT_EQ(got->segment.payload_wire_length, sizeof kText - 1);
}

TEST(DecoderFragments, TrailersOfFragmentsAreNoPayload) {
  auto frames = SplitV4(PacketBuilder().Ethernet(), TcpV4(), 6, 8);
  for (auto& frame : frames) frame += "padding";
  FrameDecoder decoder;
  ExpectOnLast(decoder, frames, false);
}

TEST(DecoderFragments, FragmentsOfOtherProtocolsAreNeitherKeptNorLost) {
  FrameDecoder decoder;
  for (const auto& frame : SplitV4(PacketBuilder().Ethernet(), std::string(64, 'x'), 1, 8)) {
    EXPECT_FALSE(decoder.Decode(frame, LinkType::kEthernet));
  }
  decoder.Finish();
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

TEST(DecoderFragments, DatagramsThatNeverEndAreCountedAtTheEndOfInput) {
  FrameDecoder decoder;
  const auto frames = SplitV4(PacketBuilder().Ethernet(), TcpV4(), 6, 24);
  EXPECT_FALSE(decoder.Decode(frames[0], LinkType::kEthernet));
  EXPECT_FALSE(decoder.Decode(frames[2], LinkType::kEthernet));
  decoder.Finish();
  EXPECT_EQ(decoder.Count(Loss::kFragmentExpired), 1u);
  EXPECT_EQ(decoder.Count(Anomaly::kFragmentHole), 1u);
}

// The payload lives until the next Decode, also that of a reassembled datagram.
TEST(DecoderFragments, ThePayloadLivesUntilTheNextCall) {
  Ledger ledger;
  Decoder decoder(&ledger);
  Segment segment;
  std::vector<std::string> frames = SplitV4(PacketBuilder().Ethernet(), TcpV4(), 6, 24);
  for (const auto& frame : frames) {
    if (decoder.Decode(support::AsPacket(frame, LinkType::kEthernet), segment)) break;
  }
  frames.clear();
  EXPECT_EQ(std::string(segment.payload.begin(), segment.payload.end()), kText);
}

}  // namespace
}  // namespace backscatter
