#include "tests/unit/net/decode_helpers.h"

#include <gtest/gtest.h>

namespace backscatter {
namespace {

using support::Big16;
using support::Big32;
using support::PacketBuilder;

constexpr char kOuterA[] = "203.0.113.1";
constexpr char kOuterB[] = "203.0.113.2";
constexpr char kOuterA6[] = "2001:db8:ffff::1";
constexpr char kOuterB6[] = "2001:db8:ffff::2";

class FormList {
 public:
  void V4(const std::string& name, PacketBuilder builder,
          LinkType link_type = LinkType::kEthernet) {
    forms_.push_back({name, link_type, EndV4(builder).Build(), false});
  }
  void V6(const std::string& name, PacketBuilder builder,
          LinkType link_type = LinkType::kEthernet) {
    forms_.push_back({name, link_type, EndV6(builder).Build(), true});
  }
  std::vector<Form> Take() { return std::move(forms_); }

 private:
  std::vector<Form> forms_;
};

PacketBuilder Ether() { return PacketBuilder().Ethernet(); }
PacketBuilder OverUdp(std::uint16_t port) {
  return Ether().Ipv4(kOuterA, kOuterB).Udp(33333, port);
}

void AddLinkForms(FormList& list) {
  list.V4("ethernet", Ether());
  list.V6("ethernet_v6", Ether());
  list.V4("snap", PacketBuilder().Dot3().Snap());
  list.V4("vlan_snap_length", PacketBuilder()
                                  .Ethernet(0x8100)
                                  .Payload(Big16(7))
                                  .Payload(Big16(8 + 40 + sizeof kText - 1))
                                  .Snap());
  list.V4("llc_ip", PacketBuilder().Dot3().Payload("\x06\x06\x03"));
  list.V4("raw", PacketBuilder(), LinkType::kRaw);
  list.V6("raw_v6", PacketBuilder(), LinkType::kRaw);
  list.V4("raw_as_12", PacketBuilder(), LinkType{12});
  list.V4("ipv4", PacketBuilder(), LinkType::kIpv4);
  list.V6("ipv6", PacketBuilder(), LinkType::kIpv6);
  for (const bool big : {false, true}) {
    const std::string order = big ? "_big" : "_little";
    list.V4("null" + order, PacketBuilder().Null(2, big), LinkType::kNull);
    for (const std::uint32_t family : {10u, 24u, 28u, 30u}) {
      list.V6("null_v6_" + std::to_string(family) + order, PacketBuilder().Null(family, big),
              LinkType::kNull);
    }
    list.V4("nflog" + order, PacketBuilder().Nflog(big), LinkType::kNflog);
    list.V6("nflog_v6" + order, PacketBuilder().Nflog(big), LinkType::kNflog);
  }
  list.V4("loop", PacketBuilder().Null(2, true), LinkType::kLoop);
  list.V6("loop_v6", PacketBuilder().Null(24, true), LinkType::kLoop);
  list.V4("sll", PacketBuilder().Sll(), LinkType::kLinuxSll);
  list.V6("sll_v6", PacketBuilder().Sll(), LinkType::kLinuxSll);
  list.V4("sll_vlan", PacketBuilder().Sll().Vlan(5), LinkType::kLinuxSll);
  list.V4("sll_llc", PacketBuilder().Sll().Snap(), LinkType::kLinuxSll);
  list.V4("sll2", PacketBuilder().Sll2(), LinkType::kLinuxSll2);
  list.V6("sll2_vlan", PacketBuilder().Sll2().Vlan(5), LinkType::kLinuxSll2);
  for (const LinkType type : {LinkType::kPpp, LinkType::kPppHdlc}) {
    const std::string name = "ppp" + std::to_string(static_cast<unsigned>(type));
    list.V4(name, PacketBuilder().Ppp(false, false), type);
    list.V4(name + "_address", PacketBuilder().Ppp(true, false), type);
    list.V4(name + "_compressed", PacketBuilder().Ppp(false, true), type);
    list.V6(name + "_both_v6", PacketBuilder().Ppp(true, true), type);
    list.V4(name + "_mpls", PacketBuilder().Ppp(true, false).Mpls(9), type);
    list.V4(name + "_cisco", PacketBuilder().CiscoHdlc(), type);
  }
  list.V4("pppoe", Ether().Pppoe());
  list.V6("pppoe_v6_in_vlan", Ether().Vlan(7).Pppoe());
  list.V4("pppoe_link_type", PacketBuilder().Pppoe(), LinkType::kPppEther);
}

void AddTagForms(FormList& list) {
  list.V4("vlan", Ether().Vlan(1));
  list.V6("qinq", Ether().Vlan(1, 0x88a8).Vlan(2));
  list.V4("vlan_9100", Ether().Vlan(1, 0x9100).Vlan(2, 0x9200).Vlan(3, 0x9300));
  PacketBuilder eight = Ether();
  for (std::uint16_t i = 0; i < 8; ++i) eight.Vlan(i);
  list.V4("vlan_eight", eight);
  list.V4("backbone_tag", PacketBuilder().Ethernet(0x88e7).Payload(Big32(77)).Ethernet());
  list.V4("vn_tag", PacketBuilder().Ethernet(0x8926).Payload(Big32(1) + Big16(0x0800)));
  list.V4("e_tag", PacketBuilder().Ethernet(0x893f).Payload(Big32(1) + Big16(0) + Big16(0x0800)));
  list.V4("mpls", Ether().Mpls(100));
  list.V6("mpls_three_v6", Ether().Mpls(100).Mpls(200).Mpls(2));
  list.V4("mpls_pseudo_wire", Ether().Mpls(100).Ethernet());
  list.V4("mpls_control_word", Ether().Mpls(100).PseudoWireControlWord().Ethernet().Vlan(3));
}

void AddIpForms(FormList& list) {
  list.V4("authentication", Ether().Ipv4(kOuterA, kOuterB).Authentication());
  list.V6("ipv6_hop_by_hop", Ether().Ipv6(kOuterA6, kOuterB6).Ipv6Extension(0));
  list.V4("ipip", Ether().Ipv4(kOuterA, kOuterB));
  list.V6("6in4", Ether().Ipv4(kOuterA, kOuterB));
  list.V4("4in6", Ether().Ipv6(kOuterA6, kOuterB6));
  list.V6("6in6_with_options", Ether().Ipv6(kOuterA6, kOuterB6).Ipv6Extension(60, "\x04\x01\x05"));
  list.V4("mpls_in_ip", Ether().Ipv4(kOuterA, kOuterB).Mpls(3));
  list.V4("ether_in_ip",
          Ether().Ipv4(kOuterA, kOuterB, {.protocol = 97}).Payload(Big16(0x3000)).Ethernet());
  list.V4("four_ip_headers",
          Ether().Ipv4(kOuterA, kOuterB).Ipv6(kOuterA6, kOuterB6).Ipv4(kOuterA, kOuterB));
}

void AddTunnelForms(FormList& list) {
  const auto gre = [](support::GreFields fields) {
    return Ether().Ipv4(kOuterA, kOuterB).Gre(fields);
  };
  for (int bits = 0; bits < 8; ++bits) {
    support::GreFields fields{
        .checksum = (bits & 1) != 0, .key = (bits & 2) != 0, .sequence = (bits & 4) != 0};
    list.V4("gre_" + std::to_string(bits), gre(fields));
    list.V6("gre_teb_v6_" + std::to_string(bits), gre(fields).Ethernet().Vlan(2));
  }
  list.V4("gre_over_v6", Ether().Ipv6(kOuterA6, kOuterB6).Gre({.key = true}));
  list.V4("gre_mpls", gre({}).Mpls(7));
  list.V4("wccp_v1", gre({.protocol = 0x883e}));
  list.V4("wccp_v2", gre({.protocol = 0x883e}).Payload(Big32(0x00050000)));
  list.V4("pptp", Ether()
                      .Ipv4(kOuterA, kOuterB, {.protocol = 47})
                      .Payload(Big16(0x3081) + Big16(0x880b) + Big32(9) + Big32(1) + Big32(2))
                      .Ppp(true, false));
  list.V4("erspan1", Ether().Ipv4(kOuterA, kOuterB).Erspan1().Ethernet());
  list.V4("erspan2", Ether().Ipv4(kOuterA, kOuterB).Erspan2().Ethernet());
  list.V6("erspan3_v6", Ether().Ipv4(kOuterA, kOuterB).Erspan3(false).Ethernet());
  list.V4("erspan3_subheader", Ether().Ipv4(kOuterA, kOuterB).Erspan3(true).Ethernet());
  list.V4("vxlan", OverUdp(4789).Vxlan().Ethernet());
  list.V6("vxlan_8472", OverUdp(8472).Vxlan().Ethernet());
  list.V4("vxlan_reserved_bits_set",
          OverUdp(4789).Payload(Big32(0xf8ffffff) + Big32(0x00002aff)).Ethernet());
  list.V4("vxlan_gpe_ipv4", OverUdp(4790).Payload(Big32(0x0c000001) + Big32(42 << 8)));
  list.V6("vxlan_gpe_ipv6", OverUdp(4790).Payload(Big32(0x0c000002) + Big32(42 << 8)));
  list.V4("vxlan_gpe_ethernet", OverUdp(4790).Payload(Big32(0x0c000003) + Big32(0)).Ethernet());
  list.V4("geneve", OverUdp(6081).Geneve().Ethernet());
  list.V4("geneve_options", OverUdp(6081).Geneve(std::string(252, '\x33')).Ethernet());
  list.V6("geneve_ip", OverUdp(6081).Geneve("abcd"));
  list.V4("gtp", OverUdp(2152).GtpU());
  list.V6("gtp_sequence_v6", OverUdp(2152).GtpU(true));
  list.V4("gtp_extensions", OverUdp(2152).GtpU(true, 3));
  list.V4("gtp_from_2152", Ether().Ipv4(kOuterA, kOuterB).Udp(2152, 40000).GtpU());
}

}  // namespace

std::optional<OwnedSegment> FrameDecoder::Decode(const Packet& packet) {
  OwnedSegment owned;
  if (!decoder_.Decode(packet, owned.segment)) return std::nullopt;
  owned.payload.assign(owned.segment.payload.begin(), owned.segment.payload.end());
  owned.segment.payload = {};
  return owned;
}

std::uint64_t FrameDecoder::AllLosses() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLossCount; ++i) sum += ledger_.Get(static_cast<Loss>(i));
  return sum;
}

