// What the detector of floods counts for each target, domain and source network, and in all.
#pragma once

#include <cstddef>

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/detect/flood_event.h"
#include "agent/detect/rolling_count.h"

namespace backscatter {

using TenMinuteCount = RollingCount<10, kMinute>;
using HourCount = RollingCount<12, 5 * kMinute>;
using TenMinuteDistinct = RollingDistinct<10, kMinute>;
using HourDistinct = RollingDistinct<12, 5 * kMinute>;

// How many floods of this key are on: it must not be given up then.
class Held {
 public:
  void Hold() { ++floods_; }
  void Release() { --floods_; }
  bool held() const { return floods_ != 0; }

 private:
  int floods_ = 0;
};

// When something was looked at for a flood and was none: sketches are not free. It is looked at
// again a second later, or with a quarter more of it.
class Look {
 public:
  bool IsDue(PacketTime now, double count) {
    constexpr PacketTime kLater = kSecond;
    constexpr double kMore = 1.25;
    if (at_ <= now && TimeBetween(at_, now) < kLater && count >= count_ && count < kMore * count_) {
      return false;
    }
    at_ = now;
    count_ = count;
    return true;
  }

 private:
  PacketTime at_ = 0;
  double count_ = 0;
};

// What is compared with a threshold begins anew when a flood is over, else its own last bounces
// would make the next one.
struct TargetWindows : Held {
  HourCount activity;  // unsolicited
  TenMinuteCount unsolicited;
  TenMinuteCount uncertain;
  TenMinuteCount surely;  // of the unsolicited ones
  TenMinuteDistinct networks;
  TenMinuteDistinct uncertain_networks;
  Onset<10, kMinute> onset;  // of both
  HourCount loops;
  Onset<12, 5 * kMinute> loop_onset;
  Look look;

  // For a joe job; for a loop.
  void Add(const FloodEvent& event, SketchBudget& budget) {
    onset.Add(event.at, event.weight);
    if (event.unsolicited) {
      activity.Add(event.at, event.weight);
      unsolicited.Add(event.at, event.weight);
      if (event.surely) surely.Add(event.at, event.weight);
      networks.Add(event.at, event.network_key, budget);
    } else {
      uncertain.Add(event.at, event.weight);
      uncertain_networks.Add(event.at, event.network_key, budget);
    }
  }
  void AddLoop(const FloodEvent& event) {
    loops.Add(event.at, event.weight);
    loop_onset.Add(event.at, event.weight);
  }
  double Score(PacketTime now) const {
    return activity.Sum(now) + uncertain.Sum(now) + loops.Sum(now);
  }
  void BeginAnew(FloodKind kind, SketchBudget& budget) {
    if (kind == FloodKind::kBounceLoop) {
      loops = {};
      loop_onset = {};
      return;
    }
    GiveUp(budget);
    unsolicited = uncertain = surely = {};
    onset = {};
  }
  void GiveUp(SketchBudget& budget) {
    networks.Clear(budget);
    uncertain_networks.Clear(budget);
  }
  void ClearOld(PacketTime now, SketchBudget& budget) {
    networks.ClearOld(now, budget);
    uncertain_networks.ClearOld(now, budget);
  }
  std::size_t MemoryBytes() const {
    return networks.MemoryBytes() + uncertain_networks.MemoryBytes();
  }
};

struct DomainWindows : Held {
  HourCount activity;  // unsolicited
  TenMinuteCount unknown_users;
  TenMinuteDistinct unknown_targets;
  TenMinuteDistinct unknown_networks;
  Onset<10, kMinute> unknown_onset;
  TenMinuteCount callouts;
  TenMinuteCount callouts_seen;     // each counted once, whatever it stands for
  TenMinuteDistinct callout_pairs;  // of network and target
  TenMinuteDistinct callout_networks;
  Onset<10, kMinute> callout_onset;
  Look unknown_look;
  Look callout_look;

  void AddUnknownUser(const FloodEvent& event, SketchBudget& budget) {
    unknown_users.Add(event.at, event.weight);
    unknown_onset.Add(event.at, event.weight);
    unknown_targets.Add(event.at, event.target_key, budget);
    unknown_networks.Add(event.at, event.network_key, budget);
  }
  void AddCallout(const FloodEvent& event, SketchBudget& budget) {
    callouts.Add(event.at, event.weight);
    callouts_seen.Add(event.at, 1);
    callout_pairs.Add(event.at, MixWords(event.network_key, event.target_key | 1), budget);
    callout_onset.Add(event.at, event.weight);
    callout_networks.Add(event.at, event.network_key, budget);
  }
  double Score(PacketTime now) const {
    return activity.Sum(now) + unknown_users.Sum(now) + callouts.Sum(now);
  }
  void BeginAnew(FloodKind kind, SketchBudget& budget) {
    if (kind == FloodKind::kCalloutStorm) {
      callouts = callouts_seen = {};
      callout_pairs.Clear(budget);
      callout_networks.Clear(budget);
      callout_onset = {};
      return;
    }
    unknown_users = {};
    unknown_targets.Clear(budget);
    unknown_networks.Clear(budget);
    unknown_onset = {};
  }
  void GiveUp(SketchBudget& budget) {
    unknown_targets.Clear(budget);
    unknown_networks.Clear(budget);
    callout_pairs.Clear(budget);
    callout_networks.Clear(budget);
  }
  void ClearOld(PacketTime now, SketchBudget& budget) {
    unknown_targets.ClearOld(now, budget);
    unknown_networks.ClearOld(now, budget);
    callout_pairs.ClearOld(now, budget);
    callout_networks.ClearOld(now, budget);
  }
  std::size_t MemoryBytes() const {
    return unknown_targets.MemoryBytes() + unknown_networks.MemoryBytes() +
           callout_pairs.MemoryBytes() + callout_networks.MemoryBytes();
  }
};

struct NetworkWindows : Held {
  HourCount activity;  // unsolicited
  HourCount unsolicited;
  HourDistinct targets;
  Onset<12, 5 * kMinute> onset;
  Look look;

  void Add(const FloodEvent& event, SketchBudget& budget) {
    activity.Add(event.at, event.weight);
    unsolicited.Add(event.at, event.weight);
    onset.Add(event.at, event.weight);
    targets.Add(event.at, event.target_key, budget);
  }
  double Score(PacketTime now) const { return activity.Sum(now); }
  void BeginAnew(FloodKind /*kind*/, SketchBudget& budget) {
    GiveUp(budget);
    unsolicited = {};
    onset = {};
  }
  void GiveUp(SketchBudget& budget) { targets.Clear(budget); }
  void ClearOld(PacketTime now, SketchBudget& budget) { targets.ClearOld(now, budget); }
  std::size_t MemoryBytes() const { return targets.MemoryBytes(); }
};

struct OverallWindows {
  HourCount emitted;
  Onset<12, 5 * kMinute> emitted_onset;

  void AddEmitted(const FloodEvent& event) {
    emitted.Add(event.at, event.weight);
    emitted_onset.Add(event.at, event.weight);
  }
};

}  // namespace backscatter
