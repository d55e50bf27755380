// What happens at a cap: the light half of a table goes, and the pairs that held its rows.
#include "agent/report/tally.h"

namespace backscatter {

void Tally::PurgeTargets() {
  const std::size_t gone = targets_.Purge(new_ids_);
  const std::size_t pairs = target_sources_.Renumber(&new_ids_, nullptr);
  // A target that went was one of the targets of its domain.
  const std::size_t domain_pairs = gone + domain_targets_.Renumber(nullptr, &new_ids_);
  pairs_lost_ += pairs;
  domain_pairs_lost_ += domain_pairs;
  ledger_.Add(Loss::kTallyTargetsEvicted, gone);
  ledger_.Add(Loss::kTallyPairsDropped, pairs);
  RecountDistinct();
}

void Tally::PurgeSources() {
  const std::size_t gone = sources_.Purge(new_ids_);
  const std::size_t pairs = target_sources_.Renumber(nullptr, &new_ids_);
  const std::size_t domain_pairs = domain_sources_.Renumber(nullptr, &new_ids_);
  pairs_lost_ += pairs;
  domain_pairs_lost_ += domain_pairs;
  ledger_.Add(Loss::kTallySourcesEvicted, gone);
  ledger_.Add(Loss::kTallyPairsDropped, pairs + domain_pairs);
  RecountDistinct();
}

void Tally::PurgeDomains() {
  const std::size_t gone = domains_.Purge(new_ids_);
  std::size_t pairs = domain_sources_.Renumber(&new_ids_, nullptr);
  pairs += domain_targets_.Renumber(&new_ids_, nullptr);
  ledger_.Add(Loss::kTallyDomainsEvicted, gone);
  ledger_.Add(Loss::kTallyPairsDropped, pairs);
  for (AddressRow& row : targets_.rows()) {
    if (row.domain == kNoRow) continue;
    row.domain = new_ids_[row.domain];
    if (row.domain != kNoRow) continue;
    row.flags = 0;
    ++pairs;
  }
  domain_pairs_lost_ += pairs;
  RecountDistinct();
}

// After a purge every distinct count is again the number of pairs held.
void Tally::RecountDistinct() {
  for (AddressRow& row : targets_.rows()) row.distinct = 0;
  for (AddressRow& row : sources_.rows()) row.distinct = 0;
  for (DomainRow& row : domains_.rows()) row.sources = row.targets = 0;
  target_sources_.ForEach([&](std::uint32_t target, std::uint32_t source) {
    ++targets_.at(target).distinct;
    ++sources_.at(source).distinct;
  });
  domain_sources_.ForEach(
      [&](std::uint32_t domain, std::uint32_t) { ++domains_.at(domain).sources; });
  domain_targets_.ForEach(
      [&](std::uint32_t domain, std::uint32_t) { ++domains_.at(domain).targets; });
  for (const AddressRow& row : targets_.rows()) {
    if (row.domain != kNoRow) ++domains_.at(row.domain).targets;
  }
}

}  // namespace backscatter
