// Cuts a session script into TCP segments as a capture beside the server would see them.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/base/packet_time.h"
#include "tests/support/prng.h"
#include "tests/support/session_script.h"

namespace backscatter::support {

// One packet of the plan. Offsets count from the first byte after the SYN; a FIN takes one.
struct PlannedPacket {
  PacketTime at = 0;
  std::uint32_t offset = 0;        // in the sender's stream
  std::uint32_t acknowledged = 0;  // bytes of the other stream that the sender had; with kAck
  std::uint16_t length = 0;
  Direction from = Direction::kFromClient;
  std::uint8_t flags = 0;
};

struct TcpOptions {
  std::uint16_t maximum_segment = 1448;
  std::uint16_t acknowledge_every = 2;  // segments of a burst per pure ACK
  bool handshake = true;                // false: the capture starts after it
  PacketTime round_trip = 40 * kMillisecond;
  PacketTime server_think = 2 * kMillisecond;
  PacketTime segment_spacing = 30 * kMicrosecond;
  // Of a thousand:
  std::uint16_t disordered_writes = 0;  // writes of which one segment comes late
  std::uint16_t retransmitted_segments = 0;
  std::uint16_t resent_syns = 0;         // sessions whose SYN comes twice
  std::uint16_t delayed_acks = 0;        // writes acknowledged before they are answered
  std::uint16_t keep_alives = 0;         // writes after which a keep-alive probe is sent
  std::uint16_t crossed_in_capture = 0;  // payloads captured before the one they answer
  bool lose_segment = false;  // the capture misses one segment of each write's lossy part
};

struct PlanResult {
  std::uint32_t lost_segments = 0;  // that the receiver had and the capture has not
};

// Overwrites `packets`; their times never go back. The same arguments give the same plan.
// Every acknowledgment is causal: it covers exactly what its sender had received. (With
// `crossed_in_capture` the capture may show it before the bytes, as a tap of two wires does.)
PlanResult PlanPackets(const SessionScript& script, const TcpOptions& options, PacketTime start,
                       Prng& prng, std::vector<PlannedPacket>& packets);

}  // namespace backscatter::support
