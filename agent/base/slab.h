// Many objects of one type under small indices, packed into huge pages.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/base/zeroed_array.h"

namespace backscatter {

// Grows by chunks of 2 MiB and keeps them. Indices are dense and reused, the last freed first; an
// object stays where it is. It is constructed when its index is first taken and lives on while
// free: whoever takes one resets it. Not thread-safe.
template <typename T>
class Slab {
 public:
  static constexpr std::uint32_t kPerChunk = std::bit_floor(kHugePage / sizeof(T));

  Slab() = default;
  ~Slab() {
    for (std::uint32_t i = 0; i < size_; ++i) std::destroy_at(&(*this)[i]);
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  std::uint32_t Allocate() {
    if (free_.empty()) return AddOne();
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void Free(std::uint32_t index) { free_.push_back(index); }

  T& operator[](std::uint32_t index) { return chunks_[index / kPerChunk][index % kPerChunk]; }
  const T& operator[](std::uint32_t index) const {
    return chunks_[index / kPerChunk][index % kPerChunk];
  }
  // Objects that exist, in use or free: indices below this are valid.
  std::uint32_t size() const { return size_; }
  std::uint64_t MemoryBytes() const {
    return memory_.size() * kHugePage + free_.capacity() * sizeof(std::uint32_t);
  }
  static std::uint64_t MostBytes(std::uint64_t objects) {
    return (objects + kPerChunk - 1) / kPerChunk * kHugePage +
           std::bit_ceil(objects) * sizeof(std::uint32_t);
  }
  std::uint32_t in_use() const { return size_ - static_cast<std::uint32_t>(free_.size()); }

 private:
  std::uint32_t AddOne() {
    if (size_ % kPerChunk == 0) AddChunk();
    std::construct_at(&(*this)[size_]);
    return size_++;
  }
  void AddChunk() {
    memory_.push_back(std::make_unique<ZeroedArray<std::byte>>(kHugePage));
    chunks_.push_back(reinterpret_cast<T*>(&(*memory_.back())[0]));
  }

  std::vector<std::unique_ptr<ZeroedArray<std::byte>>> memory_;
  std::vector<T*> chunks_;  // in memory_
  std::vector<std::uint32_t> free_;
  std::uint32_t size_ = 0;
};

}  // namespace backscatter
