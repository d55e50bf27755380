// One TCP segment, cut out of its packet (after tunnels and fragments).
#pragma once

#include <cstdint>
#include <span>

#include "agent/base/ip_address.h"
#include "agent/base/packet_time.h"

namespace backscatter {

namespace tcp_flags {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kUrg = 0x20;
}  // namespace tcp_flags

struct Segment {
  Endpoint source;
  Endpoint destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;       // meaningful with kAck
  std::uint16_t urgent_pointer = 0;       // meaningful with kUrg
  std::uint8_t flags = 0;                 // tcp_flags::*
  std::span<const std::uint8_t> payload;  // captured part; lives as Decoder::Decode says
  std::uint32_t payload_wire_length =
      0;             // on the wire; more than payload.size() after a snaplen cut
  bool cut = false;  // what is missing of the payload was left out on purpose, not lost
  PacketTime captured_at = 0;
  double weight = 1.0;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

}  // namespace backscatter
