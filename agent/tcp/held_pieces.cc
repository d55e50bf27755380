#include "agent/tcp/held_pieces.h"

#include <algorithm>
#include <utility>

namespace backscatter {
namespace {

// The captured bytes of `bytes` (which start at `start`) that lie in [from, to).
std::string_view Cut(std::string_view bytes, std::uint64_t start, std::uint64_t from,
                     std::uint64_t to) {
  const std::uint64_t skip = std::min<std::uint64_t>(from - start, bytes.size());
  return bytes.substr(skip, to - from);
}

bool Conflicts(const HeldPiece& held, std::uint64_t start, std::string_view bytes,
               std::uint64_t length) {
  const std::uint64_t from = std::max(held.offset, start);
  const std::uint64_t to = std::min(held.end(), start + length);
  const std::string_view a = Cut(held.bytes, held.offset, from, to);
  const std::string_view b = Cut(bytes, start, from, to);
  const std::size_t common = std::min(a.size(), b.size());
  return a.substr(0, common) != b.substr(0, common);
}

}  // namespace

HeldPieces::Inserted HeldPieces::Insert(const HeldPiece& shape, std::string_view bytes) {
  Inserted result;
  std::uint64_t at = shape.offset;
  const std::uint64_t end = shape.end();
  auto next = std::lower_bound(
      pieces_.begin(), pieces_.end(), at,
      [](const HeldPiece& piece, std::uint64_t offset) { return piece.end() <= offset; });
  while (at < end) {
    const std::uint64_t hole_end = next == pieces_.end() ? end : std::min(end, next->offset);
    if (at < hole_end) {
      HeldPiece piece;
      piece.offset = at;
      piece.length = hole_end - at;
      piece.acked = shape.acked;
      piece.at = shape.at;
      piece.urgent = shape.urgent;
      piece.bytes = Cut(bytes, shape.offset, at, hole_end);
      result.bytes += piece.bytes.size();
      next = pieces_.insert(next, std::move(piece)) + 1;
      at = hole_end;
    }
    if (at < end) {  // here begins what is held already
      result.conflict |= Conflicts(*next, shape.offset, bytes, shape.length);
      at = next->end();
      ++next;
    }
  }
  return result;
}

HeldPiece HeldPieces::PopFront() {
  HeldPiece piece = std::move(pieces_.front());
  pieces_.erase(pieces_.begin());
  return piece;
}

}  // namespace backscatter
