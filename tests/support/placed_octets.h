// Text at any alignment, on the heap up to its last octet: a sanitizer sees who looks further.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

namespace backscatter::support {

class PlacedOctets {
 public:
  // `offset` octets from where the heap is aligned; before the text stand '#'.
  PlacedOctets(std::string_view text, std::size_t offset)
      : offset_(offset), size_(text.size()), octets_(new char[offset + text.size()]) {
    std::fill_n(octets_.get(), offset, '#');
    std::copy(text.begin(), text.end(), data());
  }
  char* data() { return octets_.get() + offset_; }
  std::string_view text() const { return {octets_.get() + offset_, size_}; }
  std::string_view before() const { return {octets_.get(), offset_}; }

 private:
  std::size_t offset_;
  std::size_t size_;
  std::unique_ptr<char[]> octets_;
};

}  // namespace backscatter::support
