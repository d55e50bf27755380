#include <gtest/gtest.h>

#include "tests/unit/net/decode_helpers.h"

namespace backscatter {
namespace {

using support::Big16;
using support::Big32;
using support::Ipv4Fields;
using support::PacketBuilder;
using support::TcpFields;

// An Ethernet frame of the segment, with the given IPv4 fields.
PacketBuilder V4With(Ipv4Fields fields, TcpFields tcp = {.sequence = 7000}) {
  return PacketBuilder()
      .Ethernet()
      .Ipv4(kV4Client, kV4Server, fields)
      .Tcp(40000, 25, tcp)
      .Payload(kText);
}

// The same through the general path: a VLAN tag leaves the straight one.
PacketBuilder TaggedV4With(Ipv4Fields fields, TcpFields tcp = {.sequence = 7000}) {
  return PacketBuilder()
      .Ethernet()
      .Vlan(1)
      .Ipv4(kV4Client, kV4Server, fields)
      .Tcp(40000, 25, tcp)
      .Payload(kText);
}

std::string BytesOf(std::string_view address) {
  const std::array<std::uint8_t, 16> bytes = IpAddress::Parse(address)->bytes();
  return {bytes.begin(), bytes.end()};
}

TEST(Ipv4, OptionsOfEveryLengthAreSkipped) {
  for (std::size_t words = 0; words <= 10; ++words) {
    FrameDecoder decoder;
    ExpectTheSegment(decoder.Decode(V4With({.options = std::string(words * 4, '\x01')})), false);
    EXPECT_EQ(decoder.AllLosses() + decoder.AllAnomalies(), 0u);
  }
}

// PITFALLS 40.
TEST(Ipv4, ABadHeaderChecksumIsCountedAndNotDropped) {
  FrameDecoder decoder;
  ExpectTheSegment(decoder.Decode(V4With({.bad_checksum = true})), false);
  ExpectTheSegment(decoder.Decode(TaggedV4With({.bad_checksum = true})), false);
  EXPECT_EQ(decoder.Count(Anomaly::kBadIpChecksum), 2u);
  EXPECT_EQ(decoder.AllLosses(), 0u);
}

// PITFALLS 40: segmentation offload leaves 0 in the length.
TEST(Ipv4, TotalLengthZeroTakesWhatTheFrameHas) {
  FrameDecoder decoder;
  ExpectTheSegment(decoder.Decode(V4With({.total_length = 0})), false);
  ExpectTheSegment(decoder.Decode(TaggedV4With({.total_length = 0})), false);
  EXPECT_EQ(decoder.Count(Anomaly::kIpLengthZero), 2u);
}

TEST(Ipv4, TotalLengthZeroOfACutFrameTakesItsWireLength) {
  FrameDecoder decoder;
  const std::string frame = V4With({.total_length = 0}).Build();
  const std::string cut = frame.substr(0, 60);
  Packet packet = support::AsPacket(cut, LinkType::kEthernet);
  packet.wire_length = static_cast<std::uint32_t>(frame.size());
  const auto got = decoder.Decode(packet);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, std::string(kText).substr(0, 6));
  EXPECT_EQ(got->segment.payload_wire_length, sizeof kText - 1);
}

TEST(Ipv4, LengthsBelowTheHeaderAreMalformed) {
  for (const int total : {1, 19}) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(V4With({.total_length = total})));
    EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
  }
}

TEST(Ipv4, ALengthThatEndsInTheTcpHeaderIsMalformed) {
  for (const int total : {20, 21, 39}) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(V4With({.total_length = total})));
    EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u) << total;
  }
}

TEST(Ipv4, AShortHeaderLengthIsMalformed) {
  for (const char first : {'\x40', '\x44', '\x65'}) {
    FrameDecoder decoder;
    std::string frame = V4With({}).Build();
    frame[14] = first;
    EXPECT_FALSE(decoder.Decode(frame, LinkType::kEthernet));
    EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
  }
}

