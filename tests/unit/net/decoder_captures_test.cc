// The shared captures: however the same dialogue is wrapped, the segments are the same.
#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

#include "tests/unit/net/decode_helpers.h"

namespace backscatter {
namespace {

std::filesystem::path CapturesFolder() {
  const char* const shared = std::getenv("BACKSCATTER_SHARED");
  const std::filesystem::path root =
      shared != nullptr ? shared : std::filesystem::path(BACKSCATTER_SOURCE_DIR) / ".." / "shared";
  return root / "captures";
}

struct Pass {
  bool opened = false;
  std::uint64_t packets = 0;
  std::vector<OwnedSegment> segments;
  Ledger ledger;
};

Pass DecodeFile(const std::string& name) {
  Pass pass;
  char error[PCAP_ERRBUF_SIZE] = "";
  pcap_t* const file = pcap_open_offline((CapturesFolder() / name).c_str(), error);
  if (file == nullptr) return pass;
  pass.opened = true;
  Decoder decoder(&pass.ledger);
  pcap_pkthdr* header = nullptr;
  const std::uint8_t* bytes = nullptr;
  while (pcap_next_ex(file, &header, &bytes) == 1) {
    ++pass.packets;
    Packet packet;
    packet.bytes = {bytes, header->caplen};
    packet.wire_length = header->len;
    packet.captured_at = header->ts.tv_sec * kSecond + header->ts.tv_usec * kMicrosecond;
    packet.link_type = LinkType{static_cast<std::uint32_t>(pcap_datalink(file))};
    OwnedSegment owned;
    if (!decoder.Decode(packet, owned.segment)) continue;
    owned.payload.assign(owned.segment.payload.begin(), owned.segment.payload.end());
    owned.segment.payload = {};
    pass.segments.push_back(std::move(owned));
  }
  decoder.Finish();
  pcap_close(file);
  return pass;
}

// All that matters of a segment, as text.
std::string Show(const OwnedSegment& owned) {
  const Segment& s = owned.segment;
  std::ostringstream out;
  out << s.source.ToString() << " > " << s.destination.ToString() << " seq " << s.sequence
      << " ack " << s.acknowledgment << " flags " << int{s.flags} << " length "
      << s.payload_wire_length << " [" << owned.payload << "]";
  return out.str();
}

#define SKIP_WITHOUT_CAPTURES()                                            \
  if (!std::filesystem::exists(CapturesFolder())) {                        \
    GTEST_SKIP() << "no shared captures at " << CapturesFolder().string(); \
  }

struct Wrapped {
  const char* file;
  const char* plain;
};
constexpr char kPlainV4[] = "lab__multi-tx_postfix.pcap";
constexpr char kPlainV6[] = "lab__multi-tx-ipv6_postfix.pcap";

class WrappedCapture : public ::testing::TestWithParam<Wrapped> {};

TEST_P(WrappedCapture, GivesTheSegmentsOfThePlainOne) {
  SKIP_WITHOUT_CAPTURES();
  const Pass plain = DecodeFile(GetParam().plain);
  const Pass wrapped = DecodeFile(GetParam().file);
  ASSERT_TRUE(plain.opened && wrapped.opened);
  ASSERT_GT(plain.segments.size(), 50u);
  ASSERT_EQ(wrapped.segments.size(), plain.segments.size());
  for (std::size_t i = 0; i < plain.segments.size(); ++i) {
    EXPECT_EQ(Show(wrapped.segments[i]), Show(plain.segments[i])) << i;
  }
  for (std::size_t i = 0; i < kLossCount; ++i) {
    EXPECT_EQ(wrapped.ledger.Get(static_cast<Loss>(i)), 0u) << LossName(static_cast<Loss>(i));
  }
  EXPECT_EQ(wrapped.ledger.Get(Anomaly::kFragmentOverlap), 0u);
}

constexpr Wrapped kWrapped[] = {
    {"derived__mtx_eth_padding.pcap", kPlainV4},
    {"derived__mtx_gre.pcap", kPlainV4},
    {"derived__mtx_gre_key_seq.pcap", kPlainV4},
    {"derived__mtx_gre_teb.pcap", kPlainV4},
    {"derived__mtx_gtpu.pcap", kPlainV4},
    {"derived__mtx_ip4frag24.pcap", kPlainV4},
    {"derived__mtx_ip4frag24_reversed.pcap", kPlainV4},
    {"derived__mtx_ip4opts.pcap", kPlainV4},
    {"derived__mtx_ipip.pcap", kPlainV4},
    {"derived__mtx_iplen0_tso.pcap", kPlainV4},
    {"derived__mtx_lt0_null.pcap", kPlainV4},
    {"derived__mtx_lt101_raw.pcap", kPlainV4},
    {"derived__mtx_lt113_sll.pcap", kPlainV4},
    {"derived__mtx_lt113_sll_vlan.pcap", kPlainV4},
    {"derived__mtx_lt228_ipv4.pcap", kPlainV4},
    {"derived__mtx_lt276_sll2.pcap", kPlainV4},
    {"derived__mtx_lt9_ppp.pcap", kPlainV4},
    {"derived__mtx_mpls2.pcap", kPlainV4},
    {"derived__mtx_pppoe.pcap", kPlainV4},
    {"derived__mtx_qinq88a8.pcap", kPlainV4},
    {"derived__mtx_vlan.pcap", kPlainV4},
    {"derived__mtx_vlan_triple.pcap", kPlainV4},
    {"derived__mtx_pcapng_nanores.pcapng", kPlainV4},
    {"derived__mtx_ip6_atomicfrag.pcap", kPlainV6},
    {"derived__mtx_ip6frag48.pcap", kPlainV6},
    {"derived__mtx_lt0_null_be_v6.pcap", kPlainV6},
    {"derived__mtx_lt229_ipv6.pcap", kPlainV6},
};

INSTANTIATE_TEST_SUITE_P(Shared, WrappedCapture, ::testing::ValuesIn(kWrapped),
                         [](const auto& param) {
                           std::string name = param.param.file;
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name;
                         });

TEST(SharedCaptures, ASnapLengthLeavesPrefixesAndTrueLengths) {
  SKIP_WITHOUT_CAPTURES();
  const Pass plain = DecodeFile(kPlainV4);
  for (const char* const name : {"derived__mtx_snap68.pcap", "derived__mtx_snap96.pcap"}) {
    const Pass cut = DecodeFile(name);
    ASSERT_EQ(cut.segments.size(), plain.segments.size());
    for (std::size_t i = 0; i < plain.segments.size(); ++i) {
      EXPECT_EQ(cut.segments[i].segment.payload_wire_length, plain.segments[i].payload.size());
      EXPECT_EQ(plain.segments[i].payload.rfind(cut.segments[i].payload, 0), 0u);
    }
  }
}

// Packets with TCP in them that third parties published: how many of them must come out.
struct Published {
  const char* file;
  std::size_t segments;
};

TEST(SharedCaptures, PublishedEncapsulationsGiveTheirTcp) {
  SKIP_WITHOUT_CAPTURES();
  constexpr Published kPublished[] = {
      {"PcapPlusPlus__MplsPackets.pcap", 1},
      {"PcapPlusPlus__frag_http_req.pcap", 1},
      {"PcapPlusPlus__one_http_stream_rst.pcap", 10},
      {"arkime__dot1ad.pcap", 0},
      {"arkime__mpls-basic.pcap", 19},
      {"nDPI__4in6tunnel.pcap", 4},
      {"suricata-verify__bug-4571-01_ipv4_over_ipv4.pcap", 1},
      {"suricata-verify__bug-4571-06_ipv4_over_ipv6.pcap", 1},
      {"suricata-verify__bug-5437-01.pcap", 2},
      {"suricata-verify__decode-sll2-01.pcap", 5},
      {"suricata-verify__defrag_bug-6887-defrag-eth-vlan-ipv4-tcp-syn_frag-eth-vlan-ip-tcp-syn."
       "pcap",
       1},
      {"suricata-verify__defrag_bug-6887-defrag-ipv4-tcp-syn_frag-ip-tcp-syn.pcap", 1},
      {"suricata-verify__defrag_bug-6887-defrag-ipv6-tcp_frag-ip-tcp.pcap", 1},
      {"suricata-verify__vxlan-non-zero-reserved-fields.pcap", 10},
      {"tcpdump__bigtcp-ipv6-hbh.pcap", 1},
      {"tcpdump__gso-ipv4-vxlan-ipv6.pcap", 1},
      {"tcpdump__ipv6-next-header-oobr-1.pcap", 0},
      {"zeek__chksums_ip6-hoa-tcp-good-chksum.pcap", 1},
      {"zeek__chksums_ip6-route0-tcp-good-chksum.pcap", 1},
  };
  for (const Published& published : kPublished) {
    const Pass pass = DecodeFile(published.file);
    EXPECT_TRUE(pass.opened) << published.file;
    EXPECT_EQ(pass.segments.size(), published.segments) << published.file;
  }
}

TEST(SharedCaptures, TheChecksumsOfTheRouteAndHomeAddressCapturesAreRight) {
  SKIP_WITHOUT_CAPTURES();
  for (const char* const name : {"zeek__chksums_ip6-hoa-tcp-good-chksum.pcap",
                                 "zeek__chksums_ip6-route0-tcp-good-chksum.pcap"}) {
    const Pass pass = DecodeFile(name);
    if (!pass.opened) GTEST_SKIP() << name << " is not there";
    EXPECT_EQ(pass.ledger.Get(Anomaly::kBadTcpChecksum), 0u) << name;
  }
}

}  // namespace
}  // namespace backscatter
