// What happened lately, by hashed key: bounded in time and in size.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "agent/base/packet_time.h"

namespace backscatter {

// Keys are 64-bit keyed hashes: two of n remembered ones meet by chance in n * 5e-20 of the
// look-ups. When the table is full the oldest key is forgotten, and `forgotten` counts those that
// were still young enough to matter. Packet time only. Memory: about 18 + 17/8 * (17 + Value)
// bytes a key at the worst.
template <typename Value>
class RecentTable {
 public:
  RecentTable(std::size_t capacity, PacketTime window) : capacity_(capacity), window_(window) {}

  // What is there already becomes young again.
  void Put(std::uint64_t key, const Value& value, PacketTime at) {
    if (capacity_ == 0) return;
    rows_[key] = {at, value};
    if (ring_.size() < capacity_) {
      ring_.push_back({key, at});
      return;
    }
    Entry& oldest = ring_[oldest_];
    const auto found = rows_.find(oldest.key);
    if (oldest.key != key && found != rows_.end() && found->second.at == oldest.at) {
      if (TimeBetween(oldest.at, at) <= window_) ++forgotten_;
      rows_.erase(found);
    }
    oldest = {key, at};
    oldest_ = (oldest_ + 1) % ring_.size();
  }

  // Null where it is not there, or too old. Valid until the next Put.
  Value* Find(std::uint64_t key, PacketTime now) {
    const auto found = rows_.find(key);
    if (found == rows_.end() || TimeBetween(found->second.at, now) > window_) return nullptr;
    return &found->second.value;
  }

  // True if it was there. Its place in the order of time stays taken.
  bool Erase(std::uint64_t key) { return rows_.erase(key) > 0; }

  bool empty() const { return rows_.empty(); }
  std::size_t size() const { return rows_.size(); }
  std::uint64_t forgotten() const { return forgotten_; }
  static std::uint64_t MostBytes(std::size_t capacity) {
    const std::uint64_t entries = capacity;
    return std::bit_ceil(entries) * sizeof(Entry) +
           std::bit_ceil(entries + entries / 7 + 1) * (sizeof(std::pair<std::uint64_t, Row>) + 1);
  }
  std::size_t MemoryBytes() const {
    return ring_.capacity() * sizeof(Entry) +
           rows_.capacity() * (sizeof(std::pair<std::uint64_t, Row>) + 1);
  }

 private:
  struct Row {
    PacketTime at = 0;
    Value value;
  };
  // In the order of time; stale where the row of its key has a later time, or is gone.
  struct Entry {
    std::uint64_t key = 0;
    PacketTime at = 0;
  };

  std::size_t capacity_;
  PacketTime window_;
  absl::flat_hash_map<std::uint64_t, Row> rows_;
  std::vector<Entry> ring_;  // grows up to the capacity, then turns
  std::size_t oldest_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace backscatter