TEST(Ipv4, ALengthBeyondTheFrameSaysWhatIsMissing) {
  FrameDecoder decoder;
  const auto got = decoder.Decode(V4With({.total_length = 1500}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, kText);
  EXPECT_EQ(got->segment.payload_wire_length, 1460u);
  EXPECT_EQ(decoder.Count(Anomaly::kIpLengthBeyondFrame), 1u);
}

// PITFALLS 35, CVE-2025-29915: a frame larger than its ring slot comes cut, with its true length.
TEST(Ipv4, ACutFrameGivesThePrefixAndTheWireLength) {
  FrameDecoder decoder;
  const std::string frame = V4With({}).Build();
  const std::string cut = frame.substr(0, 14 + 40 + 9);
  Packet packet = support::AsPacket(cut, LinkType::kEthernet);
  packet.wire_length = static_cast<std::uint32_t>(frame.size());
  const auto got = decoder.Decode(packet);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload, std::string(kText).substr(0, 9));
  EXPECT_EQ(got->segment.payload_wire_length, sizeof kText - 1);
  EXPECT_EQ(decoder.AllLosses() + decoder.AllAnomalies(), 0u);
}

TEST(Ipv4, AWireLengthBelowTheCapturedOneIsIgnored) {
  FrameDecoder decoder;
  const std::string frame = V4With({}).Build();
  Packet packet = support::AsPacket(frame, LinkType::kEthernet);
  packet.wire_length = 3;
  ExpectTheSegment(decoder.Decode(packet), false);
}

TEST(Ipv4, OtherProtocolsGiveNothingAndAreNoLoss) {
  for (const int protocol : {1, 2, 50, 89, 132, 0, 43, 60}) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(V4With({.protocol = protocol})));
    EXPECT_EQ(decoder.AllLosses(), 0u) << protocol;
  }
}

TEST(Ipv4, FiveNestedHeadersAreTooDeep) {
  FrameDecoder decoder;
  PacketBuilder builder;
  builder.Ethernet();
  for (int i = 0; i < 4; ++i) builder.Ipv4("10.0.0.1", "10.0.0.2");
  EXPECT_FALSE(decoder.Decode(EndV4(builder)));
  EXPECT_EQ(decoder.Count(Loss::kDecodeTooDeep), 1u);
}

TEST(Ipv6, ExtensionHeadersInARowAreSkipped) {
  FrameDecoder decoder;
  const auto frame = PacketBuilder()
                         .Ethernet()
                         .Ipv6(kV6Client, kV6Server)
                         .Ipv6Extension(0)
                         .Ipv6Extension(60, std::string(30, '\0'))
                         .Ipv6Extension(43, std::string(6, '\0'))
                         .Authentication()
                         .Ipv6Extension(135)
                         .Ipv6Extension(139, std::string(6 + 2040, '\x7f'))
                         .Ipv6Extension(140)
                         .Ipv6Extension(60)
                         .Tcp(40000, 25, {.sequence = 7000})
                         .Payload(kText);
  ExpectTheSegment(decoder.Decode(frame), true);
  EXPECT_EQ(decoder.AllLosses() + decoder.AllAnomalies(), 0u);
}

TEST(Ipv6, ExtensionHeadersWithoutEndAreTooDeep) {
  FrameDecoder decoder;
  PacketBuilder builder;
  builder.Ethernet().Ipv6(kV6Client, kV6Server);
  for (int i = 0; i < 100; ++i) builder.Ipv6Extension(60);
  EXPECT_FALSE(decoder.Decode(builder.Tcp(1, 25).Payload("x")));
  EXPECT_EQ(decoder.Count(Loss::kDecodeTooDeep), 1u);
}

