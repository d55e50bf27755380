// Rows of counts by key, exact up to a cap, the heavy hitters of the stream beyond it.
//
// Beyond the cap it is a frequent-items sketch (Misra and Gries 1982; the purge is that of Anderson
// et al. 2017, "A High-Performance Algorithm for Identifying Frequent Items in Data Streams"):
//   - a row counts exactly from the moment it entered, and `undercount` is the table's `offset()`
//     at that moment: counted <= truth <= counted + undercount <= counted + offset();
//   - a purge drops every row whose counted + undercount is at most the median of all rows, and
//     that median is the new offset. At least half of the rows go, so the cost is amortised, and
//     offset() <= 2 * stream length / capacity.
// Every key with more than offset() occurrences is in the table.
//
// Memory: sizeof(Row) + the key's bytes + 8 bytes a slot at a load of 3/8 to 3/4, growing with use;
// key bytes are capped at 64 a row of capacity (at least 1 MiB), which purges too.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/keyed_hash.h"

namespace backscatter {

inline constexpr std::uint32_t kNoRow = 0xffffffff;

// What every row starts with; a Row type derives from it.
struct KeyedRow {
  std::uint32_t key_offset = 0;
  std::uint16_t key_length = 0;
  std::uint16_t flags = 0;  // the owner's
  std::uint64_t recipients = 0;
  std::uint64_t undercount = 0;
};

// Owned by one thread. Ids are dense, and stable until Purge. A key has at most kMaxKeyBytes.
template <typename Row>
class CountTable {
 public:
  static constexpr std::size_t kMaxKeyBytes = 4096;

  CountTable(std::size_t capacity, const HashKey& hash_key)
      : capacity_(std::clamp<std::size_t>(capacity, 1, std::size_t{1} << 30)),
        key_bytes_cap_(std::clamp<std::size_t>(capacity_ * 64, 1 << 20, kNoRow)),
        hash_key_(hash_key),
        slots_(kFirstSlots) {}

  std::uint32_t Hash(std::string_view key) const {
    return static_cast<std::uint32_t>(HashBytes(hash_key_, key) >> 32);
  }

  // For callers who know their next keys: what Find will read, asked for ahead of time. A guess is
  // the first row with that hash, nearly always the one of the key; kNoRow is allowed everywhere.
  void PrefetchSlot(std::uint32_t hash) const { __builtin_prefetch(&slots_[hash & Mask()]); }
  std::uint32_t Guess(std::uint32_t hash) const {
    std::size_t i = hash & Mask();
    while (slots_[i].id != kNoRow && slots_[i].hash != hash) i = (i + 1) & Mask();
    return slots_[i].id;
  }
  void PrefetchRow(std::uint32_t id) const {
    if (id >= rows_.size()) return;
    const char* row = reinterpret_cast<const char*>(&rows_[id]);
    constexpr std::size_t kLine = 64;
    for (std::size_t at = 0; at < sizeof(Row); at += kLine) __builtin_prefetch(row + at, 1);
    __builtin_prefetch(row + sizeof(Row) - 1, 1);
  }
  void PrefetchKey(std::uint32_t id) const {
    if (id < rows_.size()) __builtin_prefetch(keys_.data() + rows_[id].key_offset);
  }

  // The id of `key`, or kNoRow. `hash` is Hash(key).
  std::uint32_t Find(std::string_view key, std::uint32_t hash) const {
    for (std::size_t i = hash & Mask();; i = (i + 1) & Mask()) {
      const Slot& slot = slots_[i];
      if (slot.id == kNoRow) return kNoRow;
      if (slot.hash == hash && KeyOf(rows_[slot.id]) == key) return slot.id;
    }
  }

  bool HasRoomFor(std::string_view key) const {
    return rows_.size() < capacity_ && keys_.size() + key.size() <= key_bytes_cap_;
  }

  // Adds `key`, which must not be there and must have room. References to rows become invalid.
  std::uint32_t Insert(std::string_view key, std::uint32_t hash) {
    if ((rows_.size() + 1) * 4 > slots_.size() * 3) Grow();
    const auto id = static_cast<std::uint32_t>(rows_.size());
    Row& row = rows_.emplace_back();
    row.key_offset = static_cast<std::uint32_t>(keys_.size());
    row.key_length = static_cast<std::uint16_t>(key.size());
    row.undercount = offset_;
    keys_.append(key);
    Place({hash, id});
    return id;
  }

