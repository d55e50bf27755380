// Every form of header in which a TCP segment may come. An accelerated VLAN tag is no part of the
// frame, so such a frame is one without a tag; BPF_PROG_TEST_RUN can set no such tag.
#include <initializer_list>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/support/packet_builder.h"

namespace backscatter::bpf_test {
namespace {

using support::PacketBuilder;
using support::TcpFields;

constexpr const char* kText = "220 mx.test ESMTP\r\n";
constexpr const char* kServer4 = "203.0.113.5";
constexpr const char* kClient4 = "192.0.2.9";
constexpr const char* kServer6 = "2001:db8:5::25";
constexpr const char* kClient6 = "2001:db8:9::1";

class HeaderForms : public KernelTest {
 protected:
  // The frame is read, and what is told of it is right.
  void ExpectSeen(const std::string& frame, bool v6 = false, std::string_view text = kText) {
    ASSERT_EQ(kernel->Run(frame), ~0u);  // TC_ACT_UNSPEC
    const auto records = kernel->Records();
    ASSERT_EQ(records.size(), 1u);
    const bs_record& record = records[0].header;
    EXPECT_EQ(records[0].payload, text);
    EXPECT_EQ(record.length, text.size());
    EXPECT_EQ(record.source_port, 25);
    EXPECT_EQ(record.destination_port, port_);
    EXPECT_EQ(record.from_client, 0);
    EXPECT_EQ(record.sequence, 1000u);
    EXPECT_EQ(record.acknowledgment, 2000u);
    EXPECT_EQ(AddressOf(record.source), v6 ? kServer6 : kServer4);
    EXPECT_EQ(AddressOf(record.destination), v6 ? kClient6 : kClient4);
    EXPECT_EQ(record.cut_length, 0u);
    EXPECT_GT(record.at, 0u);
  }
  void ExpectNotSeen(const std::string& frame) {
    ASSERT_TRUE(kernel->Run(frame));
    EXPECT_TRUE(kernel->Records().empty());
  }

  static std::string AddressOf(const std::uint8_t* bytes) {
    return IpAddress::V6(std::span<const std::uint8_t, 16>(bytes, 16)).ToString();
  }
  PacketBuilder& WithTcp(PacketBuilder& frame, TcpFields fields = {},
                         std::string_view text = kText) {
    fields.sequence = 1000;
    fields.acknowledgment = 2000;
    return frame.Tcp(25, ++port_, fields).Payload(text);
  }
  std::string V4(PacketBuilder frame, support::Ipv4Fields ip = {}) {
    return WithTcp(frame.Ipv4(kServer4, kClient4, ip)).Build();
  }
  std::string V6(PacketBuilder frame, support::Ipv6Fields ip = {}) {
    return WithTcp(frame.Ipv6(kServer6, kClient6, ip)).Build();
  }
  PacketBuilder Ip6() { return PacketBuilder().Ethernet().Ipv6(kServer6, kClient6); }

