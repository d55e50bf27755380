// Time in the detector of floods: clocks that are wrong, and what an earlier run left.
#include <algorithm>
#include <vector>

#include "agent/detect/flood_detector.h"

namespace backscatter {
namespace {

constexpr PacketTime kTick = 10 * kSecond;
// A session that hangs is told when it is given up, fifteen minutes after its last octet. It counts
// as far back as windows go that are made of minutes.
constexpr PacketTime kLate = 20 * kMinute;
constexpr PacketTime kFarthestBack = 9 * kMinute;
constexpr PacketTime kShortlyAway = 10 * kMinute;
constexpr int kLateMeansWrong = 100;  // in a row: the clock is what is wrong

PacketTime Believable(PacketTime time) { return std::clamp(time, -kFarthestTime, kFarthestTime); }

}  // namespace

PacketTime FloodDetector::TimeOf(const Transaction& transaction) const {
  return std::max(Believable(transaction.end), state_.now - kFarthestBack);
}

bool FloodDetector::IsInTime(const Transaction& transaction) {
  const PacketTime end = Believable(transaction.end);
  if (TimeBetween(end, state_.now) < kLate) {
    late_in_a_row_ = 0;
    return true;
  }
  ledger_.Add(Loss::kDetectLate, transaction.recipients.size());
  if (++late_in_a_row_ >= kLateMeansWrong) BeginAnew(end);
  return false;
}

void FloodDetector::BeginAnew(PacketTime now) {
  std::vector<FloodKey> all;
  for (const auto& [key, on] : state_.open) all.push_back(key);
  for (const FloodKey key : all) Clear(key, state_.now);
  targets_.Clear();
  domains_.Clear();
  networks_.Clear();
  overall_ = {};
  state_.baselines.BeginAnew();
  state_.recent.Clear();
  flooded_.clear();
  state_.now = ticked_ = swept_ = now;
  late_in_a_row_ = 0;
}

void FloodDetector::Recount() {
  const PacketTime now = state_.now;
  state_.recent.ForEach([&](const RecentEvents::Entry& entry) {
    const FloodEvent& event = entry.event;
    const auto counts = [&](FloodKind kind) {
      return event.Counts(kind) && !entry.IsSpentFor(kind);
    };
    if (event.at > now || TimeBetween(event.at, now) > kHour) return;
    if (counts(FloodKind::kOwnEmission)) overall_.AddEmitted(event);
    if (event.emitted) return;
    if (counts(FloodKind::kJoeJob)) {
      targets_.At(event.target_key, now).Whole(budget_).Add(event, budget_);
    }
    if (counts(FloodKind::kBounceLoop)) {
      targets_.At(event.target_key, now).Whole(budget_).AddLoop(event);
    }
    if (counts(FloodKind::kRandomRecipients)) {
      domains_.At(event.domain_key, now).AddUnknownUser(event, budget_);
    }
    if (counts(FloodKind::kCalloutStorm)) {
      domains_.At(event.domain_key, now).AddCallout(event, budget_);
    }
    if (counts(FloodKind::kEmitter)) {
      networks_.At(event.network_key, now).Whole(budget_).Add(event, budget_);
    }
  });
  for (const auto& [key, on] : state_.open) Hold(on.flood.kind(), on.key);
}

void FloodDetector::Resume(PacketTime now) {
  resumes_ = false;
  if (TimeBetween(now, state_.now) >= kLate) return BeginAnew(now);  // then or now it is wrong
  const PacketTime away = TimeBetween(state_.now, now);
  std::vector<FloodKey> over;
  for (auto& [key, on] : state_.open) {
    if (away > 3 * FloodWindow(on.flood.kind())) over.push_back(key);
    on.flood.Resume(now);
  }
  for (const FloodKey key : over) Clear(key, now);
  // An hour of which much was not watched teaches nothing.
  if (away > kShortlyAway && PartOf(now, kHour) != state_.baselines.hour()) {
    state_.baselines.BeginAnew();
  }
}

void FloodDetector::AdvanceTo(PacketTime now) {
  now = Believable(now);
  if (resumes_) Resume(now);
  if (now <= state_.now) return;
  state_.now = now;
  if (PartOf(state_.now, kTick) == PartOf(ticked_, kTick)) return;
  ticked_ = state_.now;
  Tick(state_.now);
}

void FloodDetector::SetBack(PacketTime now) {
  now = Believable(now);
  if (TimeBetween(now, state_.now) >= kLate) BeginAnew(now);
}

}  // namespace backscatter
