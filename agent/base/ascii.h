// ASCII-only text helpers: the wire has no locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace backscatter {

constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlpha(char c) { return ToLower(c) >= 'a' && ToLower(c) <= 'z'; }
constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Eight octets at once; those of 0x80 and above stay as they are.
constexpr std::uint64_t ToLower8(std::uint64_t octets) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t low = octets & 0x7f * kEach;
  const std::uint64_t from_a = low + (0x80 - 'A') * kEach;
  const std::uint64_t beyond_z = low + (0x7f - 'Z') * kEach;
  const std::uint64_t upper = (from_a ^ beyond_z) & ~octets & 0x80 * kEach;
  return octets | upper >> 2;
}
inline std::uint64_t Load8(const char* text) {
  std::uint64_t octets = 0;
  std::memcpy(&octets, text, sizeof octets);
  return octets;
}
// The first four and the last four of four to eight.
inline std::uint64_t LoadEnds(const char* text, std::size_t size) {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::memcpy(&first, text, sizeof first);
  std::memcpy(&last, text + size - sizeof last, sizeof last);
  return first | std::uint64_t{last} << 32;
}

// Of eight octets or more, eight at once, the last eight again where some are left over.
template <typename Equal>
bool AllOfEight(std::size_t size, Equal&& equal) {
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    if (!equal(i)) return false;
  }
  return equal(size - 8);
}
[[gnu::noinline]] inline bool EqualWordsIgnoreCase(std::uint64_t a, std::uint64_t b) {
  return ToLower8(a) == ToLower8(b);
}
[[gnu::noinline]] inline bool EqualEightsIgnoreCase(const char* a, const char* b,
                                                    std::size_t size) {
  return AllOfEight(
      size, [a, b](std::size_t i) { return ToLower8(Load8(a + i)) == ToLower8(Load8(b + i)); });
}

// Both of `size` octets. Nearly always both are written alike, or differ in the first ones.
constexpr bool EqualOctetsIgnoreCase(const char* a, const char* b, std::size_t size) {
  if (!std::is_constant_evaluated() && size >= 8) {
    if (((a[0] ^ b[0]) & ~0x20) != 0) return false;
    return AllOfEight(size, [a, b](std::size_t i) { return Load8(a + i) == Load8(b + i); }) ||
           EqualEightsIgnoreCase(a, b, size);
  }
  if (!std::is_constant_evaluated() && size >= 4) {
    const std::uint64_t left = LoadEnds(a, size);
    const std::uint64_t right = LoadEnds(b, size);
    return left == right || EqualWordsIgnoreCase(left, right);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (ToLower(a[i]) != ToLower(b[i])) return false;
  }
  return true;
}

// `to` has room for text.size() octets.
inline void LowerAscii(std::string_view text, char* to) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    const std::uint64_t lower = ToLower8(Load8(text.data() + i));
    std::memcpy(to + i, &lower, sizeof lower);
  }
  for (; i < text.size(); ++i) to[i] = ToLower(text[i]);
}

constexpr bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && EqualOctetsIgnoreCase(a.data(), b.data(), a.size());
}
constexpr bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         EqualOctetsIgnoreCase(text.data(), prefix.data(), prefix.size());
}
[[gnu::noinline]] constexpr std::string_view DropBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}
[[gnu::always_inline]] constexpr std::string_view TrimBlanks(std::string_view text) {
  const bool any = !text.empty() && (IsBlank(text.front()) || IsBlank(text.back()));
  return any ? DropBlanks(text) : text;
}

}  // namespace backscatter