  // Drops at least half of the rows. `new_ids[old]` becomes the id of each, kNoRow where it went;
  // rows that stay keep their order. Returns how many went.
  std::size_t Purge(std::vector<std::uint32_t>& new_ids);

  std::size_t size() const { return rows_.size(); }
  std::uint64_t offset() const { return offset_; }
  Row& at(std::uint32_t id) { return rows_[id]; }
  const Row& at(std::uint32_t id) const { return rows_[id]; }
  std::vector<Row>& rows() { return rows_; }
  const std::vector<Row>& rows() const { return rows_; }
  // Valid until the next Insert or Purge.
  std::string_view KeyOf(const Row& row) const {
    return {keys_.data() + row.key_offset, row.key_length};
  }
  // What it holds at most, in bytes: the key bytes at their cap, vectors grown by doubling.
  static std::uint64_t MostBytes(std::size_t capacity) {
    const std::uint64_t rows = std::bit_ceil(std::max<std::uint64_t>(capacity, kFirstSlots));
    const std::uint64_t keys = std::clamp<std::uint64_t>(capacity * 64, 1 << 20, kNoRow);
    return rows * sizeof(Row) + 2 * keys + 2 * rows * sizeof(Slot);
  }
  // What it holds now, in bytes.
  std::size_t MemoryBytes() const {
    return rows_.capacity() * sizeof(Row) + keys_.capacity() + slots_.capacity() * sizeof(Slot);
  }

 private:
  static constexpr std::size_t kFirstSlots = 64;
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = kNoRow;
  };

  std::size_t Mask() const { return slots_.size() - 1; }

  void Place(Slot slot) {
    std::size_t i = slot.hash & Mask();
    while (slots_[i].id != kNoRow) i = (i + 1) & Mask();
    slots_[i] = slot;
  }

  void Grow() {
    const std::vector<Slot> old = std::move(slots_);
    slots_ = std::vector<Slot>(old.size() * 2);
    for (const Slot& slot : old) {
      if (slot.id != kNoRow) Place(slot);
    }
  }

  std::uint64_t MedianUpperBound() const {
    std::vector<std::uint64_t> bounds;
    bounds.reserve(rows_.size());
    for (const Row& row : rows_) bounds.push_back(row.recipients + row.undercount);
    const auto middle = bounds.begin() + static_cast<std::ptrdiff_t>((bounds.size() - 1) / 2);
    std::nth_element(bounds.begin(), middle, bounds.end());
    return *middle;
  }

  std::size_t capacity_;
  std::size_t key_bytes_cap_;
  HashKey hash_key_;
  std::uint64_t offset_ = 0;
  std::vector<Slot> slots_;
  std::vector<Row> rows_;
  std::string keys_;
};

template <typename Row>
std::size_t CountTable<Row>::Purge(std::vector<std::uint32_t>& new_ids) {
  new_ids.assign(rows_.size(), kNoRow);
  if (rows_.empty()) return 0;
  offset_ = std::max(offset_, MedianUpperBound());
  std::size_t kept = 0;
  std::size_t key_end = 0;
  for (std::size_t id = 0; id < rows_.size(); ++id) {
    Row row = rows_[id];
    if (row.recipients + row.undercount <= offset_) continue;
    // Keys lie in the order of their rows, so each moves down.
    std::copy_n(keys_.begin() + row.key_offset, row.key_length,
                keys_.begin() + static_cast<std::ptrdiff_t>(key_end));
    row.key_offset = static_cast<std::uint32_t>(key_end);
    key_end += row.key_length;
    new_ids[id] = static_cast<std::uint32_t>(kept);
    rows_[kept++] = row;
  }
  const std::size_t gone = rows_.size() - kept;
  rows_.resize(kept);
  keys_.resize(key_end);
  for (Slot& slot : slots_) slot.id = kNoRow;
  for (std::size_t id = 0; id < kept; ++id) {
    Place({Hash(KeyOf(rows_[id])), static_cast<std::uint32_t>(id)});
  }
  return gone;
}

}  // namespace backscatter
