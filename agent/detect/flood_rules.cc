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
  const double unsolicited = windows.unsolicited.Sum(state_.now);
  const double all = unsolicited + windows.uncertain.Sum(state_.now);
  if (all < limits.recipients) return std::nullopt;
  const std::optional<double> usual =
      state_.baselines.Usual(KeyOf(FloodKind::kJoeJob, target_key), state_.now, 10 * kMinute);
  if (usual && all < limits.baseline * *usual) return std::nullopt;
  if (unsolicited >= limits.recipients &&
      windows.networks.Estimate(state_.now) >= limits.networks) {
    return 2 * windows.surely.Sum(state_.now) >= unsolicited ? Confidence::kStrong
                                                             : Confidence::kMedium;
  }
  DistinctUnion networks;
  windows.networks.AddTo(networks, state_.now);
  windows.uncertain_networks.AddTo(networks, state_.now);
  if (networks.Estimate() < limits.networks) return std::nullopt;
  return Confidence::kWeak;
}

void FloodDetector::LookForJoeJob(const FloodEvent& event, TargetWindows& windows) {
  const double all = windows.unsolicited.Sum(state_.now) + windows.uncertain.Sum(state_.now);
  if (all < options_.thresholds.joe_job.recipients) return;
  if (!windows.look.IsDue(state_.now, all)) return;
  const std::optional<Confidence> confidence = JudgeJoeJob(event.target_key, windows);
  if (!confidence) return;
  if (Raise(FloodKind::kJoeJob, event, windows.onset.Start(state_.now), *confidence)) {
    LookForWidespread();
  }
}

void FloodDetector::LookForLoop(const FloodEvent& event, TargetWindows& windows) {
  if (IsOn(FloodKind::kBounceLoop, event.target_key)) return;
  const double loops = windows.loops.Sum(state_.now);
  if (loops < options_.thresholds.bounce_loop.recipients) return;
  Raise(FloodKind::kBounceLoop, event, windows.loop_onset.Start(state_.now), Confidence::kStrong);
}

void FloodDetector::LookForRandomRecipients(const FloodEvent& event, UnknownUserWindows& windows) {
  if (IsOn(FloodKind::kRandomRecipients, event.domain_key)) return;
  const auto& limits = options_.thresholds.random_recipients;
  const double unknown = windows.recipients.Sum(state_.now);
  if (unknown < limits.recipients || !windows.look.IsDue(state_.now, unknown)) return;
  if (windows.targets.Estimate(state_.now) < limits.distinct * unknown) return;
  if (windows.networks.Estimate(state_.now) < limits.networks) return;
  Raise(FloodKind::kRandomRecipients, event, windows.onset.Start(state_.now), Confidence::kMedium);
}

void FloodDetector::LookForCalloutStorm(const FloodEvent& event, CalloutWindows& windows) {
  if (IsOn(FloodKind::kCalloutStorm, event.domain_key)) return;
  const auto& limits = options_.thresholds.callout_storm;
  const double callouts = windows.callouts.Sum(state_.now);
  if (callouts < limits.recipients || !windows.look.IsDue(state_.now, callouts)) return;
  const std::optional<double> usual = state_.baselines.Usual(
      KeyOf(FloodKind::kCalloutStorm, event.domain_key), state_.now, 10 * kMinute);
  if (usual && callouts < limits.baseline * *usual) return;
  // One that asks the same again and again is no storm: each pair of network and target is one.
  const double each = callouts / windows.seen.Sum(state_.now);
  if (each * windows.pairs.Estimate(state_.now) < limits.recipients) return;
  if (windows.networks.Estimate(state_.now) < limits.networks) return;
  Raise(FloodKind::kCalloutStorm, event, windows.onset.Start(state_.now), Confidence::kStrong);
}

void FloodDetector::LookForEmitter(const FloodEvent& event, NetworkWindows& windows) {
  if (IsOn(FloodKind::kEmitter, event.network_key)) return;
  const auto& limits = options_.thresholds.emitter;
  const double unsolicited = windows.unsolicited.Sum(state_.now);
  if (unsolicited < limits.recipients || !windows.look.IsDue(state_.now, unsolicited)) return;
  if (windows.targets.Estimate(state_.now) < limits.targets) return;
  Raise(FloodKind::kEmitter, event, windows.onset.Start(state_.now), Confidence::kMedium);
}

void FloodDetector::LookForOwnEmission(const FloodEvent& event) {
  const double emitted = overall_.emitted.Sum(state_.now);
  if (emitted < options_.thresholds.own_emission.transactions) return;
  Raise(FloodKind::kOwnEmission, event, overall_.emitted_onset.Start(state_.now),
        Confidence::kStrong);
}

// Counts what is unsolicited, on whatever target; it began with the latest of the joe jobs that
// make it one. A joe job that has come to rest, but is not over yet, makes none.
void FloodDetector::LookForWidespread() {
  if (IsOn(FloodKind::kWidespread, 0)) return;
  double targets = 0;
  std::optional<PacketTime> start;
  Confidence confidence = Confidence::kStrong;
  for (const auto& [key, on] : state_.open) {
    const Flood& flood = on.flood.flood();
    if (flood.kind != FloodKind::kJoeJob || flood.confidence == Confidence::kWeak) continue;
    if (TimeBetween(flood.last, state_.now) > kMinute) continue;
    ++targets;
    start = std::max(start.value_or(flood.start), flood.start);
    confidence = std::max(confidence, flood.confidence);
  }
  if (targets < options_.thresholds.widespread.targets) return;
  Raise(FloodKind::kWidespread, {}, *start, confidence);
}

}  // namespace backscatter
