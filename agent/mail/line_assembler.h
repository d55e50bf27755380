// Octets in pieces of any size to lines of bounded length.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/find_octet.h"

namespace backscatter {

inline constexpr std::size_t kMaxLineBytes = 8192;  // the rest of a longer line is dropped

class LineAssembler {
 public:
  void Reset() {
    text_.clear();
    skip_ = false;
    too_long_ = false;
  }
  // Drops the line under way, and what is left of it when octets come again.
  void Lose() {
    text_.clear();
    skip_ = true;
  }
  bool too_long() const { return too_long_; }

  // Calls sink(line) for each line that ends here, without LF and without CR before it. The view
  // lives for that call, which may finish this.
  template <typename Sink>
  void Add(std::string_view octets, Sink&& sink) {
    if (skip_ || !text_.empty()) {  // a line that began before
      const std::size_t end = FindOctet(octets, '\n');
      if (!skip_) Keep({octets.data(), end});
      if (end == octets.size()) return;
      End(sink);
      octets.remove_prefix(end + 1);
    }
    std::size_t start = 0;
    ForEachOctet(octets, '\n', [&](std::size_t end) {
      std::size_t size = end - start;
      if (size > kMaxLineBytes) {
        too_long_ = true;
        size = kMaxLineBytes;
      }
      const std::string_view line(octets.data() + start, size);
      start = end + 1;
      sink(WithoutCr(line));
    });
    if (start < octets.size()) Keep(octets.substr(start));
  }
  // The last line, if it has no end of its own.
  template <typename Sink>
  void Finish(Sink&& sink) {
    if (!text_.empty()) End(sink);
  }

 private:
  static std::string_view WithoutCr(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  void Keep(std::string_view octets) {
    const std::size_t room = kMaxLineBytes - text_.size();
    if (octets.size() > room) too_long_ = true;
    text_.append(octets.substr(0, room));
  }
  // The sink may finish this: the line is not here any more when it sees it.
  template <typename Sink>
  void End(Sink&& sink) {
    std::string line;
    line.swap(text_);
    if (!std::exchange(skip_, false)) sink(WithoutCr(line));
    line.clear();
    if (text_.empty()) text_.swap(line);  // its capacity
  }

  std::string text_;
  bool skip_ = false;
  bool too_long_ = false;
};

}  // namespace backscatter
