#include "agent/tcp/held_pieces.h"

#include <algorithm>
#include <iterator>
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
  auto next = pieces_.upper_bound(at);
  if (next != pieces_.begin() && std::prev(next)->second.end() > at) --next;
  while (at < end) {
    const std::uint64_t hole_end = next == pieces_.end() ? end : std::min(end, next->first);
    if (at < hole_end) {
      HeldPiece piece;
      piece.offset = at;
      piece.length = hole_end - at;
      piece.acked = shape.acked;
      piece.at = shape.at;
      piece.since = shape.since;
      piece.urgent = shape.urgent;
      piece.cut = shape.cut;
      piece.bytes = Cut(bytes, shape.offset, at, hole_end);
      result.cost += piece.cost();
      pieces_.emplace_hint(next, at, std::move(piece));
      at = hole_end;
    }
    if (at < end) {  // here begins what is held already
      HeldPiece& held = next->second;
      result.conflict |= Conflicts(held, shape.offset, bytes, shape.length);
      if (shape.offset <= held.offset && held.end() <= end) {
        held.acked = std::min(held.acked, shape.acked);
      }
      at = held.end();
      ++next;
    }
  }
  return result;
}

HeldPiece HeldPieces::PopFront() { return std::move(pieces_.extract(pieces_.begin()).mapped()); }

}  // namespace backscatter