TEST(Ipv6, AnExtensionPastThePacketIsMalformed) {
  FrameDecoder decoder;
  std::string frame =
      PacketBuilder().Ethernet().Ipv6(kV6Client, kV6Server).Ipv6Extension(60).Tcp(1, 25).Build();
  frame[14 + 40 + 1] = '\x40';
  EXPECT_FALSE(decoder.Decode(frame, LinkType::kEthernet));
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
}

TEST(Ipv6, WithSegmentsLeftTheFlowGoesToTheFinalDestination) {
  const std::string server = BytesOf(kV6Server);
  const std::string other(16, '\x20');
  const auto frame = [&](char type, char left, const std::string& list) {
    return PacketBuilder()
        .Ethernet()
        .Ipv6(kV6Client, "2001:db8:77::1")
        .Ipv6Extension(43, std::string{type, left} + Big32(0) + list)
        .Payload(PacketBuilder()  // its checksum is over the final destination
                     .Ipv6(kV6Client, kV6Server)
                     .Tcp(40000, 25, {.sequence = 7000})
                     .Payload(kText)
                     .Build()
                     .substr(40))
        .Build();
  };
  const auto with_tcp = [](std::string bytes) {
    bytes[14 + 40] = 6;
    return bytes;
  };
  FrameDecoder decoder;
  ExpectTheSegment(decoder.Decode(with_tcp(frame(0, 2, other + server)), LinkType::kEthernet),
                   true);
  ExpectTheSegment(decoder.Decode(with_tcp(frame(2, 1, server)), LinkType::kEthernet), true);
  ExpectTheSegment(decoder.Decode(with_tcp(frame(4, 1, server + other)), LinkType::kEthernet),
                   true);
  EXPECT_EQ(decoder.AllAnomalies(), 0u);
  const auto arrived = decoder.Decode(with_tcp(frame(0, 0, other + server)), LinkType::kEthernet);
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->segment.destination.address.ToString(), "2001:db8:77::1");
}

TEST(Ipv6, AHomeAddressReplacesTheSource) {
  std::string frame =
      PacketBuilder()
          .Ethernet()
          .Ipv6("2001:db8:99::9", kV6Server)
          .Ipv6Extension(60, std::string("\x01\x02\0\0\xc9\x10", 6) + BytesOf(kV6Client))
          .Payload(PacketBuilder()
                       .Ipv6(kV6Client, kV6Server)
                       .Tcp(40000, 25, {.sequence = 7000})
                       .Payload(kText)
                       .Build()
                       .substr(40))
          .Build();
  frame[14 + 40] = 6;
  FrameDecoder decoder;
  ExpectTheSegment(decoder.Decode(frame, LinkType::kEthernet), true);
  EXPECT_EQ(decoder.AllAnomalies(), 0u);
}

std::string JumboFrame(std::uint32_t jumbo, std::size_t payload) {
  return PacketBuilder()
      .Ethernet()
      .Ipv6(kV6Client, kV6Server, {.payload_length = 0})
      .Ipv6Extension(0, "\xc2\x04" + Big32(jumbo))
      .Tcp(40000, 25)
      .Payload(std::string(payload, 'x'))
      .Build();
}

TEST(Ipv6, AJumboPayloadLengthIsTaken) {
  constexpr std::uint32_t kPayload = 100'000;
  FrameDecoder decoder;
  const auto got =
      decoder.Decode(JumboFrame(8 + 20 + kPayload, kPayload) + "trailer", LinkType::kEthernet);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->payload.size(), kPayload);
  EXPECT_EQ(got->segment.payload_wire_length, kPayload);
  EXPECT_EQ(decoder.AllLosses() + decoder.AllAnomalies(), 0u);
}

TEST(Ipv6, AJumboPayloadLengthThatCannotBeIsMalformed) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(JumboFrame(0xfffffff0, 70'000), LinkType::kEthernet));
  EXPECT_FALSE(decoder.Decode(JumboFrame(28, 0), LinkType::kEthernet));  // RFC 2675: over 65535
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 2u);
}

