// Counting the RCPTs that wait.
#include <algorithm>

#include "agent/report/tally.h"

namespace backscatter {
namespace {

constexpr std::string_view kNoName = "-";

}  // namespace

void Tally::CountWaiting() {
  AskForMemory();
  for (Waiting& waiting : waiting_) Count(waiting);
  waiting_.clear();
  waiting_text_.clear();
}

// Rounds, since what to ask for next is in what the round before brings. Only hints: nothing that
// is found here is believed by Count.
void Tally::AskForMemory() {
  for (Waiting& waiting : waiting_) {
    if (targets_.Guess(waiting.address_hash) == kNoRow) Resolve(waiting);
  }
  for (Waiting& waiting : waiting_) {
    waiting.source_guess = sources_.Guess(waiting.source_hash);
    waiting.target_guess = targets_.Guess(waiting.address_hash);
    sources_.PrefetchRow(waiting.source_guess);
    targets_.PrefetchRow(waiting.target_guess);
    target_sources_.Prefetch(waiting.target_guess, waiting.source_guess);
  }
  for (const Waiting& waiting : waiting_) {
    sources_.PrefetchKey(waiting.source_guess);
    targets_.PrefetchKey(waiting.target_guess);
    if (waiting.target_guess == kNoRow) continue;
    const std::uint32_t domain = targets_.at(waiting.target_guess).domain;
    domains_.PrefetchRow(domain);
    domain_sources_.Prefetch(domain, waiting.source_guess);
  }
}

void Tally::Count(Waiting& waiting) {
  const std::uint32_t source = SourceRow(waiting.source, waiting.source_hash);
  const Place place = PlaceOf(waiting);
  CountReply(waiting, targets_.at(place.target));
  AddressRow& source_row = sources_.at(source);
  CountReply(waiting, source_row);
  source_row.recipients += waiting.not_kept;
  source_row.estimated += waiting.weight * waiting.not_kept;
  if (!waiting.retry) source_row.AddVerdict(waiting.verdict, waiting.not_kept);
  unplaced_recipients_ += waiting.not_kept;
  DomainRow& domain = domains_.at(place.domain);
  ++domain.recipients;
  domain.estimated += waiting.weight;
  if (waiting.unknown_user) ++domain.unknown_user;
  CountPairs(place, source);
}

void Tally::CountReply(const Waiting& waiting, AddressRow& row) {
  ++row.recipients;
  row.estimated += waiting.weight;
  row.first = std::min(row.first, waiting.at);
  row.last = std::max(row.last, waiting.at);
  switch (waiting.reply / 100) {
    case 2:
      ++row.accepted;
      break;
    case 4:
      ++row.deferred;
      break;
    case 5:
      ++row.refused;
      break;
    default:
      break;  // no reply seen, or one that settles nothing
  }
  if (waiting.delivered) ++row.delivered;
  if (!waiting.retry) row.AddVerdict(waiting.verdict, 1);
}

void Tally::CountPairs(Place place, std::uint32_t source) {
  AddressRow& target = targets_.at(place.target);
  const bool usual_domain = target.domain == place.domain;
  switch (target_sources_.Add(place.target, source)) {
    case PairSet::Added::kKnown:
      if (usual_domain) return;  // the domain's pair came with it
      break;
    case PairSet::Added::kNew:
      ++target.distinct;
      ++sources_.at(source).distinct;
      break;
    case PairSet::Added::kRefused:
      ++pairs_lost_;
      ledger_.Add(Loss::kTallyPairsDropped);
      break;
  }
  DomainRow& domain = domains_.at(place.domain);
  const auto add = [&](PairSet& set, std::uint32_t other, std::uint32_t& count) {
    const PairSet::Added added = set.Add(place.domain, other);
    if (added == PairSet::Added::kNew) ++count;
    if (added == PairSet::Added::kRefused) {
      ++domain_pairs_lost_;
      ledger_.Add(Loss::kTallyPairsDropped);
    }
  };
  add(domain_sources_, source, domain.sources);
  if (!usual_domain) add(domain_targets_, place.target, domain.targets);
}

void Tally::Resolve(Waiting& waiting) {
  const bool parsed = MakeCanonicalTarget(WaitingText(waiting.path), target_options_, canonical_);
  if (!parsed) ledger_.Add(Anomaly::kAddressUnparsable);
  std::string_view address = canonical_.address;
  std::string_view domain = canonical_.domain;
  constexpr std::size_t kLongest = CountTable<AddressRow>::kMaxKeyBytes;
  if (!parsed || address.size() > kLongest || domain.size() > kLongest) address = kNoName;
  if (address == kNoName || domain.empty()) domain = kNoName;
  waiting.sent_as_is = parsed && WaitingText(waiting.path) == address;
  waiting.address = waiting.sent_as_is ? waiting.path : StoreWaiting(address);
  waiting.domain = StoreWaiting(domain);
  waiting.resolved = true;
  if (waiting.sent_as_is) return;
  waiting.address_hash = targets_.Hash(address);
  targets_.PrefetchSlot(waiting.address_hash);
}

Tally::Place Tally::PlaceOf(Waiting& waiting) {
  if (!waiting.resolved) {
    const std::uint32_t id = targets_.Find(WaitingText(waiting.path), waiting.address_hash);
    if (id != kNoRow && (targets_.at(id).flags & kSentAsIs) != 0) {
      return {id, targets_.at(id).domain};
    }
    Resolve(waiting);
  }
  const std::uint32_t domain = DomainRowOf(WaitingText(waiting.domain));
  const std::uint32_t target = TargetRow(WaitingText(waiting.address), waiting.address_hash);
  AddressRow& row = targets_.at(target);
  if (row.domain == kNoRow) {
    row.domain = domain;
    ++domains_.at(domain).targets;
  }
  if (waiting.sent_as_is && row.domain == domain) row.flags |= kSentAsIs;
  return {target, domain};
}

std::uint32_t Tally::TargetRow(std::string_view key, std::uint32_t hash) {
  const std::uint32_t id = targets_.Find(key, hash);
  if (id != kNoRow) return id;
  while (!targets_.HasRoomFor(key)) PurgeTargets();
  return targets_.Insert(key, hash);
}

std::uint32_t Tally::SourceRow(const IpAddress& address, std::uint32_t hash) {
  const std::string_view key = KeyOfAddress(address);
  const std::uint32_t id = sources_.Find(key, hash);
  if (id != kNoRow) return id;
  while (!sources_.HasRoomFor(key)) PurgeSources();
  return sources_.Insert(key, hash);
}

std::uint32_t Tally::DomainRowOf(std::string_view name) {
  const std::uint32_t hash = domains_.Hash(name);
  const std::uint32_t id = domains_.Find(name, hash);
  if (id != kNoRow) return id;
  while (!domains_.HasRoomFor(name)) PurgeDomains();
  return domains_.Insert(name, hash);
}

}  // namespace backscatter
