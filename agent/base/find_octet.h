// Search for one octet in short texts, where calling memchr costs more than its search.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace backscatter {

// Where `octet` stands first; text.size(): nowhere.
inline std::size_t FindOctet(std::string_view text, char octet) {
  std::size_t at = 0;
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(octet);
  const auto found = [&](std::size_t from) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + from));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(octets, wanted)));
  };
  for (; at + 16 <= text.size(); at += 16) {
    const unsigned mask = found(at);
    if (mask != 0) return at + static_cast<std::size_t>(__builtin_ctz(mask));
  }
  if (text.size() >= 16) {  // the last sixteen; the first of them are known to differ
    const std::size_t from = text.size() - 16;
    const unsigned mask = found(from);
    return mask != 0 ? from + static_cast<std::size_t>(__builtin_ctz(mask)) : text.size();
  }
#endif
  while (at < text.size() && text[at] != octet) ++at;
  return at;
}

// A bit for each of at most 64 octets: 1 where it is `octet`, the first one lowest.
inline std::uint64_t PlacesOf(char octet, const char* text, std::size_t size) {
  std::uint64_t places = 0;
  std::size_t at = 0;
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(octet);
  const auto add = [&](std::size_t from) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + from));
    const int equal = _mm_movemask_epi8(_mm_cmpeq_epi8(octets, wanted));
    places |= std::uint64_t{static_cast<unsigned>(equal)} << from;
  };
  for (; at + 16 <= size; at += 16) add(at);
  if (at < size && size >= 16) {  // the last sixteen
    add(size - 16);
    return places;
  }
#endif
  for (; at < size; ++at) places |= std::uint64_t{text[at] == octet} << at;
  return places;
}

// Calls each(position) for each `octet`, from the first to the last. Cheaper than to look again
// behind each one where they are near to one another: the ends of lines.
template <typename Each>
void ForEachOctet(std::string_view text, char octet, Each&& each) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = std::min<std::size_t>(text.size() - at, 64);
    std::uint64_t places = size == 64 ? PlacesOf(octet, text.data() + at, 64)
                                      : PlacesOf(octet, text.data() + at, size);
    for (; places != 0; places &= places - 1) {
      each(at + static_cast<std::size_t>(std::countr_zero(places)));
    }
    at += size;
  }
}

}  // namespace backscatter
