// Counts over the last minutes, hours or days: clock-aligned parts that are given up one by one.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "agent/base/packet_time.h"
#include "agent/detect/distinct_counter.h"

namespace backscatter {

// The number of the part of `width` in which `time` lies; parts begin on the clock.
constexpr std::int64_t PartOf(PacketTime time, PacketTime width) {
  const std::int64_t part = time / width;
  return time % width < 0 ? part - 1 : part;
}

// A ring of the last kParts parts of a window, each a T; `clear(T&)` empties one. Time may go back
// by less than the window: what is older than that belongs to its oldest part.
template <typename T, std::size_t kParts, PacketTime kWidth>
class PartRing {
 public:
  template <typename Clear>
  T& At(PacketTime time, Clear clear) {
    std::int64_t part = PartOf(time, kWidth);
    if (part > newest_) {
      const auto passed = static_cast<std::uint64_t>(part) - static_cast<std::uint64_t>(newest_);
      if (passed >= kParts) {
        for (T& old : parts_) clear(old);
      } else {
        for (auto old = newest_ + 1; old <= part; ++old) clear(Slot(old));
      }
      newest_ = part;
    } else if (newest_ - part >= static_cast<std::int64_t>(kParts)) {
      part = newest_ - static_cast<std::int64_t>(kParts) + 1;
    }
    return Slot(part);
  }

  // visit(PacketTime start of the part, const T&) for those of the window that ends with the part
  // of `now`, the oldest first.
  template <typename Visit>
  void ForEach(PacketTime now, Visit visit) const {
    const std::int64_t of_now = PartOf(now, kWidth);
    const std::int64_t last = std::min(of_now, newest_);
    const std::int64_t first = std::max(of_now, newest_) - static_cast<std::int64_t>(kParts) + 1;
    if (first > last) return;
    std::size_t index = Index(first);
    for (std::int64_t part = first; part <= last; ++part) {
      visit(part * kWidth, parts_[index]);
      if (++index == kParts) index = 0;
    }
  }

  // clear(T&) for those that left the window that ends with the part of `now`.
  template <typename Clear>
  void ClearOld(PacketTime now, Clear clear) {
    const std::int64_t last = PartOf(now, kWidth);
    for (std::size_t i = 0; i < kParts; ++i) {
      const std::int64_t part = newest_ - static_cast<std::int64_t>(i);
      if (last - part >= static_cast<std::int64_t>(kParts)) clear(Slot(part));
    }
  }

  // All of them, whatever their time.
  std::array<T, kParts>& parts() { return parts_; }
  const std::array<T, kParts>& parts() const { return parts_; }

 private:
  T& Slot(std::int64_t part) { return parts_[Index(part)]; }
  const T& Slot(std::int64_t part) const { return parts_[Index(part)]; }
  static std::size_t Index(std::int64_t part) {
    const auto index = part % static_cast<std::int64_t>(kParts);
    return static_cast<std::size_t>(index < 0 ? index + static_cast<std::int64_t>(kParts) : index);
  }

  std::int64_t newest_ = std::numeric_limits<std::int64_t>::min() / 2;
  std::array<T, kParts> parts_{};
};

// The sum of what was added within the last kParts parts: of the window, all but at most one part.
template <std::size_t kParts, PacketTime kWidth>
class RollingCount {
 public:
  void Add(PacketTime time, double amount) {
    ring_.At(time, [](float& part) { part = 0; }) += static_cast<float>(amount);
  }
  // What was added at `at`, which is not after `now`, is still in the sum.
  static bool Reaches(PacketTime now, PacketTime at) {
    return PartOf(now, kWidth) - PartOf(at, kWidth) < static_cast<std::int64_t>(kParts);
  }
  double Sum(PacketTime now) const {
    double sum = 0;
    ring_.ForEach(now, [&](PacketTime, float part) { sum += part; });
    return sum;
  }

 private:
  PartRing<float, kParts, kWidth> ring_;  // exact up to 16 million a part
};

// How many different things were seen within the window; to be emptied with Clear.
template <std::size_t kParts, PacketTime kWidth>
class RollingDistinct {
 public:
  void Add(PacketTime time, std::uint64_t hash, SketchBudget& budget) {
    ring_.At(time, [&](DistinctCounter& part) { part.Clear(budget); }).Add(hash, budget);
  }
  void AddTo(DistinctUnion& all, PacketTime now) const {
    ring_.ForEach(now, [&](PacketTime, const DistinctCounter& part) { all.Add(part); });
  }
  double Estimate(PacketTime now) const {
    DistinctUnion all;
    AddTo(all, now);
    return all.Estimate();
  }
  void Clear(SketchBudget& budget) {
    for (DistinctCounter& part : ring_.parts()) part.Clear(budget);
  }
  // Gives back the sketches of what is past.
  void ClearOld(PacketTime now, SketchBudget& budget) {
    ring_.ClearOld(now, [&](DistinctCounter& part) { part.Clear(budget); });
  }
  std::size_t MemoryBytes() const {
    std::size_t bytes = 0;
    for (const DistinctCounter& part : ring_.parts()) bytes += part.MemoryBytes();
    return bytes;
  }

 private:
  PartRing<DistinctCounter, kParts, kWidth> ring_;
};

// When what goes on within the window began.
template <std::size_t kParts, PacketTime kWidth>
class Onset {
 public:
  void Add(PacketTime time, double amount) {
    Part& part = ring_.At(time, [](Part& old) { old = {}; });
    if (part.amount == 0) part.first = time;
    part.amount += static_cast<float>(amount);
  }
  // The first one of those that belong to it: parts before it with less than a tenth of its highest
  // are what there always is.
  PacketTime Start(PacketTime now) const {
    float most = 0;
    ring_.ForEach(now, [&](PacketTime, const Part& part) { most = std::max(most, part.amount); });
    PacketTime start = now;
    bool found = false;
    ring_.ForEach(now, [&](PacketTime, const Part& part) {
      if (found || part.amount == 0 || part.amount * 10 < most) return;
      start = part.first;
      found = true;
    });
    return start;
  }

 private:
  struct Part {
    PacketTime first = 0;
    float amount = 0;
  };
  PartRing<Part, kParts, kWidth> ring_;
};

}  // namespace backscatter
