#include "tests/support/session_script.h"

#include <algorithm>
#include <cstring>

namespace backscatter::support {

void SessionScript::Clear() {
  arena_.clear();
  writes_.clear();
  for (auto& pieces : pieces_) pieces.clear();
  lengths_[0] = lengths_[1] = 0;
  ending = Ending::kServerFin;
}

void SessionScript::Begin(Direction from, std::uint8_t unseen) {
  Write write;
  write.from = from;
  write.unseen = unseen;
  write.begin = lengths_[Index(from)];
  writes_.push_back(write);
}

void SessionScript::Extend(std::uint32_t length) {
  Write& write = writes_.back();
  write.length += length;
  lengths_[Index(write.from)] += length;
}

void SessionScript::Append(std::string_view text) {
  if (text.empty()) return;
  const auto length = static_cast<std::uint32_t>(text.size());
  const auto arena_begin = static_cast<std::uint32_t>(arena_.size());
  auto& pieces = pieces_[Index(writes_.back().from)];
  arena_.append(text);
  if (!pieces.empty() && pieces.back().shared == nullptr &&
      pieces.back().arena_begin + pieces.back().length == arena_begin) {
    pieces.back().length += length;
  } else {
    pieces.push_back({nullptr, arena_begin, lengths_[Index(writes_.back().from)], length});
  }
  Extend(length);
}

void SessionScript::AppendShared(std::string_view text) {
  if (text.empty()) return;
  const auto length = static_cast<std::uint32_t>(text.size());
  pieces_[Index(writes_.back().from)].push_back(
      {text.data(), 0, lengths_[Index(writes_.back().from)], length});
  Extend(length);
}

void SessionScript::BeginLossy() {
  writes_.back().lossy_begin = lengths_[Index(writes_.back().from)];
}

void SessionScript::EndLossy() { writes_.back().lossy_end = lengths_[Index(writes_.back().from)]; }

void SessionScript::CopyOut(Direction from, std::uint32_t offset, std::uint32_t length,
                            std::uint32_t& piece, char* out) const {
  const auto& pieces = pieces_[Index(from)];
  if (length == 0) return;
  if (piece >= pieces.size() || pieces[piece].stream_begin > offset) piece = 0;
  while (pieces[piece].stream_begin + pieces[piece].length <= offset) ++piece;
  while (length > 0) {
    const Piece& current = pieces[piece];
    const std::uint32_t skip = offset - current.stream_begin;
    const std::uint32_t part = std::min(length, current.length - skip);
    const char* text =
        current.shared != nullptr ? current.shared : arena_.data() + current.arena_begin;
    std::memcpy(out, text + skip, part);
    out += part;
    offset += part;
    length -= part;
    if (length > 0) ++piece;
  }
}

}  // namespace backscatter::support
