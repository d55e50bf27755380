// A large array of zeros whose pages cost no memory until they are touched.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace backscatter {

inline constexpr std::size_t kHugePage = 2U << 20;

// Fixed size, all bytes zero at the start. For types for which zero bytes are a valid value. Fails
// like an allocation. An array of half a huge page or more asks for huge pages: it is meant to be
// hit all over, and then the page walks cost more than the memory does.
template <typename T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  explicit ZeroedArray(std::size_t count)
      : bytes_(count * sizeof(T) + (count * sizeof(T) >= kHugePage / 2 ? kHugePage : 0)) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    auto start = reinterpret_cast<std::uintptr_t>(memory_);
    if (bytes_ != count * sizeof(T)) {
      start = (start + kHugePage - 1) / kHugePage * kHugePage;
      const std::size_t whole = (count * sizeof(T) + kHugePage - 1) / kHugePage * kHugePage;
      const std::size_t room = bytes_ - (start - reinterpret_cast<std::uintptr_t>(memory_));
      madvise(reinterpret_cast<void*>(start), whole < room ? whole : room, MADV_HUGEPAGE);
    }
    data_ = reinterpret_cast<T*>(start);
  }
  ~ZeroedArray() { munmap(memory_, bytes_); }
  ZeroedArray(const ZeroedArray&) = delete;
  ZeroedArray& operator=(const ZeroedArray&) = delete;

  // If every page is touched.
  std::size_t bytes() const { return bytes_; }

  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t IndexOf(const T* element) const { return static_cast<std::size_t>(element - data_); }

 private:
  std::size_t bytes_;  // of the mapping
  void* memory_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace backscatter