TEST(Ipv6, PayloadLengthZeroTakesWhatTheFrameHas) {
  FrameDecoder decoder;
  ExpectTheSegment(decoder.Decode(PacketBuilder()
                                      .Ethernet()
                                      .Ipv6(kV6Client, kV6Server, {.payload_length = 0})
                                      .Tcp(40000, 25, {.sequence = 7000})
                                      .Payload(kText)),
                   true);
  EXPECT_EQ(decoder.Count(Anomaly::kIpLengthZero), 1u);
}

TEST(Ipv6, AMappedAddressIsTheIpv4Address) {
  FrameDecoder decoder;
  const auto got = decoder.Decode(
      PacketBuilder().Ethernet().Ipv6("::ffff:192.0.2.10", kV6Server).Tcp(40000, 25).Payload("x"));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->segment.source.address.ToString(), "192.0.2.10");
}

TEST(Ip, AWrongVersionBehindAnEtherTypeIsMalformed) {
  FrameDecoder decoder;
  EXPECT_FALSE(
      decoder.Decode(PacketBuilder().Ethernet(0x0800).Ipv6(kV6Client, kV6Server).Tcp(1, 2)));
  EXPECT_FALSE(decoder.Decode(PacketBuilder()
                                  .Ethernet(0x86dd)
                                  .Ipv4(kV4Client, kV4Server)
                                  .Tcp(1, 2)
                                  .Payload(std::string(30, 'x'))));
  EXPECT_FALSE(decoder.Decode("\x55" + std::string(60, 'x'), LinkType::kRaw));
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 3u);
}

TEST(Tcp, OptionsOfEveryLengthAreSkipped) {
  for (std::size_t words = 0; words <= 10; ++words) {
    FrameDecoder decoder;
    const TcpFields tcp{.sequence = 7000, .options = std::string(words * 4, '\x01')};
    ExpectTheSegment(decoder.Decode(V4With({}, tcp)), false);
    ExpectTheSegment(decoder.Decode(TaggedV4With({}, tcp)), false);
  }
}

TEST(Tcp, ADataOffsetThatCannotBeIsMalformed) {
  for (const int offset : {0, 1, 4}) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(V4With({}, {.data_offset = offset})));
    EXPECT_FALSE(decoder.Decode(TaggedV4With({}, {.data_offset = offset})));
    EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 2u);
  }
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.Decode(PacketBuilder()
                                  .Ethernet()
                                  .Ipv4(kV4Client, kV4Server)
                                  .Tcp(1, 25, {.data_offset = 15})
                                  .Payload(std::string(39, 'x'))));
  EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u);
}

TEST(Tcp, OptionsCutByTheCaptureLeaveTheLengthKnown) {
  const std::string frame =
      V4With({}, {.sequence = 7000, .options = std::string(40, '\x01')}).Build();
  const std::string cut = frame.substr(0, 14 + 20 + 30);
  Packet packet = support::AsPacket(cut, LinkType::kEthernet);
  packet.wire_length = static_cast<std::uint32_t>(frame.size());
  FrameDecoder decoder;
  const auto got = decoder.Decode(packet);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->payload.empty());
  EXPECT_EQ(got->segment.payload_wire_length, sizeof kText - 1);
  EXPECT_EQ(got->segment.sequence, 7000u);
}

TEST(Tcp, EveryFieldIsHandedOn) {
  FrameDecoder decoder;
  Packet packet;
  const std::string frame = V4With({}, {.sequence = 0xfffffff0,
                                        .acknowledgment = 0x80000001,
                                        .flags = 0xff,
                                        .urgent_pointer = 3})
                                .Build();
  packet = support::AsPacket(frame, LinkType::kEthernet, 77);
  packet.weight = 16.0;
  const auto got = decoder.Decode(packet);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->segment.sequence, 0xfffffff0u);
  EXPECT_EQ(got->segment.acknowledgment, 0x80000001u);
  EXPECT_EQ(got->segment.flags, 0x3f);
  EXPECT_EQ(got->segment.urgent_pointer, 3);
  EXPECT_EQ(got->segment.captured_at, 77);
  EXPECT_EQ(got->segment.weight, 16.0);
}

