#include "agent/detect/flood_detector.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/mail/direction.h"

namespace backscatter {
namespace {

constexpr PacketTime kTick = 10 * kSecond;
constexpr PacketTime kLongestWindow = 10 * kMinute;  // of those that are evaluated by the minute
constexpr double kNetworksOfFloodView = 10;          // DETECTION section 3, post-rules

std::string_view BytesOf(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
}

// Exim's call-outs also try an address that nobody has: HOST-SECONDS-testing@domain.
bool IsRandomCallout(std::string_view address) {
  constexpr std::string_view kEnd = "-testing";
  std::string_view local = address.substr(0, address.rfind('@'));
  if (!local.ends_with(kEnd)) return false;
  local.remove_suffix(kEnd.size());
  std::size_t digits = 0;
  while (!local.empty() && IsDigit(local.back())) {
    local.remove_suffix(1);
    ++digits;
  }
  return digits >= 9 && local.ends_with('-');
}

// Bounces that we should not have made; the others were asked for, or are nobody's fault.
bool IsOwnBackscatter(const Judgement& judgement) {
  static constexpr std::array<std::string_view, 3> kCauses = {"accept_then_bounce", "forward",
                                                              "autoreply"};
  return !judgement.retry && judgement.verdict == Verdict::kEmitted &&
         std::find(kCauses.begin(), kCauses.end(), judgement.reason) != kCauses.end();
}

bool IsOfTarget(FloodKind kind) {
  return kind == FloodKind::kJoeJob || kind == FloodKind::kBounceLoop;
}
bool IsOfDomain(FloodKind kind) {
  return kind == FloodKind::kRandomRecipients || kind == FloodKind::kCalloutStorm;
}

// How many an hour may become what is usual; nullopt: all of it.
std::optional<double> Teaches(bool flood_is_on, double in_ten_minutes) {
  return flood_is_on ? std::optional<double>(6 * in_ten_minutes) : std::nullopt;
}

}  // namespace

FloodDetector::FloodDetector(const FloodOptions& options, Ledger* ledger)
    : options_(options),
      ledger_(*ledger),
      budget_{.left = options.sketches},
      targets_(options.targets_capacity, &budget_),
      domains_(options.targets_capacity / 8, &budget_),
      networks_(options.targets_capacity, &budget_),
      baselines_(options.baselines_capacity),
      recent_(options.recent_capacity) {}

void FloodDetector::Reconfigure(const FloodOptions& options) {
  options_.thresholds = options.thresholds;
  options_.target = options.target;
}

void FloodDetector::OnTransaction(const JudgedTransaction& judged) {
  AdvanceTo(judged.transaction.end);
  if (judged.judgement.retry) return;
  if (judged.judgement.verdict == Verdict::kEmitted) {
    OnEmitted(judged);
  } else if (CountsAsReceived(judged.transaction, judged.direction)) {
    OnReceived(judged);
  }
}

void FloodDetector::OnReceived(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  const Judgement& judgement = judged.judgement;
  FloodEvent event{.at = transaction.end, .weight = transaction.weight};
  event.unsolicited = IsUnsolicited(judgement);
  if (!transaction.null_sender && !event.unsolicited) return;
  if (TimeBetween(transaction.end, now_) >= kLongestWindow) {
    ledger_.Add(Loss::kDetectLate, transaction.recipients.size());
    return;
  }
  event.uncertain =
      judgement.verdict == Verdict::kUnknown || judgement.verdict == Verdict::kNullOther;
  event.surely = event.unsolicited && judgement.confidence == Confidence::kStrong;
  event.callout = judgement.verdict == Verdict::kCalloutProbe;
  event.loop = judgement.verdict == Verdict::kBounceLoop;
  event.source = transaction.source;
  event.source_key = KeyOf(BytesOf(transaction.source));
  const IpAddress network = NetworkOf(transaction.source, options_.prefix_v4, options_.prefix_v6);
  event.network_key = KeyOf(BytesOf(network));
  const MessageFacts* const facts = transaction.facts;
  const std::string_view message_id = facts != nullptr && !facts->original_message_ids.empty()
                                          ? std::string_view(facts->original_message_ids.front())
                                          : std::string_view();
  for (const Recipient& recipient : transaction.recipients) {
    MakeCanonicalTarget(transaction.Text(recipient.address), options_.target, canonical_);
    event.target_key = KeyOf(canonical_.address);
    event.domain_key = KeyOf(canonical_.domain) ^ 1;  // no target's
    event.unknown_user = recipient.unknown_user && !IsRandomCallout(canonical_.address);
    Count(event, message_id);
  }
}

void FloodDetector::OnEmitted(const JudgedTransaction& judged) {
  if (!IsOwnBackscatter(judged.judgement)) return;
  const Transaction& transaction = judged.transaction;
  FloodEvent event{.at = std::max(transaction.end, now_ - kLongestWindow),
                   .weight = transaction.weight,
                   .emitted = true,
                   .source = transaction.server.address};
  event.source_key = KeyOf(BytesOf(event.source));
  event.network_key =
      KeyOf(BytesOf(NetworkOf(event.source, options_.prefix_v4, options_.prefix_v6)));
  const MessageFacts* const facts = transaction.facts;
  const std::string_view message_id = facts != nullptr && !facts->original_message_ids.empty()
                                          ? std::string_view(facts->original_message_ids.front())
                                          : std::string_view();
  recent_.Add(event, message_id);
  overall_.emitted.Add(event.at, event.weight);
  overall_.emitted_onset.Add(event.at, event.weight);
  const auto on = open_.find(KeyOf(FloodKind::kOwnEmission, 0));
  if (on != open_.end()) {
    on->second.flood.Add(event, message_id, budget_);
  } else {
    LookForOwnEmission(event);
  }
}

void FloodDetector::Count(FloodEvent& event, std::string_view message_id) {
  overall_.all.Add(event.at, event.weight);
  if (event.unsolicited) overall_.unsolicited.Add(event.at, event.weight);
  recent_.Add(event, message_id);
  if (!open_.empty()) {
    for (std::size_t i = 0; i < kFloodKinds; ++i) {
      const auto kind = static_cast<FloodKind>(i);
      if (kind == FloodKind::kOwnEmission) continue;
      const auto on = open_.find(KeyOf(kind, event.KeyFor(kind)));
      if (on != open_.end()) on->second.flood.Add(event, message_id, budget_);
    }
  }
  CountTarget(event);
  CountDomain(event);
  if (event.unsolicited) CountNetwork(event);
}

void FloodDetector::CountTarget(const FloodEvent& event) {
  if (!event.unsolicited && !event.uncertain && !event.loop) return;
  TargetWindows& windows = targets_.At(event.target_key, now_);
  if (event.loop) {
    windows.loops.Add(event.at, event.weight);
    windows.loop_onset.Add(event.at, event.weight);
    LookForLoop(event, windows);
  }
  if (!event.unsolicited && !event.uncertain) return;
  const bool on = IsOn(FloodKind::kJoeJob, event.target_key);
  baselines_.Add(KeyOf(FloodKind::kJoeJob, event.target_key), now_, event.weight,
                 Teaches(on, options_.thresholds.joe_job.recipients));
  windows.onset.Add(event.at, event.weight);
  if (event.unsolicited) {
    windows.activity.Add(event.at, event.weight);
    windows.unsolicited.Add(event.at, event.weight);
    if (event.surely) windows.surely.Add(event.at, event.weight);
    windows.networks.Add(event.at, event.network_key, budget_);
  } else {
    windows.uncertain.Add(event.at, event.weight);
    windows.uncertain_networks.Add(event.at, event.network_key, budget_);
  }
  if (!on) LookForJoeJob(event, windows);
}

void FloodDetector::CountDomain(const FloodEvent& event) {
  if (!event.unsolicited && !event.unknown_user && !event.callout) return;
  DomainWindows& windows = domains_.At(event.domain_key, now_);
  if (event.unsolicited) windows.activity.Add(event.at, event.weight);
  if (event.unknown_user) {
    windows.unknown_users.Add(event.at, event.weight);
    windows.unknown_onset.Add(event.at, event.weight);
    windows.unknown_targets.Add(event.at, event.target_key, budget_);
    windows.unknown_networks.Add(event.at, event.network_key, budget_);
    LookForRandomRecipients(event, windows);
  }
  if (event.callout) {
    baselines_.Add(KeyOf(FloodKind::kCalloutStorm, event.domain_key), now_, event.weight,
                   Teaches(IsOn(FloodKind::kCalloutStorm, event.domain_key),
                           options_.thresholds.callout_storm.recipients));
    windows.callouts.Add(event.at, event.weight);
    windows.callouts_seen.Add(event.at, 1);
    windows.callout_pairs.Add(event.at, MixWords(event.network_key, event.target_key | 1), budget_);
    windows.callout_onset.Add(event.at, event.weight);
    windows.callout_networks.Add(event.at, event.network_key, budget_);
    LookForCalloutStorm(event, windows);
  }
}

void FloodDetector::CountNetwork(const FloodEvent& event) {
  NetworkWindows& windows = networks_.At(event.network_key, now_);
  windows.activity.Add(event.at, event.weight);
  windows.unsolicited.Add(event.at, event.weight);
  windows.onset.Add(event.at, event.weight);
  windows.targets.Add(event.at, event.target_key, budget_);
  LookForEmitter(event, windows);
}

bool FloodDetector::Raise(FloodKind kind, const FloodEvent& event, PacketTime start,
                          Confidence confidence, double in_window) {
  if (open_.size() >= options_.open_capacity) {
    ledger_.Add(Loss::kDetectFloodsNotKept);
    return false;
  }
  Flood flood{.kind = kind, .confidence = confidence, .start = start, .last = now_};
  if (IsOfTarget(kind)) flood.target = canonical_.address;
  if (IsOfTarget(kind) || IsOfDomain(kind)) flood.domain = canonical_.domain;
  if (kind == FloodKind::kEmitter) {
    flood.network = NetworkName(event.source, options_.prefix_v4, options_.prefix_v6);
  }
  const std::uint64_t of = event.KeyFor(kind);
  const auto [on, fresh] = open_.try_emplace(
      KeyOf(kind, of), Keyed{of, OpenFlood(std::move(flood), now_, ThresholdOf(kind))});
  if (!fresh) return false;
  OpenFlood& open = on->second.flood;
  recent_.ForEach([&](const RecentEvents::Entry& entry) {
    if (entry.event.at < start || entry.event.KeyFor(kind) != of) return;
    if (entry.event.emitted != (kind == FloodKind::kOwnEmission)) return;
    open.Add(entry.event, entry.MessageId(), budget_);
  });
  if (!recent_.Reaches(start)) {
    open.AddUnseen(std::max(0.0, in_window - open.flood().estimated_recipients));
  }
  Hold(kind, of);
  if (listener_ != nullptr) listener_->OnRaised(open.Describe());
  return true;
}

void FloodDetector::Hold(FloodKind kind, std::uint64_t key) {
  if (Held* const windows = WindowsOf(kind, key)) windows->Hold();
}

void FloodDetector::LetGo(FloodKind kind, std::uint64_t key) {
  const auto begin_anew = [&](auto* windows) {
    if (windows == nullptr) return;
    windows->Release();
    windows->BeginAnew(kind, budget_);
  };
  if (IsOfTarget(kind)) begin_anew(targets_.Find(key));
  if (IsOfDomain(kind)) begin_anew(domains_.Find(key));
  if (kind == FloodKind::kEmitter) begin_anew(networks_.Find(key));
  if (kind == FloodKind::kOwnEmission) {
    overall_.emitted = {};
    overall_.emitted_onset = {};
  }
}

Held* FloodDetector::WindowsOf(FloodKind kind, std::uint64_t key) {
  if (IsOfTarget(kind)) return targets_.Find(key);
  if (IsOfDomain(kind)) return domains_.Find(key);
  return kind == FloodKind::kEmitter ? networks_.Find(key) : nullptr;
}

void FloodDetector::AdvanceTo(PacketTime now) {
  if (now <= now_) return;
  now_ = now;
  if (PartOf(now_, kTick) == PartOf(ticked_, kTick)) return;
  ticked_ = now_;
  Tick(now_);
}

void FloodDetector::Tick(PacketTime now) {
  baselines_.AdvanceTo(now);
  std::vector<FloodKey> over;
  flooded_.clear();
  for (auto& [key, on] : open_) {
    OpenFlood& open = on.flood;
    if (open.IsOver(now)) {
      over.push_back(key);
      continue;
    }
    if (open.kind() == FloodKind::kJoeJob) {
      // What was only likely may have become sure.
      const TargetWindows* const windows = targets_.Find(on.key);
      const auto confidence =
          windows != nullptr ? JudgeJoeJob(on.key, *windows) : std::optional<Confidence>();
      if (confidence && *confidence < open.flood().confidence) open.SetConfidence(*confidence);
      if (open.Describe().networks >= kNetworksOfFloodView) flooded_.insert(on.key);
    }
    if (open.IsDueForUpdate(now) && listener_ != nullptr) listener_->OnUpdated(open.Describe());
  }
  for (const FloodKey key : over) Clear(key, now);
  LookForWidespread();  // what has become sure counts there
}

void FloodDetector::Clear(FloodKey key, PacketTime now) {
  const auto found = open_.find(key);
  OpenFlood& open = found->second.flood;
  LetGo(open.kind(), found->second.key);
  ended_.push_back(open.DescribeEnded(now));
  if (listener_ != nullptr) listener_->OnCleared(ended_.back());
  open.GiveUp(budget_);
  open_.erase(found);
  if (ended_.size() > options_.ended_capacity) {
    ended_.pop_front();
    ledger_.Add(Loss::kDetectFloodsNotKept);
  }
}

std::vector<Flood> FloodDetector::Floods() const {
  std::vector<Flood> floods(ended_.begin(), ended_.end());
  for (const auto& [key, on] : open_) floods.push_back(on.flood.Describe());
  std::sort(floods.begin(), floods.end(), [](const Flood& a, const Flood& b) {
    return std::tie(a.start, a.kind, a.domain, a.target, a.network) <
           std::tie(b.start, b.kind, b.domain, b.target, b.network);
  });
  return floods;
}

bool FloodDetector::IsFlooded(std::string_view canonical_target) const {
  return flooded_.contains(KeyOf(canonical_target));
}

std::size_t FloodDetector::MemoryBytes() const {
  return targets_.MemoryBytes() + domains_.MemoryBytes() + networks_.MemoryBytes() +
         baselines_.MemoryBytes() + open_.capacity() * (sizeof(Keyed) + 9) +
         (options_.sketches - budget_.left) * sizeof(SketchRegisters);
}

std::uint64_t FloodDetector::MostBytes(const FloodOptions& options) {
  constexpr std::uint64_t kFew = kExactThings * sizeof(std::uint32_t);
  const std::uint64_t targets = options.targets_capacity;
  return WatchedKeys<TargetWindows>::MostBytes(targets) + targets * 20 * kFew +
         WatchedKeys<DomainWindows>::MostBytes(targets / 8) + targets / 8 * 30 * kFew +
         WatchedKeys<NetworkWindows>::MostBytes(targets) + targets * 12 * kFew +
         Baselines::MostBytes(options.baselines_capacity) +
         options.sketches * sizeof(SketchRegisters) +
         options.recent_capacity * sizeof(RecentEvents::Entry) +
         2 * options.open_capacity *
             (sizeof(Keyed) + OpenFlood::kSourcesKept * sizeof(FloodSource) + 12288) +
         options.ended_capacity * 4096;
}

}  // namespace backscatter
