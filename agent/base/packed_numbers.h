// Numbers in files of ours: little endian, and read back without believing anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace backscatter {

inline void PutU32(std::string& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
inline void PutU64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}
inline void PutI64(std::string& out, std::int64_t value) {
  PutU64(out, static_cast<std::uint64_t>(value));
}
// In groups of 7 bits, the lowest first, 0x80 set in all but the last.
inline constexpr std::size_t kMostStepBytes = 10;
inline void PutStep(std::string& out, std::uint64_t step) {
  for (; step >= 0x80; step >>= 7) out += static_cast<char>((step & 0x7f) | 0x80);
  out += static_cast<char>(step);
}

// Off the front of `rest`; `ok` turns false where there are too few octets, and stays so.
struct PackedNumbers {
  std::string_view rest;
  bool ok = true;

  std::string_view Take(std::size_t size) {
    if (size > rest.size()) ok = false;
    if (!ok) return {};
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
  std::uint8_t U8() { return static_cast<std::uint8_t>(Number(1)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Number(4)); }
  std::uint64_t U64() { return Number(8); }
  std::int64_t I64() { return static_cast<std::int64_t>(U64()); }
  std::uint64_t Step() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = Take(1);
      if (!ok) return 0;
      const auto bits = static_cast<std::uint8_t>(byte[0]);
      value |= static_cast<std::uint64_t>(bits & 0x7f) << shift;
      if ((bits & 0x80) == 0) return value;
    }
    ok = false;
    return 0;
  }
  // Nothing went wrong, and nothing is left.
  bool done() const { return ok && rest.empty(); }

 private:
  std::uint64_t Number(std::size_t size) {
    std::uint64_t value = 0;
    const std::string_view bytes = Take(size);
    for (std::size_t i = bytes.size(); i > 0; --i) {
      value = value << 8 | static_cast<std::uint8_t>(bytes[i - 1]);
    }
    return value;
  }
};

}  // namespace backscatter
