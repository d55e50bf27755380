// What the detector of floods counts for each target, domain and source network, and in all.
#pragma once

#include <cstddef>

#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
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

// What is compared with a threshold begins anew when a flood is over, else its own last bounces
// would make the next one; ActivityWindows go on.
struct TargetWindows : Held {
  ActivityWindows activity;  // unsolicited
  TenMinuteCount unsolicited;
  TenMinuteCount uncertain;
  TenMinuteCount surely;  // of the unsolicited ones
  TenMinuteDistinct networks;
  TenMinuteDistinct uncertain_networks;
  Onset<10, kMinute> onset;  // of both
  HourCount loops;
  Onset<12, 5 * kMinute> loop_onset;
  PacketTime looked_at = 0;

  double Score(PacketTime now) const { return activity.Hour(now) + uncertain.Sum(now); }
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
  std::size_t MemoryBytes() const {
    return networks.MemoryBytes() + uncertain_networks.MemoryBytes();
  }
};

struct DomainWindows : Held {
  ActivityWindows activity;  // unsolicited
  TenMinuteCount unknown_users;
  TenMinuteDistinct unknown_targets;
  TenMinuteDistinct unknown_networks;
  Onset<10, kMinute> unknown_onset;
  TenMinuteCount callouts;
  TenMinuteCount callouts_seen;     // each counted once, whatever it stands for
  TenMinuteDistinct callout_pairs;  // of network and target
  TenMinuteDistinct callout_networks;
  Onset<10, kMinute> callout_onset;
  PacketTime looked_at = 0;

  double Score(PacketTime now) const {
    return activity.Hour(now) + unknown_users.Sum(now) + callouts.Sum(now);
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
  std::size_t MemoryBytes() const {
    return unknown_targets.MemoryBytes() + unknown_networks.MemoryBytes() +
           callout_pairs.MemoryBytes() + callout_networks.MemoryBytes();
  }
};

struct NetworkWindows : Held {
  ActivityWindows activity;  // unsolicited
  HourCount unsolicited;
  HourDistinct targets;
  Onset<12, 5 * kMinute> onset;
  PacketTime looked_at = 0;

  double Score(PacketTime now) const { return activity.Hour(now); }
  void BeginAnew(FloodKind /*kind*/, SketchBudget& budget) {
    GiveUp(budget);
    unsolicited = {};
    onset = {};
  }
  void GiveUp(SketchBudget& budget) { targets.Clear(budget); }
  std::size_t MemoryBytes() const { return targets.MemoryBytes(); }
};

struct OverallWindows {
  ActivityWindows unsolicited;
  ActivityWindows all;  // null-sender RCPTs
  HourCount emitted;
  Onset<12, 5 * kMinute> emitted_onset;
};

}  // namespace backscatter
