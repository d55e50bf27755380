// Loads of unaligned big-endian integers. The caller has checked the length.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace backscatter {

inline std::uint16_t LoadBig16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>((p[0] << 8) | p[1]);
}
inline std::uint32_t LoadBig32(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) |
         p[3];
}
// As it lies in memory, for sums and comparisons that do not care about the order.
inline std::uint16_t LoadNative16(const std::uint8_t* p) {
  std::uint16_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}
inline std::uint32_t LoadNative32(const std::uint8_t* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}
inline std::uint64_t LoadNative64(const std::uint8_t* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}
// `value` as its two bytes lie in memory in network order.
constexpr std::uint16_t ToNetworkOrder16(std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::little) {
    return static_cast<std::uint16_t>((value << 8) | (value >> 8));
  }
  return value;
}

}  // namespace backscatter
