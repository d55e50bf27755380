#include "agent/source/packet_filter.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/packet_builder.h"

namespace backscatter {
namespace {

using support::PacketBuilder;

const std::vector<std::uint16_t> kPorts = {25, 465, 587, 2525};

// What the filter lets through of the frame.
std::uint32_t Kept(FilterLink link, const PacketBuilder& frame,
                   const std::vector<std::uint16_t>& ports = kPorts) {
  std::vector<bpf_insn> instructions;
  for (const FilterInstruction& i : MakePacketFilter(link, ports, 262144)) {
    instructions.push_back({i.code, i.jump_true, i.jump_false, i.k});
  }
  EXPECT_TRUE(bpf_validate(instructions.data(), static_cast<int>(instructions.size())));
  const std::string bytes = frame.Build();
  const auto length = static_cast<u_int>(bytes.size());
  return bpf_filter(instructions.data(), reinterpret_cast<const u_char*>(bytes.data()), length,
                    length);
}

bool Passes(const PacketBuilder& frame) { return Kept(FilterLink::kEthernet, frame) > 0; }

PacketBuilder V4() { return PacketBuilder().Ethernet().Ipv4("192.0.2.1", "192.0.2.2"); }
PacketBuilder V6() { return PacketBuilder().Ethernet().Ipv6("2001:db8::1", "2001:db8::2"); }

TEST(PacketFilter, TcpOfOurPortsPassesInBothDirectionsAndFamilies) {
  EXPECT_EQ(Kept(FilterLink::kEthernet, V4().Tcp(40000, 25)), 262144u);
  EXPECT_TRUE(Passes(V4().Tcp(2525, 40000)));
  EXPECT_TRUE(Passes(V6().Tcp(40000, 465)));
  EXPECT_TRUE(Passes(V6().Tcp(587, 40000)));
}

TEST(PacketFilter, EverythingElseIsDropped) {
  EXPECT_FALSE(Passes(V4().Tcp(40000, 80)));
  EXPECT_FALSE(Passes(V6().Tcp(40000, 2526)));
  EXPECT_FALSE(Passes(V4().Udp(25, 25)));
  EXPECT_FALSE(Passes(V6().Udp(25, 25)));
  EXPECT_FALSE(Passes(PacketBuilder().Ethernet(0x0806).Payload(std::string(46, '\x19'))));
  EXPECT_FALSE(Passes(PacketBuilder().Ethernet().Payload("short")));
}

TEST(PacketFilter, IpOptionsMoveThePorts) {
  EXPECT_TRUE(Passes(PacketBuilder()
                         .Ethernet()
                         .Ipv4("192.0.2.1", "192.0.2.2", {.options = std::string(8, '\1')})
                         .Tcp(40000, 25)));
  // Bytes that would look like the port where it is without options.
  EXPECT_FALSE(
      Passes(PacketBuilder()
                 .Ethernet()
                 .Ipv4("192.0.2.1", "192.0.2.2", {.options = std::string("\0\x19\0\x19", 4)})
                 .Tcp(40000, 80)));
}

TEST(PacketFilter, FramesBehindOneOrTwoTagsPass) {
  const auto tagged = [](std::uint16_t outer, bool twice, std::uint16_t port) {
    PacketBuilder frame = PacketBuilder().Ethernet().Vlan(7, outer);
    if (twice) frame.Vlan(8);
    return Passes(frame.Ipv4("192.0.2.1", "192.0.2.2").Tcp(40000, port));
  };
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x8100, 0x88a8, 0x9100}) {
    EXPECT_TRUE(tagged(type, false, 25)) << type;
    EXPECT_TRUE(tagged(type, true, 25)) << type;
    EXPECT_FALSE(tagged(type, false, 80)) << type;
    EXPECT_FALSE(tagged(type, true, 80)) << type;
  }
  EXPECT_TRUE(
      Passes(PacketBuilder().Ethernet().Vlan(7).Ipv6("2001:db8::1", "2001:db8::2").Tcp(25, 40000)));
  EXPECT_FALSE(Passes(PacketBuilder()
                          .Ethernet()
                          .Vlan(1)
                          .Vlan(2)
                          .Vlan(3)
                          .Ipv4("192.0.2.1", "192.0.2.2")
                          .Tcp(40000, 25)))
      << "more than two are not looked behind";
}

