// One part of the sent set: lines of 64 bytes that hold short names of keys with their slice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/container/flat_hash_map.h"

#include "agent/base/zeroed_array.h"

namespace backscatter {

enum class SentAdd : std::uint8_t {
  kNew,        // was not there
  kRefreshed,  // was there, in an older slice
  kKnown,      // was there
  kFull,       // not taken
};

// A name is a number of final_log2_lines + 21 bits whose low 21 bits are not zero. Its high bits
// choose the line, the others (the rest) are kept there with a label of three bits:
//   line of 64 bytes: floor(63 / width) slots of `width` bytes, little endian, rest << 3 | label,
//                     0 = free; byte 63 = 1 where names of this line lie in `overflow_`
// Names keep all their bits whatever the number of lines, so it can double (and shrink) without
// knowing the keys: the fewer lines, the longer the rests and the wider the slots (5, 4, 3 bytes).
// The table is therefore exact in names; two keys are one name with a chance of 2^-bits.
// A look-up touches one cache line, and the overflow where the line is marked and has no match.
// Not thread-safe.
class SentSegment {
 public:
  static constexpr int kRestBits = 21;      // with all the lines
  static constexpr int kNamesPerLine = 16;  // when full, of 21 slots
  static constexpr int kMaxLog2Lines = 19;

  explicit SentSegment(int final_log2_lines);

  // Older labels give way to newer ones: `age(label)` in the newest slice is 0.
  // `newest` is the label of the current slice.
  SentAdd Add(std::uint64_t name, unsigned label, unsigned newest);
  bool Contains(std::uint64_t name) const;
  void Prefetch(std::uint64_t name) const {
    __builtin_prefetch(PlaceOf(name).line);
    asm volatile("");  // GCC 12 drops calls of functions that do nothing else
  }
  // Forgets names whose label is not in the bit set `labels`. O(memory); takes the memory twice
  // for its duration, and may leave less.
  void Keep(unsigned labels);
  // `visit(name, label)`, in the order of the lines, then the overflow.
  template <typename Visit>
  void ForEach(const Visit& visit) const;

  std::size_t capacity() const { return std::size_t{kNamesPerLine} << final_log2_lines_; }
  std::size_t size() const { return size_; }
  std::size_t overflowed() const { return overflow_.size(); }
  std::size_t MemoryBytes() const;

 private:
  struct alignas(64) Line {
    std::uint8_t bytes[64];
  };

  struct Place {
    Line* line;
    std::uint64_t rest;
  };
  int RestBits() const { return final_log2_lines_ + kRestBits - log2_lines_; }
  Place PlaceOf(std::uint64_t name) const {
    const int bits = RestBits();
    const std::size_t line = (name >> bits) & ((std::size_t{1} << log2_lines_) - 1);
    return {first_ + line, name & ((std::uint64_t{1} << bits) - 1)};
  }
  int FindSlot(const Line& line, std::uint64_t rest) const;
  std::uint64_t ValueAt(const Line& line, int slot) const {
    std::uint32_t low;
    std::memcpy(&low, line.bytes + slot * width_, sizeof low);
    if (width_ == 3) return low & 0xffffff;
    return width_ == 4 ? low : low | std::uint64_t{line.bytes[slot * 5 + 4]} << 32;
  }
  std::size_t GrowAt(int log2_lines) const;
  void Rebuild(int log2_lines, unsigned labels);
  void Put(std::uint64_t name, unsigned label);
  void Reset(int log2_lines);

  const int final_log2_lines_;
  int log2_lines_ = 0;
  int width_ = 0;
  int slots_ = 0;
  Line* first_ = nullptr;  // of lines_: what a look-up needs lies together
  std::size_t size_ = 0;
  std::array<std::size_t, 8> sizes_{};  // by label
  std::unique_ptr<ZeroedArray<Line>> lines_;
  absl::flat_hash_map<std::uint64_t, std::uint8_t> overflow_;  // name to label
};

template <typename Visit>
void SentSegment::ForEach(const Visit& visit) const {
  const std::size_t lines = std::size_t{1} << log2_lines_;
  const int bits = RestBits();
  for (std::size_t i = 0; i < lines; ++i) {
    const Line& line = (*lines_)[i];
    for (int slot = 0; slot < slots_; ++slot) {
      const std::uint64_t value = ValueAt(line, slot);
      if (value != 0)
        visit(std::uint64_t{i} << bits | value >> 3, static_cast<unsigned>(value & 7));
    }
  }
  for (const auto& [name, label] : overflow_) visit(name, unsigned{label});
}

}  // namespace backscatter
