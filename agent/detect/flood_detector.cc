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

// One that ended: its texts, its sources and itself.
constexpr std::size_t kEndedBytes = sizeof(Flood) + 2048;
constexpr double kNetworksOfFloodView = 10;  // DETECTION section 3, post-rules

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

// Bounces that we should not have made; the others were asked for, or are nobody's fault. Automatic
// answers are not among them: five an hour is any site in August.
bool IsOwnBackscatter(const Judgement& judgement) {
  return !judgement.retry && judgement.verdict == Verdict::kEmitted &&
         (judgement.reason == "accept_then_bounce" || judgement.reason == "forward");
}

bool IsOfTarget(FloodKind kind) {
  return kind == FloodKind::kJoeJob || kind == FloodKind::kBounceLoop;
}
bool IsOfDomain(FloodKind kind) {
  return kind == FloodKind::kRandomRecipients || kind == FloodKind::kCalloutStorm;
}

std::string_view ReturnedMessageId(const Transaction& transaction) {
  const MessageFacts* const facts = transaction.facts;
  if (facts == nullptr || facts->original_message_ids.empty()) return {};
  return facts->original_message_ids.front();
}

// How many an hour may become what is usual; nullopt: all of it.
std::optional<double> Teaches(bool flood_is_on, double in_ten_minutes) {
  return flood_is_on ? std::optional<double>(6 * in_ten_minutes) : std::nullopt;
}

}  // namespace

FloodDetector::FloodDetector(const FloodOptions& options, Ledger* ledger, FloodState kept)
    : options_(options),
      ledger_(*ledger),
      state_(std::move(kept)),
      resumes_(state_.now != 0),
      budget_{.left = options.sketches},
      targets_(options.targets_capacity, &budget_),
      domains_(options.targets_capacity / 8, &budget_),
      networks_(options.targets_capacity, &budget_) {
  if (resumes_) Recount();
}

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

FloodEvent FloodDetector::MakeEvent(const Transaction& transaction, const IpAddress& peer) const {
  FloodEvent event{.at = TimeOf(transaction), .weight = transaction.weight, .source = {}};
  event.SetSource(peer, state_.hash_key, options_.prefix_v4, options_.prefix_v6);
  return event;
}

void FloodDetector::OnReceived(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  const Judgement& judgement = judged.judgement;
  const bool unsolicited = IsUnsolicited(judgement);
  if ((!transaction.null_sender && !unsolicited) || !IsInTime(transaction)) return;
  FloodEvent event = MakeEvent(transaction, transaction.source);
  // What a flood made of it is no evidence for a flood: the next step down is counted.
  const bool owed = judgement.raised_by_flood && judgement.confidence != Confidence::kStrong;
  event.unsolicited = unsolicited && !owed;
  event.uncertain =
      owed || judgement.verdict == Verdict::kUnknown || judgement.verdict == Verdict::kNullOther;
  event.surely = event.unsolicited && judgement.confidence == Confidence::kStrong &&
                 !judgement.raised_by_flood;
  event.callout = judgement.verdict == Verdict::kCalloutProbe;
  event.loop = judgement.verdict == Verdict::kBounceLoop;
  const std::string_view message_id = ReturnedMessageId(transaction);
  for (const Recipient& recipient : transaction.recipients) {
    MakeCanonicalTarget(transaction.Text(recipient.address), options_.target, canonical_);
    event.target_key = KeyOf(canonical_.address);
    event.domain_key = KeyOf(canonical_.domain) ^ 1;  // no target's
    event.unknown_user = recipient.unknown_user && !IsRandomCallout(canonical_.address);
    Count(event, message_id);
  }
}

void FloodDetector::OnEmitted(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  if (!IsOwnBackscatter(judged.judgement) || !IsInTime(transaction)) return;
  FloodEvent event = MakeEvent(transaction, transaction.server.address);
  event.emitted = true;
  const std::string_view message_id = ReturnedMessageId(transaction);
  state_.recent.Add(event, message_id);
  overall_.AddEmitted(event);
  const auto on = state_.open.find(KeyOf(FloodKind::kOwnEmission, 0));
  if (on != state_.open.end()) {
    on->second.flood.Add(event, message_id, state_.budget);
  } else {
    LookForOwnEmission(event);
  }
}

void FloodDetector::Count(FloodEvent& event, std::string_view message_id) {
  state_.recent.Add(event, message_id);
  if (!state_.open.empty()) {
    for (std::size_t i = 0; i < kFloodKinds; ++i) {
      const auto kind = static_cast<FloodKind>(i);
      if (kind == FloodKind::kOwnEmission) continue;
      const auto on = state_.open.find(KeyOf(kind, event.KeyFor(kind)));
      if (on != state_.open.end()) on->second.flood.Add(event, message_id, state_.budget);
    }
  }
  CountTarget(event);
  CountDomain(event);
  if (event.unsolicited) CountNetwork(event);
}