std::uint64_t FrameDecoder::AllAnomalies() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kAnomalyCount; ++i) sum += ledger_.Get(static_cast<Anomaly>(i));
  return sum;
}

PacketBuilder& EndV4(PacketBuilder& builder) {
  return builder.Ipv4(kV4Client, kV4Server).Tcp(40000, 25, {.sequence = 7000}).Payload(kText);
}
PacketBuilder& EndV6(PacketBuilder& builder) {
  return builder.Ipv6(kV6Client, kV6Server).Tcp(40000, 25, {.sequence = 7000}).Payload(kText);
}

std::vector<Form> AllForms() {
  FormList list;
  AddLinkForms(list);
  AddTagForms(list);
  AddIpForms(list);
  AddTunnelForms(list);
  return list.Take();
}

void ExpectTheSegment(const std::optional<OwnedSegment>& got, bool is_v6) {
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->segment.source.address.ToString(), is_v6 ? kV6Client : kV4Client);
  EXPECT_EQ(got->segment.destination.address.ToString(), is_v6 ? kV6Server : kV4Server);
  EXPECT_EQ(got->segment.source.port, 40000);
  EXPECT_EQ(got->segment.destination.port, 25);
  EXPECT_EQ(got->segment.sequence, 7000u);
  EXPECT_EQ(got->segment.acknowledgment, 1u);
  EXPECT_EQ(got->segment.flags, tcp_flags::kPsh | tcp_flags::kAck);
  EXPECT_EQ(got->payload, kText);
  EXPECT_EQ(got->segment.payload_wire_length, sizeof kText - 1);
}

}  // namespace backscatter
