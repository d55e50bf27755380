#include "agent/detect/open_flood.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace backscatter {
namespace {

constexpr double kOverShare = 0.2;
constexpr double kQuietRecipients = 30;

bool IsAboutUnsolicited(FloodKind kind) {
  return kind != FloodKind::kCalloutStorm && kind != FloodKind::kOwnEmission &&
         kind != FloodKind::kBounceLoop;
}

}  // namespace

PacketTime FloodWindow(FloodKind kind) {
  switch (kind) {
    case FloodKind::kJoeJob:
    case FloodKind::kRandomRecipients:
    case FloodKind::kCalloutStorm:
    case FloodKind::kWidespread:
      return 10 * kMinute;
    case FloodKind::kEmitter:
    case FloodKind::kOwnEmission:
    case FloodKind::kBounceLoop:
      return kHour;
  }
  return kHour;
}

void OpenFlood::Add(const FloodEvent& event, std::string_view message_id, SketchBudget& budget) {
  all_ += event.weight;
  if (event.unsolicited) unsolicited_ += event.weight;
  if (!event.Counts(flood_.kind)) return;
  if (event.uncertain && flood_.confidence != Confidence::kWeak) return;
  ++flood_.recipients;
  flood_.estimated_recipients += event.weight;
  flood_.last = std::max(flood_.last, event.at);
  float& minute = minutes_.At(event.at, [](float& part) { part = 0; });
  minute += static_cast<float>(event.weight);
  peak_ = std::max(peak_, static_cast<double>(minute));
  sources_.Add(event.source_key, budget);
  networks_.Add(event.network_key, budget);
  CountSource(event.source);
  message_id = message_id.substr(0, RecentEvents::kMostMessageId);
  std::vector<std::string>& ids = flood_.example_message_ids;
  if (!message_id.empty() && ids.size() < kMessageIdsTold &&
      std::find(ids.begin(), ids.end(), message_id) == ids.end()) {
    ids.emplace_back(message_id);
  }
}

void OpenFlood::CountSource(const IpAddress& source) {
  const auto found = std::find_if(top_sources_.begin(), top_sources_.end(),
                                  [&](const FloodSource& one) { return one.address == source; });
  if (found != top_sources_.end()) {
    ++found->recipients;
    return;
  }
  if (top_sources_.size() < kSourcesKept) {
    top_sources_.push_back({source, 1});
    return;
  }
  for (FloodSource& one : top_sources_) --one.recipients;
  std::erase_if(top_sources_, [](const FloodSource& one) { return one.recipients == 0; });
}

PacketTime OpenFlood::QuietWindow() const {
  const PacketTime longest = FloodWindow(flood_.kind);
  const PacketTime lasted = std::max(TimeBetween(flood_.start, flood_.last), PacketTime{kMinute});
  const double of_thirty = kQuietRecipients / std::max(flood_.estimated_recipients, 1.0);
  const double minutes = std::ceil(of_thirty * static_cast<double>(lasted / kSecond) / 60);
  return std::clamp(static_cast<PacketTime>(std::min(minutes, 60.0)) * kMinute, longest / 10,
                    longest);
}

bool OpenFlood::IsOver(PacketTime now) const {
  const PacketTime window = QuietWindow();
  const PacketTime until = PartOf(now, kMinute) * kMinute;
  if (TimeBetween(watched_since_, until) < 3 * window) return false;
  std::array<double, 3> counts{};
  minutes_.ForEach(now, [&](PacketTime minute, float count) {
    if (minute >= until) return;
    const auto back = static_cast<std::size_t>((until - minute - 1) / window);
    if (back < counts.size()) counts[back] += static_cast<double>(count);
  });
  const double few = std::min(
      kOverShare * peak_ * static_cast<double>(window) / static_cast<double>(kMinute),
      threshold_ / 2 * static_cast<double>(window) / static_cast<double>(FloodWindow(flood_.kind)));
  return std::all_of(counts.begin(), counts.end(),
                     [&](double count) { return count == 0 || count < few; });
}

bool OpenFlood::IsDueForUpdate(PacketTime now) {
  if (TimeBetween(std::max(updated_, watched_since_), now) < kMinute) return false;
  updated_ = now;
  return true;
}

Flood OpenFlood::Describe() const {
  Flood told = flood_;
  const auto estimate = [](const DistinctCounter& counter) {
    DistinctUnion all;
    all.Add(counter);
    // An estimate must not look like a number that is exact.
    return counter.exact() ? all.Estimate() : std::max(all.Estimate(), kMostExactThings + 1.0);
  };
  told.sources = estimate(sources_);
  told.networks = std::min(estimate(networks_), told.sources);
  if (IsAboutUnsolicited(flood_.kind) && all_ > 0) told.share_unsolicited = unsolicited_ / all_;
  told.peak_per_minute = peak_;
  told.top_sources = top_sources_;
  std::sort(told.top_sources.begin(), told.top_sources.end(),
            [](const FloodSource& a, const FloodSource& b) {
              return a.recipients != b.recipients ? a.recipients > b.recipients
                                                  : a.address < b.address;
            });
  if (told.top_sources.size() > kSourcesTold) told.top_sources.resize(kSourcesTold);
  return told;
}

Flood OpenFlood::DescribeEnded(PacketTime now) const {
  Flood told = Describe();
  // Where a trickle goes on, what came in the quiet windows is no part of it.
  told.end = std::max(told.start, std::min(told.last, now - 3 * QuietWindow()));
  return told;
}

}  // namespace backscatter
