// A keyed hash for tables whose keys come from the wire, so that nobody can aim at a bucket.
// Fast, not cryptographic: 64x64->128 multiply-and-fold with two secret words (the wyhash family).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace backscatter {

struct HashKey {
  std::uint64_t a = 0x9e3779b97f4a7c15;
  std::uint64_t b = 0xd1b54a32d192ed03;

  // From the kernel's random source.
  static HashKey Random();
};

inline std::uint64_t MixWords(std::uint64_t x, std::uint64_t y) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x) * y;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t LoadWord(const void* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

inline std::uint32_t LoadHalfWord(const void* bytes) {
  std::uint32_t half;
  std::memcpy(&half, bytes, sizeof half);
  return half;
}

// Any length; 16 bytes a step, the last ones overlapping.
inline std::uint64_t HashBytes(const HashKey& key, std::string_view text) {
  std::uint64_t state = key.a ^ (text.size() * 0x9e3779b97f4a7c15);
  const char* p = text.data();
  std::size_t left = text.size();
  while (left >= 16) {
    state = MixWords(LoadWord(p) ^ state, LoadWord(p + 8) ^ key.b);
    p += 16;
    left -= 16;
  }
  std::uint64_t tail[2] = {0, 0};
  if (left >= 8) {
    tail[0] = LoadWord(p);
    tail[1] = LoadWord(p + left - 8);
  } else if (left >= 4) {
    tail[0] = LoadHalfWord(p);
    tail[1] = LoadHalfWord(p + left - 4);
  } else {
    for (std::size_t i = 0; i < left; ++i) {
      tail[0] |= std::uint64_t{static_cast<std::uint8_t>(p[i])} << (8 * i);
    }
  }
  state = MixWords(tail[0] ^ state, tail[1] ^ key.b);
  return MixWords(state ^ key.a, key.b);
}

}  // namespace backscatter