void FloodDetector::CountTarget(const FloodEvent& event) {
  if (!event.unsolicited && !event.uncertain && !event.loop) return;
  WatchedState<TargetWindows>& state = targets_.At(event.target_key, state_.now);
  if (event.loop) {
    TargetWindows& windows = state.Whole(budget_);
    windows.AddLoop(event);
    LookForLoop(event, windows);
  }
  if (!event.unsolicited && !event.uncertain) return;
  const bool on = IsOn(FloodKind::kJoeJob, event.target_key);
  state_.baselines.Add(KeyOf(FloodKind::kJoeJob, event.target_key), state_.now, event.weight,
                       Teaches(on, options_.thresholds.joe_job.recipients));
  TargetWindows* const windows =
      state.Add(event, event.network_key, options_.thresholds.joe_job.recipients, budget_);
  if (windows != nullptr && !on) LookForJoeJob(event, *windows);
}

void FloodDetector::CountDomain(const FloodEvent& event) {
  if (!event.unsolicited && !event.unknown_user && !event.callout) return;
  DomainWindows& windows = domains_.At(event.domain_key, state_.now);
  if (event.unsolicited) windows.activity.Add(event.at, event.weight);
  if (event.unknown_user) {
    LookForRandomRecipients(event, windows.AddUnknownUser(event, budget_));
  }
  if (event.callout) {
    state_.baselines.Add(KeyOf(FloodKind::kCalloutStorm, event.domain_key), state_.now,
                         event.weight,
                         Teaches(IsOn(FloodKind::kCalloutStorm, event.domain_key),
                                 options_.thresholds.callout_storm.recipients));
    LookForCalloutStorm(event, windows.AddCallout(event, budget_));
  }
}

void FloodDetector::CountNetwork(const FloodEvent& event) {
  NetworkWindows* const windows =
      networks_.At(event.network_key, state_.now)
          .Add(event, event.target_key, options_.thresholds.emitter.recipients, budget_);
  if (windows != nullptr) LookForEmitter(event, *windows);
}

// One kind must not take the places of the others: whoever can make cheap ones of it would hide
// everything else. Of these two there is one at most.
bool FloodDetector::HasRoomFor(FloodKind kind, Confidence confidence) {
  if (kind == FloodKind::kOwnEmission || kind == FloodKind::kWidespread) return true;
  std::size_t of_kind = 0;
  std::optional<FloodKey> least;  // of the weak ones, by recipients
  std::uint64_t least_recipients = 0;
  for (const auto& [key, on] : state_.open) {
    const Flood& flood = on.flood.flood();
    if (flood.kind != kind) continue;
    ++of_kind;
    if (flood.confidence != Confidence::kWeak) continue;
    if (!least || flood.recipients < least_recipients) {
      least = key;
      least_recipients = flood.recipients;
    }
  }
  if (of_kind < std::max<std::size_t>(options_.open_capacity / 4, 1)) return true;
  if (least && confidence != Confidence::kWeak) {
    Clear(*least, state_.now);
    return true;
  }
  ledger_.Add(Loss::kDetectFloodsNotRaised);
  return false;
}

bool FloodDetector::Raise(FloodKind kind, const FloodEvent& event, PacketTime start,
                          Confidence confidence) {
  if (!HasRoomFor(kind, confidence)) return false;
  Flood flood{.kind = kind, .confidence = confidence, .start = start, .last = start};
  if (IsOfTarget(kind)) flood.target = canonical_.address;
  if (IsOfTarget(kind) || IsOfDomain(kind)) flood.domain = canonical_.domain;
  if (kind == FloodKind::kEmitter) {
    flood.network = NetworkName(event.source, options_.prefix_v4, options_.prefix_v6);
  }
  const std::uint64_t of = event.KeyFor(kind);
  const auto [on, fresh] = state_.open.try_emplace(
      KeyOf(kind, of), KeyedFlood{of, OpenFlood(std::move(flood), state_.now, ThresholdOf(kind))});
  if (!fresh) return false;
  OpenFlood& open = on->second.flood;
  state_.recent.ForEach([&](const RecentEvents::Entry& entry) {
    if (entry.event.at < start || entry.event.KeyFor(kind) != of) return;
    if (entry.event.emitted != (kind == FloodKind::kOwnEmission)) return;
    open.Add(entry.event, entry.MessageId(), state_.budget);
  });
  if (!state_.recent.Reaches(start)) open.SetBeginningUnseen();
  Hold(kind, of);
  if (listener_ != nullptr) listener_->OnRaised(open.Describe());
  return true;
}

void FloodDetector::Hold(FloodKind kind, std::uint64_t key) {
  if (IsOfTarget(kind)) targets_.At(key, state_.now).Hold();
  if (IsOfDomain(kind)) domains_.At(key, state_.now).Hold();
  if (kind == FloodKind::kEmitter) networks_.At(key, state_.now).Hold();
}

