#include "agent/base/record_blocks.h"

#include <algorithm>

#include "agent/base/keyed_hash.h"
#include "agent/base/packed_numbers.h"

namespace backscatter {

std::uint64_t BlockCheck(std::uint32_t kind, std::string_view payload) {
  const HashKey key{0x736c626c6f636b31 + kind * 0x9e3779b97f4a7c15, 0xd1b54a32d192ed03};
  return HashBytes(key, payload);
}

std::string MakeBlock(std::string_view magic, std::uint32_t kind, std::string_view payload) {
  std::string out(magic);
  PutU32(out, kind);
  PutU64(out, payload.size());
  PutU64(out, BlockCheck(kind, payload));
  out += payload;
  return out;
}

BlockReader::Next BlockReader::ReadNext() {
  char head[kBlockHead];
  const std::size_t got = read_(head, sizeof head);
  if (got == 0) return Next::kEnd;
  unfinished_ = got;
  if (got < sizeof head) return Next::kCutOff;
  PackedNumbers fields{{head, sizeof head}};
  const bool magic = fields.Take(magic_.size()) == magic_;
  kind_ = fields.U32();
  const std::uint64_t size = fields.U64();
  const std::uint64_t check = fields.U64();
  if (!magic || size > most_) return OnlyZerosLeft() ? Next::kCutOff : Next::kDamaged;
  payload_.resize(size);
  const std::size_t held = read_(payload_.data(), size);
  unfinished_ += held;
  if (held < size) return Next::kCutOff;
  if (BlockCheck(kind_, payload_) != check) {
    return OnlyZerosLeft() ? Next::kCutOff : Next::kDamaged;
  }
  unfinished_ = 0;
  return Next::kBlock;
}

bool BlockReader::OnlyZerosLeft() {
  char bytes[4096];
  for (;;) {
    const std::size_t got = read_(bytes, sizeof bytes);
    if (std::any_of(bytes, bytes + got, [](char c) { return c != 0; })) return false;
    unfinished_ += got;
    if (got < sizeof bytes) return true;
  }
}

}  // namespace backscatter
