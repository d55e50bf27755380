// What the detector of floods counts for each target, domain and source network, and in all.
#pragma once

#include <cstddef>
#include <memory>

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/detect/flood_event.h"
#include "agent/detect/rolling_count.h"
#include "agent/detect/watched_state.h"

namespace backscatter {

using TenMinuteCount = RollingCount<10, kMinute>;
using HourCount = RollingCount<12, 5 * kMinute>;
using TenMinuteDistinct = RollingDistinct<10, kMinute>;
using HourDistinct = RollingDistinct<12, 5 * kMinute>;

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
struct TargetWindows {
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

  static bool CountsIn(PacketTime now, PacketTime at, bool was_unsolicited) {
    return was_unsolicited ? HourCount::Reaches(now, at) : TenMinuteCount::Reaches(now, at);
  }
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

// Bounces to users that a domain does not have.
struct UnknownUserWindows {
  TenMinuteCount recipients;
  TenMinuteDistinct targets;
  TenMinuteDistinct networks;
  Onset<10, kMinute> onset;
  Look look;

  void Add(const FloodEvent& event, SketchBudget& budget) {
    recipients.Add(event.at, event.weight);
    onset.Add(event.at, event.weight);
    targets.Add(event.at, event.target_key, budget);
    networks.Add(event.at, event.network_key, budget);
  }
  void GiveUp(SketchBudget& budget) {
    targets.Clear(budget);
    networks.Clear(budget);
  }
  void ClearOld(PacketTime now, SketchBudget& budget) {
    targets.ClearOld(now, budget);
    networks.ClearOld(now, budget);
  }
  std::size_t MemoryBytes() const { return targets.MemoryBytes() + networks.MemoryBytes(); }
};

struct CalloutWindows {
  TenMinuteCount callouts;
  TenMinuteCount seen;      // each counted once, whatever it stands for
  TenMinuteDistinct pairs;  // of network and target
  TenMinuteDistinct networks;
  Onset<10, kMinute> onset;
  Look look;

  void Add(const FloodEvent& event, SketchBudget& budget) {
    callouts.Add(event.at, event.weight);
    seen.Add(event.at, 1);
    pairs.Add(event.at, MixWords(event.network_key, event.target_key | 1), budget);
    onset.Add(event.at, event.weight);
    networks.Add(event.at, event.network_key, budget);
  }
  void GiveUp(SketchBudget& budget) {
    pairs.Clear(budget);
    networks.Clear(budget);
  }
  void ClearOld(PacketTime now, SketchBudget& budget) {
    pairs.ClearOld(now, budget);
    networks.ClearOld(now, budget);
  }
  std::size_t MemoryBytes() const { return pairs.MemoryBytes() + networks.MemoryBytes(); }
};

// Most domains have neither.
struct DomainWindows : Held {
  HourCount activity;  // unsolicited
  std::unique_ptr<UnknownUserWindows> unknown_users;
  std::unique_ptr<CalloutWindows> callouts;

  UnknownUserWindows& AddUnknownUser(const FloodEvent& event, SketchBudget& budget) {
    if (unknown_users == nullptr) unknown_users = std::make_unique<UnknownUserWindows>();
    unknown_users->Add(event, budget);
    return *unknown_users;
  }
  CalloutWindows& AddCallout(const FloodEvent& event, SketchBudget& budget) {
    if (callouts == nullptr) callouts = std::make_unique<CalloutWindows>();
    callouts->Add(event, budget);
    return *callouts;
  }
  double Score(PacketTime now) const {
    return activity.Sum(now) + (unknown_users ? unknown_users->recipients.Sum(now) : 0) +
           (callouts ? callouts->callouts.Sum(now) : 0);
  }
  void BeginAnew(FloodKind kind, SketchBudget& budget) {
    if (kind == FloodKind::kCalloutStorm) {
      if (callouts) callouts->GiveUp(budget);
      callouts.reset();
    } else {
      if (unknown_users) unknown_users->GiveUp(budget);
      unknown_users.reset();
    }
  }
  void GiveUp(SketchBudget& budget) {
    if (unknown_users) unknown_users->GiveUp(budget);
    if (callouts) callouts->GiveUp(budget);
  }
  void ClearOld(PacketTime now, SketchBudget& budget) {
    if (unknown_users) unknown_users->ClearOld(now, budget);
    if (callouts) callouts->ClearOld(now, budget);
  }
  // Outside of itself.
  std::size_t MemoryBytes() const {
    return (unknown_users ? sizeof(UnknownUserWindows) + 16 + unknown_users->MemoryBytes() : 0) +
           (callouts ? sizeof(CalloutWindows) + 16 + callouts->MemoryBytes() : 0);
  }
  static constexpr std::size_t kWindowsBytes =
      sizeof(UnknownUserWindows) + sizeof(CalloutWindows) + 32;
};

struct NetworkWindows {
  HourCount activity;  // unsolicited
  HourCount unsolicited;
  HourDistinct targets;
  Onset<12, 5 * kMinute> onset;
  Look look;

  static bool CountsIn(PacketTime now, PacketTime at, bool /*unsolicited*/) {
    return HourCount::Reaches(now, at);
  }
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
