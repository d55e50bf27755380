// Reading UTF-8 from hostile bytes, one character at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace backscatter {

struct Utf8Char {
  char32_t code_point = 0;  // meaningful only where valid
  std::size_t length = 1;   // bytes to advance, at least 1
  bool valid = false;
};

// The character at the start of `text`, which must not be empty. Where it is not valid UTF-8
// (Unicode 15, table 3-7), `length` covers the maximal bad part (section 3.9, "U+FFFD Substitution
// of Maximal Subparts"). O(1).
constexpr Utf8Char ReadUtf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xc2 || lead > 0xf4) return {};
  const std::size_t want = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  unsigned low = 0x80;  // the second byte's range depends on the lead
  unsigned high = 0xbf;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  char32_t code = lead & (0x7fu >> want);
  for (std::size_t i = 1; i < want; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {0, i, false};
    code = (code << 6) | (byte(i) & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {code, want, true};
}

// Characters that move the cursor, end a line for some reader, or reorder what a person reads:
// C0, DEL, C1, U+2028, U+2029 and the bidirectional controls (Unicode 15, UAX 9 section 2).
constexpr bool IsUnsafeToShow(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace backscatter
