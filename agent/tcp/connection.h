// The state of one TCP connection inside the reassembler.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/net/stream_chunk.h"
#include "agent/tcp/held_pieces.h"

namespace backscatter {

inline constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

// One direction. Offsets are 64 bits and count from the first byte of the stream (or from where it
// was picked up); TCP's 32-bit numbers are unwrapped around the next expected one.
struct HalfStream {
  std::uint64_t next = 0;     // offset of the next byte to deliver
  std::uint64_t assumed = 0;  // bytes just before `next` lost on the word of acknowledgments only
  std::uint64_t acked = 0;    // highest offset that the other side acknowledged
  std::uint64_t fin = kNoOffset;  // offset just after the last byte, by a FIN or a reset
  std::uint32_t base = 0;         // sequence number of offset 0
  bool known = false;             // `base` is set

  // May be "negative" (far above 2^63) for bytes before the start.
  std::int64_t OffsetOf(std::uint32_t sequence) const {
    const auto expected = static_cast<std::uint32_t>(base + next);
    const auto delta = static_cast<std::int32_t>(sequence - expected);
    return static_cast<std::int64_t>(next) + delta;
  }
  // A FIN takes a number of its own, which is no byte.
  std::uint64_t WithoutFin(std::uint64_t acknowledged) const {
    return fin != kNoOffset && acknowledged == fin + 1 ? fin : acknowledged;
  }
  std::uint32_t SequenceOf(std::uint64_t offset) const {
    return static_cast<std::uint32_t>(base + offset);
  }
};

struct HeldConnection {
  HeldPieces pieces[2];    // by Direction
  std::uint64_t cost = 0;  // of all pieces
};

struct Connection {
  ConnectionInfo info;
  HalfStream half[2];  // by Direction
  std::uint64_t hash = 0;
  std::unique_ptr<HeldConnection> held;  // only while something is held
  std::uint32_t index = 0;               // its own place in the pool
  std::uint32_t view_place = 0;
  std::uint8_t strays = 0;  // segments in a row that cannot belong to this stream
  bool in_use = false;
  bool ignored = false;  // the consumer wants nothing more
  bool refused = false;  // the consumer says that this is not SMTP
  bool fin_seen[2] = {false, false};
  bool reset = false;
  bool syn_noted = false;  // a SYN with another ISN was seen since
  bool viewed = false;     // it stands in ClientViews, at view_place

  HalfStream& from(Direction d) { return half[static_cast<int>(d)]; }
  const HalfStream& from(Direction d) const { return half[static_cast<int>(d)]; }
};

}  // namespace backscatter
