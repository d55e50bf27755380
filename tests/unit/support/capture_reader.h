// A second, independent and slow reader of generated captures: checks instead of trusting.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace backscatter::support {

struct ReadSegment {
  std::int64_t at = 0;  // nanoseconds
  std::string source;   // address bytes
  std::string destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;
  std::string payload;
  bool ip_checksum_right = false;
  bool tcp_checksum_right = false;
};

// Every frame must be Ethernet, IP and TCP, and the file must end with a whole record: anything
// else gives an empty vector.
std::vector<ReadSegment> ReadPcap(std::string_view file);

// One connection, put together by sequence numbers relative to its SYNs.
struct ReadConnection {
  std::vector<ReadSegment> segments;
  std::string client_stream;  // bytes that are not in the capture are NUL
  std::string server_stream;
  bool acknowledgments_causal = true;  // no ACK covers what its sender cannot have
  bool covered = true;                 // no byte of either stream is missing
  std::uint64_t missing = 0;           // bytes
};

// In the order of their SYNs; a connection without payload is left out.
std::vector<ReadConnection> Connections(const std::vector<ReadSegment>& segments);

}  // namespace backscatter::support