  std::uint16_t port_ = 50000;
};

TEST_F(HeaderForms, Ipv4AndIpv6) {
  ExpectSeen(V4(PacketBuilder().Ethernet()));
  ExpectSeen(V6(PacketBuilder().Ethernet()), true);
}

TEST_F(HeaderForms, OneVlanTag) {
  ExpectSeen(V4(PacketBuilder().Ethernet().Vlan(7)));
  ExpectSeen(V6(PacketBuilder().Ethernet().Vlan(7)), true);
}

TEST_F(HeaderForms, TwoVlanTags) {
  ExpectSeen(V4(PacketBuilder().Ethernet().Vlan(7, 0x88a8).Vlan(8)));
  ExpectSeen(V4(PacketBuilder().Ethernet().Vlan(7).Vlan(8)));
}

TEST_F(HeaderForms, ThreeVlanTagsAreOneTooMany) {
  ExpectNotSeen(V4(PacketBuilder().Ethernet().Vlan(7).Vlan(8).Vlan(9)));
}

TEST_F(HeaderForms, Ipv4Options) {
  for (const std::size_t length : {4u, 20u, 40u}) {
    ExpectSeen(V4(PacketBuilder().Ethernet(), {.options = std::string(length, '\x01')}));
  }
}

TEST_F(HeaderForms, TcpOptions) {
  for (const std::size_t length : {4u, 12u, 40u}) {
    PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
    ExpectSeen(WithTcp(frame, {.options = std::string(length, '\x01')}).Build());
  }
}

TEST_F(HeaderForms, PaddingBehindAShortFrameIsNoPayload) {
  PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
  WithTcp(frame, {}, "250\r\n").Trailer(std::string(6, 'P'));
  ExpectSeen(frame.Build(), false, "250\r\n");
  PacketBuilder six = Ip6();
  WithTcp(six, {}, "250\r\n").Trailer(std::string(20, 'P'));
  ExpectSeen(six.Build(), true, "250\r\n");
}

TEST_F(HeaderForms, PaddingBehindASegmentWithoutPayloadMakesNoRecord) {
  PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
  WithTcp(frame, {.flags = 0x10}, "").Trailer(std::string(6, 'P'));
  ExpectNotSeen(frame.Build());
  EXPECT_EQ(kernel->Counted(BS_PACKETS), 1u);
}

TEST_F(HeaderForms, EachIpv6ExtensionHeader) {
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 43, 60}) {
    PacketBuilder frame = Ip6().Ipv6Extension(type);
    ExpectSeen(WithTcp(frame).Build(), true);
    PacketBuilder longer = Ip6().Ipv6Extension(type, std::string(62, '\0'));
    ExpectSeen(WithTcp(longer).Build(), true);
  }
  PacketBuilder authentication = Ip6().Authentication();
  ExpectSeen(WithTcp(authentication).Build(), true);
}

TEST_F(HeaderForms, SeveralIpv6ExtensionHeaders) {
  PacketBuilder frame = Ip6();
  frame.Ipv6Extension(0).Ipv6Extension(60).Ipv6Extension(43).Ipv6Fragment(1, 0, false);
  ExpectSeen(WithTcp(frame.Authentication()).Build(), true);
}

TEST_F(HeaderForms, TooManyIpv6ExtensionHeadersAreCounted) {
  PacketBuilder frame = Ip6();
  for (int i = 0; i < 7; ++i) frame.Ipv6Extension(60);
  ExpectNotSeen(WithTcp(frame).Build());
  EXPECT_EQ(kernel->Counted(BS_MALFORMED), 1u);
}

TEST_F(HeaderForms, AnAtomicFragmentIsWhole) {
  PacketBuilder frame = Ip6().Ipv6Fragment(1, 0, false);
  ExpectSeen(WithTcp(frame).Build(), true);
}

TEST_F(HeaderForms, FragmentsAreCounted) {
  ExpectNotSeen(V4(PacketBuilder().Ethernet(), {.more_fragments = true}));
  ExpectNotSeen(V4(PacketBuilder().Ethernet(), {.fragment_offset = 8}));
  ExpectNotSeen(V4(PacketBuilder().Ethernet(), {.fragment_offset = 8, .more_fragments = true}));
  PacketBuilder first = Ip6().Ipv6Fragment(1, 0, true);
  ExpectNotSeen(WithTcp(first).Build());
  PacketBuilder last = Ip6().Ipv6Fragment(1, 8, false);
  ExpectNotSeen(WithTcp(last).Build());
  EXPECT_EQ(kernel->Counted(BS_FRAGMENTS), 5u);
}

TEST_F(HeaderForms, FragmentsOfOtherProtocolsAreNoneOfOurs) {
  PacketBuilder frame = PacketBuilder().Ethernet();
  ExpectNotSeen(frame.Ipv4(kServer4, kClient4, {.more_fragments = true, .protocol = 17})
                    .Payload(std::string(40, 'u'))
                    .Build());
  EXPECT_EQ(kernel->Counted(BS_FRAGMENTS), 0u);
}

TEST_F(HeaderForms, ATotalLengthOfZeroIsOfSegmentationOffload) {
  ExpectSeen(V4(PacketBuilder().Ethernet(), {.total_length = 0}));
  ExpectSeen(V6(PacketBuilder().Ethernet(), {.payload_length = 0}), true);
}

TEST_F(HeaderForms, BigTcpWithAHopByHopHeader) {
  // RFC 2675: payload length 0, the length in a jumbo option.
  PacketBuilder frame = PacketBuilder().Ethernet().Ipv6(kServer6, kClient6, {.payload_length = 0});
  frame.Ipv6Extension(0, std::string("\xc2\x04\x00\x00\x00\x2f", 6));
  ExpectSeen(WithTcp(frame).Build(), true);
}

