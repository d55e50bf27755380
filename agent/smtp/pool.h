// Objects that most sessions need for a moment only: lent out, given back, a few kept warm.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace backscatter {

template <typename T>
class Pool {
 public:
  explicit Pool(std::size_t keep = 256) : keep_(keep) {}

  std::unique_ptr<T> Take() {
    if (free_.empty()) return std::make_unique<T>();
    std::unique_ptr<T> object = std::move(free_.back());
    free_.pop_back();
    return object;
  }
  // The object must be back in its initial state, but may keep its capacity.
  void Give(std::unique_ptr<T> object) {
    if (free_.size() < keep_) free_.push_back(std::move(object));
  }

 private:
  std::size_t keep_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace backscatter
