// Ethernet frames with valid checksums for the packets of one planned TCP connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/base/ip_address.h"
#include "tests/support/session_script.h"
#include "tests/support/tcp_plan.h"

namespace backscatter::support {

// The two ends of a connection. Both addresses are of one family.
struct ConnectionEnds {
  Endpoint client;
  Endpoint server;
  std::uint32_t initial_sequence[2] = {0, 0};  // by Direction of the sender
};

inline constexpr std::size_t kMaximumFrame = 14 + 40 + 40 + 1500;

// Writes frames as Linux would send them: TCP timestamps in every segment, MSS, SACK and window
// scale in the SYNs. Headers are prepared once a connection, then patched.
class FrameBuilder {
 public:
  void Reset(const ConnectionEnds& ends);

  // The frame of `packet` into `out` (room for kMaximumFrame); returns its length.
  std::size_t Build(const SessionScript& script, const PlannedPacket& packet, char* out);

 private:
  struct Side {
    std::array<std::uint8_t, 14 + 40> header{};  // Ethernet and IP, lengths and checksum open
    std::uint32_t pseudo_sum = 0;                // of the TCP pseudo header without the length
    std::uint32_t initial_sequence = 0;
    std::uint32_t last_timestamp = 0;
    std::uint32_t piece = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t identification = 0;
  };
  void PrepareSide(Side& side, const Endpoint& from, const Endpoint& to);
  std::size_t PutTcpHeader(Side& side, const Side& other, const PlannedPacket& packet,
                           std::uint8_t* tcp);

  Side sides_[2];
  std::size_t ip_length_ = 20;
  bool v6_ = false;
};

// The one's complement sum of RFC 1071, not folded. `length` up to 64 KiB.
std::uint32_t ChecksumPart(const std::uint8_t* bytes, std::size_t length);
std::uint16_t FoldChecksum(std::uint32_t sum);

}  // namespace backscatter::support