TEST_F(HeaderForms, ASegmentOfOffloadIsOneRecord) {
  PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
  const std::string text = "250-" + std::string(3000, 'x') + "\r\n";
  ASSERT_EQ(kernel->Run(WithTcp(frame, {}, text).Build(), 4), ~0u);
  const auto records = kernel->Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].payload, text);
}

TEST_F(HeaderForms, APacketWhoseLengthReachesPastItsEndIsCountedAndReadSoFar) {
  ExpectSeen(V4(PacketBuilder().Ethernet(), {.total_length = 1500}));
  ExpectSeen(V6(PacketBuilder().Ethernet(), {.payload_length = 1500}), true);
  EXPECT_EQ(kernel->Counted(BS_TRUNCATED), 2u);
}

TEST_F(HeaderForms, TruncatedHeadersAreCounted) {
  const std::string v4 = V4(PacketBuilder().Ethernet());
  const std::string v6 = V6(PacketBuilder().Ethernet());
  // A test run takes no frame that ends within the IP header.
  for (const std::size_t length : {34u, 53u}) ExpectNotSeen(v4.substr(0, length));
  for (const std::size_t length : {54u, 73u}) ExpectNotSeen(v6.substr(0, length));
  PacketBuilder frame = Ip6().Ipv6Extension(0);
  ExpectNotSeen(WithTcp(frame).Build().substr(0, 56));
  EXPECT_EQ(kernel->Counted(BS_TRUNCATED), 5u);
}

TEST_F(HeaderForms, ImpossibleLengthsAreCounted) {
  std::string frame = V4(PacketBuilder().Ethernet());
  frame[14] = 0x44;  // an IP header of 16 bytes
  ExpectNotSeen(frame);
  ExpectNotSeen(V4(PacketBuilder().Ethernet(), {.total_length = 19}));
  PacketBuilder tcp = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
  ExpectNotSeen(WithTcp(tcp, {.data_offset = 4}).Build());
  EXPECT_EQ(kernel->Counted(BS_MALFORMED), 3u);
}

TEST_F(HeaderForms, ATcpHeaderThatReachesPastThePacketHasNoPayload) {
  PacketBuilder tcp = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
  ExpectNotSeen(WithTcp(tcp, {.data_offset = 15}).Build());
}

TEST_F(HeaderForms, OtherProtocolsAreNotLookedAt) {
  ExpectNotSeen(PacketBuilder().Ethernet(0x0806).Payload(std::string(28, 'a')).Build());
  ExpectNotSeen(
      PacketBuilder().Ethernet().Ipv4(kServer4, kClient4).Udp(25, 25).Payload("x").Build());
  ExpectNotSeen(
      PacketBuilder().Ethernet().Ipv6(kServer6, kClient6).Udp(25, 25).Payload("x").Build());
  ExpectNotSeen(
      PacketBuilder().Ethernet().Ipv4(kServer4, kClient4).Tcp(443, 50000).Payload("x").Build());
  EXPECT_EQ(kernel->Counted(BS_PACKETS), 0u);
}

TEST_F(HeaderForms, EverySegmentSizeUpToWhatATestRunTakes) {
  for (std::size_t length = 1; length <= kLongestFrame - 60; length += 97) {
    PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
    const std::string text(length, 'x');
    ExpectSeen(WithTcp(frame, {}, text).Build(), false, text);
  }
  for (const std::size_t length : {127u, 128u, 129u, 1535u, 1536u, 1537u}) {
    PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
    const std::string text(length, 'x');
    ExpectSeen(WithTcp(frame, {}, text).Build(), false, text);
  }
}

TEST_F(HeaderForms, AnUrgentPointerIsTold) {
  PacketBuilder frame = PacketBuilder().Ethernet().Ipv4(kServer4, kClient4);
  WithTcp(frame, {.flags = 0x38, .urgent_pointer = 3});
  ASSERT_TRUE(kernel->Run(frame.Build()));
  const auto records = kernel->Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.urgent_pointer, 3);
  EXPECT_EQ(records[0].header.flags, 0x38);
}

}  // namespace
}  // namespace backscatter::bpf_test
