// The set of pairs of row ids behind the distinct counts: exact, 8 bytes a slot, capped.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/base/keyed_hash.h"
#include "agent/report/count_table.h"

namespace backscatter {

// Owned by one thread. Memory: 8 bytes a slot at a load of 3/8 to 3/4 (11 to 21 bytes a pair).
class PairSet {
 public:
  enum class Added : std::uint8_t { kNew, kKnown, kRefused };

  PairSet(std::size_t capacity, const HashKey& hash_key)
      : capacity_(capacity), hash_key_(hash_key), slots_(kFirstSlots, kEmpty) {}

  // kRefused: it is not there and the set is full.
  Added Add(std::uint32_t first, std::uint32_t second) {
    const std::uint64_t pair = (std::uint64_t{first} << 32) | second;
    std::size_t i = SlotOf(pair);
    while (slots_[i] != kEmpty) {
      if (slots_[i] == pair) return Added::kKnown;
      i = (i + 1) & (slots_.size() - 1);
    }
    if (size_ >= capacity_) return Added::kRefused;
    slots_[i] = pair;
    ++size_;
    if (size_ * 4 > slots_.size() * 3) Rebuild(slots_.size() * 2, nullptr, nullptr);
    return Added::kNew;
  }

  void Prefetch(std::uint32_t first, std::uint32_t second) const {
    __builtin_prefetch(&slots_[SlotOf((std::uint64_t{first} << 32) | second)], 1);
  }

  // After a purge: ids become `first_ids[id]` or `second_ids[id]` (null = unchanged), and pairs
  // with a kNoRow go. Returns how many went. O(slots).
  std::size_t Renumber(const std::vector<std::uint32_t>* first_ids,
                       const std::vector<std::uint32_t>* second_ids) {
    const std::size_t before = size_;
    Rebuild(slots_.size(), first_ids, second_ids);
    return before - size_;
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const std::uint64_t pair : slots_) {
      if (pair != kEmpty) visit(First(pair), Second(pair));
    }
  }

  static std::uint64_t MostBytes(std::size_t capacity) {
    return 2 * std::bit_ceil(std::max<std::uint64_t>(capacity, kFirstSlots)) *
           sizeof(std::uint64_t);
  }

  std::size_t size() const { return size_; }
  std::size_t MemoryBytes() const { return slots_.capacity() * sizeof(std::uint64_t); }

 private:
  static constexpr std::size_t kFirstSlots = 64;
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no row has the id kNoRow

  static std::uint32_t First(std::uint64_t pair) { return static_cast<std::uint32_t>(pair >> 32); }
  static std::uint32_t Second(std::uint64_t pair) { return static_cast<std::uint32_t>(pair); }

  std::size_t SlotOf(std::uint64_t pair) const {
    return MixWords(pair ^ hash_key_.a, hash_key_.b) & (slots_.size() - 1);
  }

  void Rebuild(std::size_t slot_count, const std::vector<std::uint32_t>* first_ids,
               const std::vector<std::uint32_t>* second_ids);

  std::size_t capacity_;
  HashKey hash_key_;
  std::size_t size_ = 0;
  std::vector<std::uint64_t> slots_;
};

}  // namespace backscatter
