// What is known of a target or a network: its first events, and windows once there are more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "agent/base/packet_time.h"
#include "agent/detect/distinct_counter.h"
#include "agent/detect/flood_event.h"

namespace backscatter {

// How many floods of this key are on: it must not be given up then.
class Held {
 public:
  void Hold() { ++floods_; }
  void Release() { --floods_; }
  bool held() const { return floods_ != 0; }

 private:
  int floods_ = 0;
};

// About a hundred bytes, where windows are a thousand: most keys never bring more than a few.
class FewEvents {
 public:
  // False: it is full. `thing`: a hash of which the upper half is enough, as for DistinctCounter.
  bool Add(const FloodEvent& event, std::uint64_t thing) {
    if (count_ == kMost) return false;
    at_[count_] = event.at;
    weight_[count_] = static_cast<float>(event.weight);
    thing_[count_] = static_cast<std::uint32_t>(thing >> 32);
    flags_[count_] = static_cast<std::uint8_t>((event.unsolicited ? kUnsolicited : 0U) |
                                               (event.surely ? kSurely : 0U));
    ++count_;
    return true;
  }
  // visit(const FloodEvent&), with the thing as its network and its target, in their order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint64_t thing = std::uint64_t{thing_[i]} << 32;
      const bool unsolicited = (flags_[i] & kUnsolicited) != 0;
      visit(FloodEvent{.at = at_[i],
                       .weight = static_cast<double>(weight_[i]),
                       .unsolicited = unsolicited,
                       .uncertain = !unsolicited,
                       .surely = (flags_[i] & kSurely) != 0,
                       .target_key = thing,
                       .network_key = thing});
    }
  }
  // Of the weights for which `counts(at, unsolicited)`.
  template <typename Counts>
  double Sum(Counts counts) const {
    double sum = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (counts(at_[i], (flags_[i] & kUnsolicited) != 0)) sum += static_cast<double>(weight_[i]);
    }
    return sum;
  }
  void Clear() { count_ = 0; }

 private:
  static constexpr std::size_t kMost = 6;
  static constexpr unsigned kUnsolicited = 1;
  static constexpr unsigned kSurely = 2;

  std::array<PacketTime, kMost> at_;
  std::array<float, kMost> weight_;
  std::array<std::uint32_t, kMost> thing_;
  std::array<std::uint8_t, kMost> flags_;
  std::uint8_t count_ = 0;
};

// A state of WatchedKeys. Windows: `Add(const FloodEvent&, SketchBudget&)`, `static bool
// CountsIn(PacketTime now, PacketTime at, bool unsolicited)` of its score, and what WatchedKeys
// asks for. All of it is as if the windows had been there from the start.
template <typename Windows>
class WatchedState : public Held {
 public:
  // Null where windows could not be a flood yet: a few events, which weigh less than half of
  // `least`.
  Windows* Add(const FloodEvent& event, std::uint64_t thing, double least, SketchBudget& budget) {
    if (windows_ == nullptr && few_.Add(event, thing)) {
      if (2 * few_.Sum([](PacketTime, bool) { return true; }) < least) return nullptr;
      return &Whole(budget);
    }
    Windows& windows = Whole(budget);
    windows.Add(event, budget);
    return &windows;
  }
  Windows& Whole(SketchBudget& budget) {
    if (windows_ == nullptr) {
      windows_ = std::make_unique<Windows>();
      few_.ForEach([&](const FloodEvent& event) { windows_->Add(event, budget); });
      few_.Clear();
    }
    return *windows_;
  }
  // Null while there are but a few events.
  const Windows* windows() const { return windows_.get(); }

  double Score(PacketTime now) const {
    if (windows_ != nullptr) return windows_->Score(now);
    return few_.Sum(
        [&](PacketTime at, bool unsolicited) { return Windows::CountsIn(now, at, unsolicited); });
  }
  void GiveUp(SketchBudget& budget) {
    few_.Clear();
    if (windows_ != nullptr) windows_->GiveUp(budget);
  }
  void ClearOld(PacketTime now, SketchBudget& budget) {
    if (windows_ != nullptr) windows_->ClearOld(now, budget);
  }
  // Outside of itself.
  std::size_t MemoryBytes() const {
    return windows_ != nullptr ? kWindowsBytes + windows_->MemoryBytes() : 0;
  }
  static constexpr std::size_t kWindowsBytes = sizeof(Windows) + 16;  // with what malloc adds

 private:
  FewEvents few_;
  std::unique_ptr<Windows> windows_;
};

}  // namespace backscatter
