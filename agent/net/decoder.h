// From a captured frame to a TCP segment: link layers, tags, tunnels, IP, fragments.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/base/ledger.h"
#include "agent/net/fragments.h"
#include "agent/net/layer.h"
#include "agent/net/packet.h"
#include "agent/net/segment.h"

namespace backscatter {

// Knows: Ethernet, 802.3 with LLC and SNAP, VLAN tags (802.1Q, 802.1ad, QinQ, 802.1ah, 802.1BR,
// VN-Tag), MPLS and Ethernet pseudo-wires, PPP, Cisco HDLC, PPPoE, null and loop, Linux cooked v1
// and v2, NFLOG, raw IP; IPv4 with options, IPv6 with extension headers, jumbograms, AH, fragments
// of both; GRE, PPTP, ERSPAN I to III, WCCP, EtherIP, VXLAN and GPE, Geneve, GTP-U, IPv4 and IPv6
// in each other. The innermost TCP is what counts. TCP that is quoted in an ICMP error is not TCP.
//
// Nothing is dropped for a bad checksum. Verified are: each IPv4 header's, and that of a TCP
// segment that is here as a whole, has at most kChecksumPayload bytes of payload (to sum every body
// byte would cost as much as all the rest of the program), and has some or is a SYN or RST.
//
// Every byte is hostile: at most kMaxHeaders headers and kMaxIpHeaders IP headers a frame,
// fragments within the bounds of Fragments, no allocation but for fragments. What is not decoded is
// counted: losses decode.* and fragment.*; frames that are known to be without TCP (UDP, ARP) are
// not.
//
// Not thread-safe. Cost, measured on frames in cache: Ethernet or Linux cooked with plain IPv4 or
// IPv6 and TCP 6 to 8 ns, 12 to 16 ns where the TCP checksum is verified; other links and tags
// about 30 ns; VXLAN 55 ns; an IPv4 fragment of 1400 bytes about a microsecond.
class Decoder {
 public:
  static constexpr int kMaxHeaders = 24;
  static constexpr int kMaxIpHeaders = 4;
  static constexpr std::size_t kChecksumPayload = 64;

  explicit Decoder(Ledger* ledger);  // must outlive the decoder

  // True when `segment` was filled; its payload views packet.bytes, or a buffer of the decoder that
  // lives until the next call. False: there is no segment, and `segment` is unspecified. A
  // fragmented datagram gives its segment with the fragment that completes it.
  bool Decode(const Packet& packet, Segment& segment);

  // Gives up fragments by time while no packet comes.
  void AdvanceTo(PacketTime now);

  // The input has ended: datagrams that still wait for fragments are counted as lost.
  void Finish();

 private:
  bool DecodeAny(const Packet& packet, Segment& segment);
  StepOutcome Walk(const Packet& packet, Layer& layer);
  StepOutcome Step(Layer& layer, PacketTime now);
  StepOutcome Reassemble(Layer& layer, PacketTime now);
  void CountFailure(StepOutcome outcome);

  Ledger& ledger_;
  std::unique_ptr<Fragments> fragments_;  // null until the first fragment
};

}  // namespace backscatter
