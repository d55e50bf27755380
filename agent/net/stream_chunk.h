// What the reassembler hands on: bytes of one direction, in order, in causal order with the other.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/base/packet_time.h"

namespace backscatter {

enum class Direction : std::uint8_t { kFromClient, kFromServer };
constexpr Direction Opposite(Direction d) {
  return d == Direction::kFromClient ? Direction::kFromServer : Direction::kFromClient;
}

// What a stream consumer may know of its connection. Owned by the reassembler.
struct ConnectionInfo {
  Endpoint client;
  Endpoint server;
  PacketTime opened_at = 0;  // first packet known of it
  PacketTime last_packet_at = 0;
  double weight = 1.0;
  bool start_seen[2] = {false, false};    // by Direction: chunk offset 0 is the first byte sent
  bool packets_seen[2] = {false, false};  // by Direction: any packet at all, also without payload
  bool payload_seen[2] = {false, false};  // by Direction: at least one byte, or a gap
  bool on_smtp_port = false;              // the server's port is a configured one
  bool truncated = false;                 // some payload was cut by the snap length
  std::uint32_t session = 0;              // free for the consumer; 0 at the start
};

struct StreamChunk {
  Direction direction = Direction::kFromClient;
  std::uint64_t offset = 0;      // of text[0] in this direction, after the gap
  std::string_view text;         // valid until the callback returns; may be empty after a gap
  std::uint64_t gap_before = 0;  // bytes of this direction that were never seen, just before text
  bool left_out = false;         // the gap was made on purpose (a body's bytes), nothing is lost
  std::uint64_t acked = 0;       // bytes of the other direction the sender had when it sent this
  PacketTime at = 0;
};

enum class StreamVerdict : std::uint8_t {
  kContinue,
  kIgnore,  // no more chunks of this connection are wanted (encrypted)
  kRefuse,  // this is not SMTP: close it, and remember not to open it again
};

enum class CloseReason : std::uint8_t { kFin, kReset, kTimeout, kReused, kEvicted, kEndOfInput };

// Which side a first payload seems to come from, judged by its content alone.
enum class Speaker : std::uint8_t { kNotSmtp, kClient, kServer, kUnknown };

class StreamSink {
 public:
  virtual ~StreamSink() = default;
  // Asked for the first payload of a connection that has no state yet: is it worth state?
  // kNotSmtp or kUnknown: no. On a configured port the answer decides only the roles, so there the
  // test may be generous.
  virtual Speaker Judge(std::string_view payload, bool on_smtp_port) = 0;
  // A chunk of this connection is likely soon: a hint to ask for its memory.
  virtual void Prefetch(const ConnectionInfo&) const {}
  virtual StreamVerdict OnChunk(ConnectionInfo& connection, const StreamChunk& chunk) = 0;
  // The last call for a connection, also after kIgnore.
  virtual void OnClose(ConnectionInfo& connection, CloseReason reason, PacketTime at) = 0;
};

}  // namespace backscatter
