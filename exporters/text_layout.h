// Small things for text in columns. Widths are terminal cells, not bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/packet_time.h"

namespace backscatter {

// "1,234,567".
std::string WithThousands(std::uint64_t value);

// "1,234,567 packets", "1 packet": `noun` in the singular, its plural with an "s".
std::string CountOf(std::uint64_t value, std::string_view noun);

// "17 B", "1.2 MB" (powers of 1000).
std::string HumanBytes(std::uint64_t bytes);

// "840 ms", "12 s", "3 min 4 s", "5 h 0 min", "2 d 3 h". Not negative.
std::string HumanDuration(PacketTime duration);

// Cells that valid UTF-8 takes on a terminal: 2 for wide and emoji characters, 0 for combining
// marks (Unicode 15, the main blocks), else 1. Bytes that are not UTF-8 count 1 each.
std::size_t DisplayWidth(std::string_view text);

// `text` with its middle replaced by `mark` so that it fits `width` cells; unchanged where it fits.
// Never cuts inside a character. `width` is at least the width of `mark` plus 2.
std::string ShortenMiddle(std::string_view text, std::size_t width, std::string_view mark);

std::string PadLeft(std::string_view text, std::size_t width);
std::string PadRight(std::string_view text, std::size_t width);

// A bar of `part` in `whole`, exactly `width` cells: eighths of a cell in Unicode, '#' in ASCII.
// Something that is not nothing shows at least its smallest sign.
std::string Bar(std::uint64_t part, std::uint64_t whole, std::size_t width, bool unicode);

// Every byte that is not printable ASCII as "\xHH"; for terminals that are not UTF-8.
std::string OnlyAscii(std::string_view text);

}  // namespace backscatter
