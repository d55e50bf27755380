// Bytes of one direction that cannot be delivered yet: out of order, or ahead of what their sender
// had received. Sorted by offset, never overlapping: the first copy of a byte wins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/base/packet_time.h"

namespace backscatter {

struct HeldPiece {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // on the wire
  std::uint64_t acked = 0;   // bytes of the other direction that the sender had
  PacketTime at = 0;         // when it was captured
  PacketTime since = 0;      // since when it waits: held, or known to have been received
  std::string bytes;         // the captured start of the piece, at most `length`
  bool cut = false;          // what is missing of `bytes` was left out on purpose
  bool urgent = false;       // an out-of-band byte: it takes its place but is not delivered

  std::uint64_t end() const { return offset + length; }
  // Memory, near enough: what counts against the budgets, so that tiny pieces are not free.
  std::uint64_t cost() const { return bytes.size() + sizeof(HeldPiece) + 6 * sizeof(void*); }
};

class HeldPieces {
 public:
  struct Inserted {
    std::uint64_t cost = 0;  // of the pieces that are new
    bool conflict = false;   // an overlap held other bytes than the copy kept before
  };
  // Keeps what of [piece.offset, piece.end()) is not held yet, at most one new piece for each hole
  // that it fills. Of two copies of a whole piece the lower `acked` stays: the bytes were sent when
  // no more than that had been received. O(log(pieces) + pieces overlapped).
  Inserted Insert(const HeldPiece& shape, std::string_view bytes);

  bool empty() const { return pieces_.empty(); }
  std::size_t size() const { return pieces_.size(); }
  // Not when empty. The offset and length stay as they are.
  HeldPiece& front() { return pieces_.begin()->second; }
  const HeldPiece& front() const { return pieces_.begin()->second; }
  std::uint64_t end() const { return pieces_.rbegin()->second.end(); }
  HeldPiece PopFront();

 private:
  std::map<std::uint64_t, HeldPiece> pieces_;  // by offset
};

}  // namespace backscatter