void FloodDetector::LetGo(FloodKind kind, std::uint64_t key) {
  if (auto* const target = IsOfTarget(kind) ? targets_.Find(key) : nullptr) {
    target->Release();
    target->Whole(budget_).BeginAnew(kind, budget_);
  }
  if (auto* const domain = IsOfDomain(kind) ? domains_.Find(key) : nullptr) {
    domain->Release();
    domain->BeginAnew(kind, budget_);
  }
  if (auto* const network = kind == FloodKind::kEmitter ? networks_.Find(key) : nullptr) {
    network->Release();
    network->Whole(budget_).BeginAnew(kind, budget_);
  }
  if (kind == FloodKind::kOwnEmission) {
    overall_.emitted = {};
    overall_.emitted_onset = {};
  }
}

void FloodDetector::Tick(PacketTime now) {
  state_.baselines.AdvanceTo(now);
  if (budget_.left == 0 && TimeBetween(swept_, now) >= kMinute) {
    swept_ = now;
    targets_.ClearOld(now);
    domains_.ClearOld(now);
    networks_.ClearOld(now);
  }
  std::vector<FloodKey> over;
  flooded_.clear();
  for (auto& [key, on] : state_.open) {
    OpenFlood& open = on.flood;
    if (open.IsOver(now)) {
      over.push_back(key);
      continue;
    }
    if (open.kind() == FloodKind::kJoeJob) {
      // What was only likely may have become sure.
      const WatchedState<TargetWindows>* const state = targets_.Find(on.key);
      const TargetWindows* const windows = state != nullptr ? state->windows() : nullptr;
      const auto confidence =
          windows != nullptr ? JudgeJoeJob(on.key, *windows) : std::optional<Confidence>();
      if (confidence && *confidence < open.flood().confidence) {
        const bool was_weak = open.flood().confidence == Confidence::kWeak;
        open.SetConfidence(*confidence);
        if (was_weak && listener_ != nullptr) listener_->OnRaised(open.Describe());
      }
      if (open.Describe().networks >= kNetworksOfFloodView) flooded_.insert(on.key);
    }
    if (open.IsDueForUpdate(now) && listener_ != nullptr) listener_->OnUpdated(open.Describe());
  }
  for (const FloodKey key : over) Clear(key, now);
  LookForWidespread();  // what has become sure counts there
}

void FloodDetector::Clear(FloodKey key, PacketTime now) {
  const auto found = state_.open.find(key);
  OpenFlood& open = found->second.flood;
  LetGo(open.kind(), found->second.key);
  state_.recent.Spend(open.kind(), found->second.key);
  ended_.push_back(open.DescribeEnded(now));
  if (listener_ != nullptr) listener_->OnCleared(ended_.back());
  open.GiveUp(state_.budget);
  state_.open.erase(found);
  if (ended_.size() > options_.ended_capacity) {
    ended_.pop_front();
    ledger_.Add(Loss::kDetectFloodsForgotten);
  }
}

std::vector<Flood> FloodDetector::Floods() const {
  std::vector<Flood> floods(ended_.begin(), ended_.end());
  for (const auto& [key, on] : state_.open) floods.push_back(on.flood.Describe());
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
  const std::size_t sketches = options_.sketches - budget_.left +
                               2 * (options_.open_capacity + FloodState::kBesideOpen) -
                               state_.budget.left;
  return targets_.MemoryBytes() + domains_.MemoryBytes() + networks_.MemoryBytes() +
         state_.baselines.MemoryBytes() + state_.recent.MemoryBytes() +
         ended_.size() * kEndedBytes + state_.open.capacity() * (sizeof(KeyedFlood) + 9) +
         state_.open.size() * OpenFlood::kMostBytesBeside + sketches * sizeof(SketchRegisters);
}

std::uint64_t FloodDetector::MostBytes(const FloodOptions& options) {
  constexpr std::uint64_t kFew = kExactThings * sizeof(std::uint32_t);
  const std::uint64_t targets = options.targets_capacity;
  const std::uint64_t open = options.open_capacity + FloodState::kBesideOpen;
  return WatchedKeys<WatchedState<TargetWindows>>::MostBytes(targets) +
         targets * (WatchedState<TargetWindows>::kWindowsBytes + 20 * kFew) +
         WatchedKeys<DomainWindows>::MostBytes(targets / 8) +
         targets / 8 * (DomainWindows::kWindowsBytes + 40 * kFew) +
         WatchedKeys<WatchedState<NetworkWindows>>::MostBytes(targets) +
         targets * (WatchedState<NetworkWindows>::kWindowsBytes + 12 * kFew) +
         Baselines::MostBytes(options.baselines_capacity) +
         (options.sketches + 2 * open) * sizeof(SketchRegisters) +
         options.recent_capacity * sizeof(RecentEvents::Entry) +
         17 * open / 8 * (sizeof(KeyedFlood) + 9) + open * OpenFlood::kMostBytesBeside +
         options.ended_capacity * kEndedBytes;
}

}  // namespace backscatter
