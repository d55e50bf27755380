// Bytes of one direction that cannot be delivered yet: out of order, or ahead of what their sender
// had received. Sorted by offset, never overlapping: the first copy of a byte wins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/packet_time.h"

namespace backscatter {

struct HeldPiece {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // on the wire
  std::uint64_t acked = 0;   // bytes of the other direction that the sender had
  PacketTime at = 0;
  std::string bytes;    // the captured start of the piece, at most `length`
  bool urgent = false;  // an out-of-band byte: it takes its place but is not delivered

  std::uint64_t end() const { return offset + length; }
};

class HeldPieces {
 public:
  struct Inserted {
    std::uint64_t bytes = 0;  // captured bytes that were new
    bool conflict = false;    // an overlap held other bytes than the copy kept before
  };
  // Keeps what of [piece.offset, piece.end()) is not held yet. At most one piece is copied for each
  // hole that it fills. O(pieces) in the worst case.
  Inserted Insert(const HeldPiece& shape, std::string_view bytes);

  bool empty() const { return pieces_.empty(); }
  std::size_t size() const { return pieces_.size(); }
  const HeldPiece& front() const { return pieces_.front(); }
  HeldPiece PopFront();

 private:
  std::vector<HeldPiece> pieces_;
};

}  // namespace backscatter
