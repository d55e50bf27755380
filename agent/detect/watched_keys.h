// What is known of the keys that matter now: a bounded table that gives up the least active half.
//
// A batched Space-Saving of a sliding window: a key counts exactly from the moment it entered. When
// the table is full, every key whose score, its count within the last hour, is at most the median
// of all scores goes (but for those that are held), and may come back with nothing. So a count of
// the last hour is short by at most what was given up within that hour, `Shortfall()`, and a key
// whose count is above it is in the table. It never counts too much.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "agent/base/packet_time.h"
#include "agent/detect/rolling_count.h"

namespace backscatter {

// State: `double Score(PacketTime now) const`, `bool held() const`, `void GiveUp(SketchBudget&)`,
// `void ClearOld(PacketTime now, SketchBudget&)`, default-constructible and movable. Keys are
// 64-bit keyed hashes. Owned by one thread.
template <typename State>
class WatchedKeys {
 public:
  WatchedKeys(std::size_t capacity, SketchBudget* budget)
      : capacity_(std::max<std::size_t>(capacity, 2)), budget_(*budget) {}

  // Valid until the next call of this.
  State& At(std::uint64_t key, PacketTime now) {
    const auto found = states_.find(key);
    if (found != states_.end()) return found->second;
    if (states_.size() >= capacity_) Purge(now);
    return states_[key];
  }
  // Null where it is not there.
  State* Find(std::uint64_t key) {
    const auto found = states_.find(key);
    return found == states_.end() ? nullptr : &found->second;
  }

  // Sketches of what is past are given back.
  void ClearOld(PacketTime now) {
    for (auto& [key, state] : states_) state.ClearOld(now, budget_);
  }
  void Clear() {
    for (auto& [key, state] : states_) state.GiveUp(budget_);
    states_.clear();
    shortfall_ = {};
  }

  std::size_t size() const { return states_.size(); }
  // Keys that made room with counts of the last hour.
  std::uint64_t given_up() const { return given_up_; }
  double Shortfall(PacketTime now) const {
    double sum = 0;
    shortfall_.ForEach(now, [&](PacketTime, double part) { sum += part; });
    return sum;
  }
  // While it grows, half of it comes on top; without what states hold outside of themselves.
  static std::uint64_t MostBytes(std::size_t capacity) {
    return std::bit_ceil<std::uint64_t>(capacity + capacity / 7 + 1) *
           (sizeof(std::pair<std::uint64_t, State>) + 1);
  }
  std::size_t MemoryBytes() const {
    std::size_t bytes = states_.capacity() * (sizeof(std::pair<std::uint64_t, State>) + 1);
    for (const auto& [key, state] : states_) bytes += state.MemoryBytes();
    return bytes;
  }

 private:
  void Purge(PacketTime now) {
    std::vector<double> scores;
    scores.reserve(states_.size());
    for (const auto& [key, state] : states_) {
      if (!state.held()) scores.push_back(state.Score(now));
    }
    double limit = 0;
    if (!scores.empty()) {
      const auto middle = scores.begin() + static_cast<std::ptrdiff_t>((scores.size() - 1) / 2);
      std::nth_element(scores.begin(), middle, scores.end());
      limit = *middle;
    }
    for (auto it = states_.begin(); it != states_.end();) {
      const auto next = std::next(it);
      if (!it->second.held() && it->second.Score(now) <= limit) {
        if (it->second.Score(now) > 0) ++given_up_;
        it->second.GiveUp(budget_);
        states_.erase(it);
      }
      it = next;
    }
    // Several purges may each take of one key.
    shortfall_.At(now, [](double& part) { part = 0; }) += limit;
  }

  std::size_t capacity_;
  SketchBudget& budget_;
  absl::flat_hash_map<std::uint64_t, State> states_;
  PartRing<double, 13, 5 * kMinute> shortfall_;
  std::uint64_t given_up_ = 0;
};

}  // namespace backscatter