TEST(PacketFilter, FragmentsOfTcpPassAsTheyHaveNoPorts) {
  const auto fragment = [](std::uint32_t offset, bool more, int protocol) {
    return PacketBuilder().Ethernet().Ipv4(
        "192.0.2.1", "192.0.2.2",
        {.fragment_offset = offset, .more_fragments = more, .protocol = protocol});
  };
  EXPECT_TRUE(Passes(fragment(0, true, -1).Tcp(40000, 25)));
  EXPECT_FALSE(Passes(fragment(0, true, -1).Tcp(40000, 80)));
  EXPECT_TRUE(Passes(fragment(1480, false, 6).Payload("rest")));
  EXPECT_TRUE(Passes(fragment(8, true, 6).Payload("more")));
  EXPECT_FALSE(Passes(fragment(1480, false, 17).Payload("rest")));
  EXPECT_TRUE(Passes(V6().Ipv6Fragment(1, 0, true).Tcp(40000, 25)));
  EXPECT_TRUE(Passes(V6().Ipv6Fragment(1, 1280, false, 6).Payload("rest")));
}

TEST(PacketFilter, Ipv6ExtensionHeadersAreLeftToTheDecoder) {
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{0, 43, 60}) {
    EXPECT_TRUE(Passes(V6().Ipv6Extension(type).Tcp(40000, 25))) << int{type};
  }
  EXPECT_TRUE(Passes(V6().Authentication().Tcp(40000, 25)));
  EXPECT_TRUE(Passes(V6().Ipv6Extension(0).Ipv6Extension(60).Tcp(40000, 25)));
  EXPECT_FALSE(Passes(V6().Ipv6Extension(0).Udp(25, 25)));
  EXPECT_FALSE(Passes(V6().Ipv6Fragment(1, 1280, false, 17).Payload("rest")));
}

TEST(PacketFilter, WithoutALinkHeaderTheVersionTells) {
  const auto raw = [](const PacketBuilder& frame) { return Kept(FilterLink::kRawIp, frame) > 0; };
  EXPECT_TRUE(raw(PacketBuilder().Ipv4("192.0.2.1", "192.0.2.2").Tcp(40000, 25)));
  EXPECT_TRUE(raw(PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2").Tcp(25, 40000)));
  EXPECT_FALSE(raw(PacketBuilder().Ipv4("192.0.2.1", "192.0.2.2").Tcp(40000, 80)));
  EXPECT_FALSE(raw(PacketBuilder().Payload(std::string(60, '\x19'))));
}

TEST(PacketFilter, ManyPortsAreToldApartUpToALimitThenAllTcpPasses) {
  std::vector<std::uint16_t> ports;
  for (std::uint16_t port = 1000; port < 1000 + kMaxFilterPorts; ++port) ports.push_back(port);
  for (const std::uint16_t port : {ports.front(), ports.back()}) {
    EXPECT_GT(Kept(FilterLink::kEthernet, V4().Tcp(port, 9), ports), 0u);
    EXPECT_GT(Kept(FilterLink::kEthernet, V6().Tcp(9, port), ports), 0u);
  }
  EXPECT_EQ(Kept(FilterLink::kEthernet, V4().Tcp(9, 999), ports), 0u);
  ports.push_back(25);
  EXPECT_GT(Kept(FilterLink::kEthernet, V4().Tcp(9, 999), ports), 0u);
  EXPECT_EQ(Kept(FilterLink::kEthernet, V4().Udp(25, 25), ports), 0u);
}

}  // namespace
}  // namespace backscatter