// PITFALLS 40.
TEST(Tcp, BadChecksumsAreCountedAndNotDropped) {
  FrameDecoder decoder;
  for (const auto& builder :
       {V4With({}, {.sequence = 7000, .checksum = TcpFields::Checksum::kWrong}),
        TaggedV4With({}, {.sequence = 7000, .checksum = TcpFields::Checksum::kWrong})}) {
    ExpectTheSegment(decoder.Decode(builder), false);
  }
  EXPECT_EQ(decoder.Count(Anomaly::kBadTcpChecksum), 2u);
  EXPECT_EQ(decoder.Count(Anomaly::kTcpChecksumOffloaded), 0u);
}

TEST(Tcp, AChecksumLeftToTheCardIsToldFromABadOne) {
  FrameDecoder decoder;
  const TcpFields tcp{.sequence = 7000, .checksum = TcpFields::Checksum::kOffloaded};
  ExpectTheSegment(decoder.Decode(V4With({}, tcp)), false);
  ExpectTheSegment(
      decoder.Decode(
          PacketBuilder().Ethernet().Ipv6(kV6Client, kV6Server).Tcp(40000, 25, tcp).Payload(kText)),
      true);
  EXPECT_EQ(decoder.Count(Anomaly::kTcpChecksumOffloaded), 2u);
  EXPECT_EQ(decoder.Count(Anomaly::kBadTcpChecksum), 0u);
}

TEST(Tcp, ChecksumsAreVerifiedUpTo64BytesOfPayloadOfWholeSegments) {
  const auto frame = [](std::size_t payload) {
    return PacketBuilder()
        .Ethernet()
        .Ipv4(kV4Client, kV4Server)
        .Tcp(40000, 25, {.checksum = TcpFields::Checksum::kWrong})
        .Payload(std::string(payload, 'x'))
        .Build();
  };
  FrameDecoder decoder;
  ASSERT_TRUE(decoder.Decode(frame(64), LinkType::kEthernet));
  EXPECT_EQ(decoder.Count(Anomaly::kBadTcpChecksum), 1u);
  ASSERT_TRUE(decoder.Decode(frame(65), LinkType::kEthernet));
  EXPECT_EQ(decoder.Count(Anomaly::kBadTcpChecksum), 1u);
  const std::string whole = frame(64);
  const std::string cut = whole.substr(0, whole.size() - 1);
  Packet packet = support::AsPacket(cut, LinkType::kEthernet);
  packet.wire_length = static_cast<std::uint32_t>(whole.size());
  ASSERT_TRUE(decoder.Decode(packet));
  EXPECT_EQ(decoder.Count(Anomaly::kBadTcpChecksum), 1u);
}

TEST(Tcp, TheStraightAndTheGeneralPathAgreeOnSegmentsOfEverySize) {
  for (std::size_t size = 0; size < 200; ++size) {
    FrameDecoder straight;
    FrameDecoder general;
    const std::string text(size, static_cast<char>('a' + size % 26));
    const auto a = straight.Decode(
        PacketBuilder().Ethernet().Ipv4(kV4Client, kV4Server).Tcp(1, 25).Payload(text));
    const auto b = general.Decode(
        PacketBuilder().Ethernet().Vlan(1).Ipv4(kV4Client, kV4Server).Tcp(1, 25).Payload(text));
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->payload, text);
    EXPECT_EQ(b->payload, text);
    EXPECT_EQ(straight.AllAnomalies() + general.AllAnomalies(), 0u);
  }
}

}  // namespace
}  // namespace backscatter
