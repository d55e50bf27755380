// The TCP header, as the last step of both ways through the decoder.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/net/bytes.h"
#include "agent/net/checksum.h"
#include "agent/net/segment.h"

namespace backscatter {

// The pseudo-header of RFC 9293, 3.1. The ffff of an IPv4-mapped address is zero in a ones'
// complement sum, so both families are summed alike.
inline std::uint64_t PseudoHeaderSum(const Segment& segment, std::size_t tcp_length) {
  std::uint64_t sum = ToNetworkOrder16(6);
  sum += ToNetworkOrder16(static_cast<std::uint16_t>(tcp_length));
  sum = AddToChecksum(sum, segment.source.address.bytes().data(), 16);
  return AddToChecksum(sum, segment.destination.address.bytes().data(), 16);
}

// `tcp_length` < 64 KiB, all of it at `tcp`; the addresses of `segment` are set.
inline void JudgeTcpChecksum(const std::uint8_t* tcp, std::size_t tcp_length,
                             const Segment& segment, Ledger& ledger) {
  const std::uint64_t pseudo = PseudoHeaderSum(segment, tcp_length);
  if (FoldChecksum(AddToChecksum(pseudo, tcp, tcp_length)) == 0xffff) [[likely]]
    return;
  // A kernel that leaves the sum to the network card stores that of the pseudo-header.
  ledger.Add(LoadNative16(tcp + 16) == FoldChecksum(pseudo) ? Anomaly::kTcpChecksumOffloaded
                                                            : Anomaly::kBadTcpChecksum);
}

// Fills all of `segment` that comes from the TCP header. `tcp` has `captured` >= 20 bytes, `wire`
// of them on the wire. False: the header's length cannot be.
inline bool ReadTcpHeader(const std::uint8_t* tcp, std::size_t captured, std::size_t wire,
                          Segment& segment) {
  const std::size_t header = (tcp[12] >> 4) * 4u;
  if (header < 20 || header > wire) [[unlikely]]
    return false;
  segment.source.port = LoadBig16(tcp);
  segment.destination.port = LoadBig16(tcp + 2);
  segment.sequence = LoadBig32(tcp + 4);
  segment.acknowledgment = LoadBig32(tcp + 8);
  segment.flags = tcp[13] & 0x3f;
  segment.urgent_pointer = LoadBig16(tcp + 18);
  // The capture may end within the options: then no payload is here, but its length is known.
  const std::size_t begin = header < captured ? header : captured;
  segment.payload = {tcp + begin, captured - begin};
  segment.payload_wire_length = static_cast<std::uint32_t>(wire - header);
  return true;
}

}  // namespace backscatter
