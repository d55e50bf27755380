// Integers in the byte order of whoever wrote the capture.
#pragma once

#include <cstdint>
#include <cstring>

namespace backscatter {

// Reads at any alignment. The caller has checked the bounds.
class FileOrder {
 public:
  explicit constexpr FileOrder(bool swapped = false) : swapped_(swapped) {}

  std::uint16_t U16(const std::uint8_t* at) const {
    const auto value = Load<std::uint16_t>(at);
    return swapped_ ? __builtin_bswap16(value) : value;
  }
  std::uint32_t U32(const std::uint8_t* at) const {
    const auto value = Load<std::uint32_t>(at);
    return swapped_ ? __builtin_bswap32(value) : value;
  }
  std::uint64_t U64(const std::uint8_t* at) const {
    const auto value = Load<std::uint64_t>(at);
    return swapped_ ? __builtin_bswap64(value) : value;
  }

 private:
  template <typename T>
  static T Load(const std::uint8_t* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

  bool swapped_;
};

}  // namespace backscatter
