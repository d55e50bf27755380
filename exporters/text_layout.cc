#include "exporters/text_layout.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"

#include "agent/base/utf8.h"

namespace backscatter {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

constexpr auto kNoCells = std::to_array<Range>({
    {0x0300, 0x036f},   {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x06d6, 0x06dc},   {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a},   {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200d},
    {0x2060, 0x2064},   {0x20d0, 0x20f0}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
    {0xe0100, 0xe01ef},
});
constexpr auto kTwoCells = std::to_array<Range>({
    {0x1100, 0x115f},
    {0x231a, 0x231b},
    {0x2e80, 0x303e},
    {0x3041, 0x33ff},
    {0x3400, 0x4dbf},
    {0x4e00, 0xa4cf},
    {0xa960, 0xa97f},
    {0xac00, 0xd7a3},
    {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},
    {0xff00, 0xff60},
    {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd},
});

template <std::size_t N>
bool Contains(const std::array<Range, N>& ranges, char32_t c) {
  const auto after = std::partition_point(ranges.begin(), ranges.end(),
                                          [&](const Range& range) { return range.last < c; });
  return after != ranges.end() && after->first <= c;
}

std::size_t CellsOf(const Utf8Char& c) {
  if (!c.valid || c.code_point < 0x300) return 1;
  if (Contains(kNoCells, c.code_point)) return 0;
  return Contains(kTwoCells, c.code_point) ? 2 : 1;
}

}  // namespace

std::string WithThousands(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t i = text.size(); i > 3;) {
    i -= 3;
    text.insert(i, 1, ',');
  }
  return text;
}

std::string CountOf(std::uint64_t value, std::string_view noun) {
  return WithThousands(value) + " " + std::string(noun) + (value == 1 ? "" : "s");
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 7> kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.95 would be written as 1000.0.
  while (value >= (unit == 0 ? 1000 : 999.95)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? absl::StrFormat("%d B", bytes)
                   : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string HumanDuration(PacketTime duration) {
  const PacketTime seconds = duration / kSecond;
  if (seconds == 0) return absl::StrFormat("%d ms", duration / kMillisecond);
  if (seconds < 60) return absl::StrFormat("%d s", seconds);
  if (seconds < 3600) return absl::StrFormat("%d min %d s", seconds / 60, seconds % 60);
  if (seconds < 86400) return absl::StrFormat("%d h %d min", seconds / 3600, seconds / 60 % 60);
  return absl::StrFormat("%d d %d h", seconds / 86400, seconds / 3600 % 24);
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t cells = 0;
  while (!text.empty()) {
    const Utf8Char c = ReadUtf8(text);
    cells += c.valid ? CellsOf(c) : c.length;
    text.remove_prefix(c.length);
  }
  return cells;
}

std::string ShortenMiddle(std::string_view text, std::size_t width, std::string_view mark) {
  const std::size_t total = DisplayWidth(text);
  if (total <= width) return std::string(text);
  const std::size_t kept = width - DisplayWidth(mark);
  const std::size_t head_cells = (kept + 1) / 2;
  // Where the head ends, and where a tail of the remaining cells begins.
  std::size_t head = 0;
  std::size_t tail = text.size();
  std::size_t cells = 0;
  bool in_head = true;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = ReadUtf8(text.substr(at));
    cells += c.valid ? CellsOf(c) : c.length;
    at += c.length;
    in_head = in_head && cells <= head_cells;
    if (in_head) head = at;
    if (total - cells <= kept - head_cells) {
      tail = at;
      break;
    }
  }
  std::string out(text.substr(0, head));
  out += mark;
  return out.append(text.substr(tail));
}

std::string PadLeft(std::string_view text, std::size_t width) {
  const std::size_t cells = DisplayWidth(text);
  return std::string(cells < width ? width - cells : 0, ' ').append(text);
}

std::string PadRight(std::string_view text, std::size_t width) {
  const std::size_t cells = DisplayWidth(text);
  return std::string(text).append(cells < width ? width - cells : 0, ' ');
}

std::string Bar(std::uint64_t part, std::uint64_t whole, std::size_t width, bool unicode) {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const std::size_t steps_a_cell = unicode ? 8 : 1;
  const std::size_t most = width * steps_a_cell;
  std::size_t steps = 0;
  if (part > 0 && whole > 0) {
    const double share = static_cast<double>(part) / static_cast<double>(whole);
    const double exact = std::min(share, 1.0) * static_cast<double>(most);
    steps = std::clamp<std::size_t>(static_cast<std::size_t>(exact + 0.5), 1, most);
  }
  std::string bar;
  for (std::size_t i = 0; i < steps / steps_a_cell; ++i) bar += unicode ? "█" : "#";
  if (unicode) bar += kEighths[steps % 8];
  return PadRight(bar, width);
}

std::string OnlyAscii(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += absl::StrFormat("\\x%02x", byte);
    }
  }
  return out;
}

}  // namespace backscatter
