// When the detector of floods takes something for one: DETECTION section 3, and the thresholds.
#include <algorithm>
#include <optional>

#include "agent/detect/flood_detector.h"

namespace backscatter {

double FloodDetector::ThresholdOf(FloodKind kind) const {
  const FloodThresholds& limits = options_.thresholds;
  switch (kind) {
    case FloodKind::kJoeJob:
      return limits.joe_job.recipients;
    case FloodKind::kRandomRecipients:
      return limits.random_recipients.recipients;
    case FloodKind::kEmitter:
      return limits.emitter.recipients;
    case FloodKind::kCalloutStorm:
      return limits.callout_storm.recipients;
    case FloodKind::kOwnEmission:
      return limits.own_emission.transactions;
    case FloodKind::kBounceLoop:
      return limits.bounce_loop.recipients;
    case FloodKind::kWidespread:
      return limits.widespread.targets * limits.joe_job.recipients;
  }
  return 0;
}

std::optional<Confidence> FloodDetector::JudgeJoeJob(std::uint64_t target_key,
                                                     const TargetWindows& windows) const {
  const auto& limits = options_.thresholds.joe_job;
  const double unsolicited = windows.unsolicited.Sum(now_);
  const double all = unsolicited + windows.uncertain.Sum(now_);
  if (all < limits.recipients) return std::nullopt;
  const std::optional<double> usual =
      baselines_.Usual(KeyOf(FloodKind::kJoeJob, target_key), now_, 10 * kMinute);
  if (usual && all < limits.baseline * *usual) return std::nullopt;
  if (unsolicited >= limits.recipients && windows.networks.Estimate(now_) >= limits.networks) {
    return 2 * windows.surely.Sum(now_) >= unsolicited ? Confidence::kStrong : Confidence::kMedium;
  }
  DistinctUnion networks;
  windows.networks.AddTo(networks, now_);
  windows.uncertain_networks.AddTo(networks, now_);
  if (networks.Estimate() < limits.networks) return std::nullopt;
  return Confidence::kWeak;
}

void FloodDetector::LookForJoeJob(const FloodEvent& event, TargetWindows& windows) {
  const double all = windows.unsolicited.Sum(now_) + windows.uncertain.Sum(now_);
  if (all < options_.thresholds.joe_job.recipients) return;
  if (!windows.look.IsDue(now_, all)) return;
  const std::optional<Confidence> confidence = JudgeJoeJob(event.target_key, windows);
  if (!confidence) return;
  if (Raise(FloodKind::kJoeJob, event, windows.onset.Start(now_), *confidence)) {
    LookForWidespread();
  }
}

void FloodDetector::LookForLoop(const FloodEvent& event, TargetWindows& windows) {
  if (IsOn(FloodKind::kBounceLoop, event.target_key)) return;
  const double loops = windows.loops.Sum(now_);
  if (loops < options_.thresholds.bounce_loop.recipients) return;
  Raise(FloodKind::kBounceLoop, event, windows.loop_onset.Start(now_), Confidence::kStrong);
}

void FloodDetector::LookForRandomRecipients(const FloodEvent& event, DomainWindows& windows) {
  if (IsOn(FloodKind::kRandomRecipients, event.domain_key)) return;
  const auto& limits = options_.thresholds.random_recipients;
  const double unknown = windows.unknown_users.Sum(now_);
  if (unknown < limits.recipients || !windows.unknown_look.IsDue(now_, unknown)) return;
  if (windows.unknown_targets.Estimate(now_) < limits.distinct * unknown) return;
  if (windows.unknown_networks.Estimate(now_) < limits.networks) return;
  Raise(FloodKind::kRandomRecipients, event, windows.unknown_onset.Start(now_),
        Confidence::kMedium);
}

void FloodDetector::LookForCalloutStorm(const FloodEvent& event, DomainWindows& windows) {
  if (IsOn(FloodKind::kCalloutStorm, event.domain_key)) return;
  const auto& limits = options_.thresholds.callout_storm;
  const double callouts = windows.callouts.Sum(now_);
  if (callouts < limits.recipients || !windows.callout_look.IsDue(now_, callouts)) return;
  const std::optional<double> usual =
      baselines_.Usual(KeyOf(FloodKind::kCalloutStorm, event.domain_key), now_, 10 * kMinute);
  if (usual && callouts < limits.baseline * *usual) return;
  // One that asks the same again and again is no storm: each pair of network and target is one.
  const double each = callouts / windows.callouts_seen.Sum(now_);
  if (each * windows.callout_pairs.Estimate(now_) < limits.recipients) return;
  if (windows.callout_networks.Estimate(now_) < limits.networks) return;
  Raise(FloodKind::kCalloutStorm, event, windows.callout_onset.Start(now_), Confidence::kStrong);
}

void FloodDetector::LookForEmitter(const FloodEvent& event, NetworkWindows& windows) {
  if (IsOn(FloodKind::kEmitter, event.network_key)) return;
  const auto& limits = options_.thresholds.emitter;
  const double unsolicited = windows.unsolicited.Sum(now_);
  if (unsolicited < limits.recipients || !windows.look.IsDue(now_, unsolicited)) return;
  if (windows.targets.Estimate(now_) < limits.targets) return;
  Raise(FloodKind::kEmitter, event, windows.onset.Start(now_), Confidence::kMedium);
}

void FloodDetector::LookForOwnEmission(const FloodEvent& event) {
  const double emitted = overall_.emitted.Sum(now_);
  if (emitted < options_.thresholds.own_emission.transactions) return;
  Raise(FloodKind::kOwnEmission, event, overall_.emitted_onset.Start(now_), Confidence::kStrong);
}

// Counts what is unsolicited, on whatever target; it began with the latest of the joe jobs that
// make it one. A joe job that has come to rest, but is not over yet, makes none.
void FloodDetector::LookForWidespread() {
  if (IsOn(FloodKind::kWidespread, 0)) return;
  double targets = 0;
  std::optional<PacketTime> start;
  Confidence confidence = Confidence::kStrong;
  for (const auto& [key, on] : open_) {
    const Flood& flood = on.flood.flood();
    if (flood.kind != FloodKind::kJoeJob || flood.confidence == Confidence::kWeak) continue;
    if (TimeBetween(flood.last, now_) > kMinute) continue;
    ++targets;
    start = std::max(start.value_or(flood.start), flood.start);
    confidence = std::max(confidence, flood.confidence);
  }
  if (targets < options_.thresholds.widespread.targets) return;
  Raise(FloodKind::kWidespread, {}, *start, confidence);
}

}  // namespace backscatter
