#include "agent/smtp/body_scanner.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace backscatter {

std::size_t FindDotLine(std::string_view text, std::size_t at) {
  const char* const data = text.data();
  const std::size_t size = text.size();
#if defined(__SSE2__)
  const __m128i feed = _mm_set1_epi8('\n');
  const __m128i dot = _mm_set1_epi8('.');
  const auto pairs = [&](std::size_t i) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + i));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + i + 1));
    return _mm_and_si128(_mm_cmpeq_epi8(first, feed), _mm_cmpeq_epi8(second, dot));
  };
  while (at + 65 <= size) {
    const __m128i a = pairs(at);
    const __m128i b = pairs(at + 16);
    const __m128i c = pairs(at + 32);
    const __m128i d = pairs(at + 48);
    if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))) != 0) break;
    at += 64;
  }
  while (at + 17 <= size) {
    const int mask = _mm_movemask_epi8(pairs(at));
    if (mask != 0) return at + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
    at += 16;
  }
#endif
  while (at + 1 < size) {
    const void* const found = std::memchr(data + at, '\n', size - 1 - at);
    if (found == nullptr) return size;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - data);
    if (data[at + 1] == '.') return at;
    ++at;
  }
  return size;
}

// In a line: to the dot of the next line that starts with one, or to the end of the text.
std::size_t BodyScanner::ScanLines(std::string_view text, std::size_t at) {
  const std::size_t found = FindDotLine(text, at);
  const std::size_t feed = found < text.size() ? found : text.size() - 1;
  if (found == text.size() && text[feed] != '\n') {
    last_was_cr_ = text[feed] == '\r';
    return text.size();
  }
  line_ended_by_crlf_ = feed > 0 ? text[feed - 1] == '\r' : last_was_cr_;
  state_ = State::kLineStart;
  return feed + 1;
}

BodyScanner::Result BodyScanner::Scan(std::string_view text) {
  std::size_t at = 0;
  std::size_t dotless = 0;
  while (at < text.size()) {
    const char c = text[at];
    switch (state_) {
      case State::kInLine: {
        const std::size_t next = ScanLines(text, at);
        if (at == 0) dotless = next - 1;
        at = next;
        continue;
      }
      case State::kLineStart:
        if (c == '.') {
          state_ = State::kDot;
          ++at;
        } else {
          state_ = State::kInLine;
          last_was_cr_ = false;
        }
        continue;
      case State::kDot:
      case State::kDotCr:
        break;
    }
    if (c == '\r') {
      single_cr_ = state_ == State::kDot;
      state_ = State::kDotCr;
      ++at;
    } else if (c == '\n') {
      const bool after_cr = state_ == State::kDotCr;
      const bool strict = line_ended_by_crlf_ && after_cr && single_cr_;
      state_ = State::kLineStart;
      line_ended_by_crlf_ = after_cr;
      return {at + 1, strict ? EndOfData::kStrict : EndOfData::kLenient, dotless};
    } else {
      last_was_cr_ = state_ == State::kDotCr;
      state_ = State::kInLine;
    }
  }
  return {text.size(), EndOfData::kNone, dotless};
}

}  // namespace backscatter
