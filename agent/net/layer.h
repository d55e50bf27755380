// The state of a walk down a frame's headers: what comes next, and which bytes are left of it.
// Only the decoder and its header parsers use this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/base/ip_address.h"
#include "agent/net/bytes.h"

namespace backscatter {

// What the bytes of a layer begin with.
enum class Header : std::uint8_t {
  kEthernet,
  kLlc,
  kVlan,         // behind the tag's EtherType: TCI, then the next EtherType
  kMpls,         // a whole label stack
  kPppoe,        // a session packet
  kPpp,          // address and control optional, protocol field compressed or not
  kBackboneTag,  // IEEE 802.1ah I-TAG
  kVnTag,        // Cisco, behind its EtherType 4 bytes
  kETag,         // IEEE 802.1BR, behind its EtherType 6 bytes
  kIpByNibble,   // IPv4 or IPv6, told by the version field alone
  kIpv4,
  kIpv6,
  kIpv6Options,  // hop-by-hop or destination options
  kIpv6Routing,
  kIpv6Fragment,
  kIpv6Other,  // mobility, HIP, shim6: skipped by their length
  kAuthentication,
  kGre,
  kEtherIp,
  kUdp,
  kTcp,
  kFragment,  // a piece of a datagram, described by Layer::fragment
  kNothing,   // known, and never carries TCP
  kUnknown,   // not known here: may carry TCP
};

// How a header parser ended.
enum class StepOutcome : std::uint8_t {
  kNext,             // the layer was advanced to its next header
  kNoTcp,            // understood, and there is no TCP in it
  kTruncated,        // the header reaches past the captured bytes
  kMalformed,        // the header reaches past the packet, or its fields cannot be
  kUnknownProtocol,  // what follows is not known here
  kTooDeep,          // too many nested headers
};

struct FragmentInfo {
  std::uint32_t id = 0;
  std::uint32_t offset = 0;   // in bytes
  std::uint8_t protocol = 0;  // IPv6: only that of the fragment with offset 0 counts
  bool more = false;
};

struct Layer {
  Header header = Header::kUnknown;
  bool is_v6 = false;                   // family of the innermost IP header
  std::uint8_t ip_headers = 0;          // seen so far
  std::span<const std::uint8_t> bytes;  // captured, from this header on
  std::size_t wire_length = 0;          // the same on the wire; never below bytes.size()
  IpAddress source;                     // of the innermost IP header
  IpAddress destination;
  FragmentInfo fragment;
  // Oddities met on the way, for the ledger.
  std::uint8_t bad_ip_checksums = 0;
  std::uint8_t zero_lengths = 0;
  std::uint8_t lengths_beyond_frame = 0;

  // kNext when `n` bytes are there.
  StepOutcome Need(std::size_t n) const {
    if (bytes.size() >= n) return StepOutcome::kNext;
    return wire_length >= n ? StepOutcome::kTruncated : StepOutcome::kMalformed;
  }
  std::uint8_t At(std::size_t i) const { return bytes[i]; }
  std::uint16_t Big16(std::size_t i) const { return LoadBig16(bytes.data() + i); }
  std::uint32_t Big32(std::size_t i) const { return LoadBig32(bytes.data() + i); }

  // `n` <= bytes.size().
  void Skip(std::size_t n) {
    bytes = bytes.subspan(n);
    wire_length -= n;
  }
  // A length field says that only `n` bytes of what is here belong to the layer (padding follows).
  void LimitTo(std::size_t n) {
    wire_length = std::min(wire_length, n);
    bytes = bytes.first(std::min(bytes.size(), n));
  }
};

}  // namespace backscatter
