#include "agent/report/tally.h"

#include <algorithm>

namespace backscatter {
namespace {

constexpr std::string_view kNoName = "-";

bool IsSuccess(std::uint16_t reply) { return reply / 100 == 2; }

bool IsDelivered(const Transaction& transaction, const Recipient& recipient) {
  const bool own_reply = transaction.protocol == Protocol::kLmtp;
  return IsSuccess(recipient.reply) &&
         IsSuccess(own_reply ? recipient.final_reply : transaction.body_reply);
}

std::string_view KeyOfAddress(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
}

}  // namespace

Tally::Tally(const TallyOptions& options, Ledger* ledger)
    : local_(options.local_networks),
      target_options_(options.target),
      ledger_(*ledger),
      targets_(options.targets_capacity, options.hash_key),
      sources_(options.sources_capacity, options.hash_key),
      domains_(options.targets_capacity, options.hash_key),
      target_sources_(options.pairs_capacity, options.hash_key),
      domain_sources_(options.pairs_capacity, options.hash_key),
      domain_targets_(options.pairs_capacity, options.hash_key) {}

void Tally::OnSession(const SessionSummary& session) {
  SessionTotals& totals = totals_.sessions;
  ++totals.total;
  ++(session.encrypted ? totals.encrypted : totals.plain);
  if (session.one_sided) ++totals.one_sided;
  if (session.mid_stream) ++totals.mid_stream;
  if (session.with_gaps) ++totals.with_gaps;
  totals_.recipients += session.orphan_recipients;
  totals_.estimated_recipients += session.weight * static_cast<double>(session.orphan_recipients);
}

void Tally::OnTransaction(const Transaction& transaction) {
  CountTotals(transaction);
  if (transaction.null_sender && !transaction.recipients.empty() &&
      local_.CountsAsReceived(transaction)) {
    CountNullSender(transaction);
  }
}

void Tally::CountTotals(const Transaction& transaction) {
  TransactionTotals& totals = totals_.transactions;
  const std::uint64_t recipients =
      transaction.recipients.size() + std::uint64_t{transaction.recipients_not_kept};
  const double estimate = transaction.weight * static_cast<double>(recipients);
  ++totals.total;
  totals_.recipients += recipients;
  totals_.estimated_recipients += estimate;
  if (transaction.null_sender) {
    ++totals.null_sender;
    totals.null_sender_recipients += recipients;
    totals_.estimated_null_sender_recipients += estimate;
  }
  switch (transaction.outcome) {
    case Outcome::kAccepted:
      ++totals.accepted;
      break;
    case Outcome::kRejected:
      ++totals.rejected;
      break;
    case Outcome::kAborted:
      ++totals.aborted;
      break;
    case Outcome::kUnfinished:
      ++totals.unfinished;
      break;
  }
}

void Tally::CountNullSender(const Transaction& transaction) {
  const std::uint32_t source = SourceRow(transaction.source);
  for (const Recipient& recipient : transaction.recipients) {
    CountRecipient(transaction, recipient, source);
  }
  AddressRow& row = sources_.at(source);
  AddTime(transaction, row);
  row.recipients += transaction.recipients_not_kept;
  row.estimated += transaction.weight * transaction.recipients_not_kept;
  unplaced_recipients_ += transaction.recipients_not_kept;
}

void Tally::CountRecipient(const Transaction& transaction, const Recipient& recipient,
                           std::uint32_t source) {
  const Place place = PlaceOf(transaction.Text(recipient.address));
  AddressRow& target = targets_.at(place.target);
  AddTime(transaction, target);
  AddReply(transaction, recipient, target);
  AddReply(transaction, recipient, sources_.at(source));
  DomainRow& domain = domains_.at(place.domain);
  ++domain.recipients;
  if (recipient.unknown_user) ++domain.unknown_user;
  CountPairs(place, source);
}

void Tally::AddReply(const Transaction& transaction, const Recipient& recipient, AddressRow& row) {
  ++row.recipients;
  row.estimated += transaction.weight;
  switch (recipient.reply / 100) {
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
  if (IsDelivered(transaction, recipient)) ++row.delivered;
}

void Tally::AddTime(const Transaction& transaction, AddressRow& row) {
  row.first = std::min(row.first, transaction.start);
  row.last = std::max(row.last, transaction.start);
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

Tally::Place Tally::PlaceOf(std::string_view path) {
  const std::uint32_t id = targets_.Find(path, targets_.Hash(path));
  if (id != kNoRow) {
    const AddressRow& row = targets_.at(id);
    if ((row.flags & kSentAsIs) != 0) return {id, row.domain};
  }
  return PlaceOfNewPath(path);
}

Tally::Place Tally::PlaceOfNewPath(std::string_view path) {
  const bool parsed = MakeCanonicalTarget(path, target_options_, canonical_);
  if (!parsed) ledger_.Add(Anomaly::kAddressUnparsable);
  std::string_view address = canonical_.address;
  std::string_view name = canonical_.domain;
  constexpr std::size_t kLongest = CountTable<AddressRow>::kMaxKeyBytes;
  if (!parsed || address.size() > kLongest || name.size() > kLongest) address = kNoName;
  if (address == kNoName || name.empty()) name = kNoName;
  const std::uint32_t domain = DomainRowOf(name);
  const std::uint32_t target = TargetRow(address);
  AddressRow& row = targets_.at(target);
  if (row.domain == kNoRow) {
    row.domain = domain;
    ++domains_.at(domain).targets;
  }
  if (parsed && path == address && row.domain == domain) row.flags |= kSentAsIs;
  return {target, domain};
}

std::uint32_t Tally::TargetRow(std::string_view key) {
  const std::uint32_t hash = targets_.Hash(key);
  const std::uint32_t id = targets_.Find(key, hash);
  if (id != kNoRow) return id;
  while (!targets_.HasRoomFor(key)) PurgeTargets();
  return targets_.Insert(key, hash);
}

std::uint32_t Tally::SourceRow(const IpAddress& address) {
  const std::string_view key = KeyOfAddress(address);
  const std::uint32_t hash = sources_.Hash(key);
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

std::size_t Tally::MemoryBytes() const {
  return targets_.MemoryBytes() + sources_.MemoryBytes() + domains_.MemoryBytes() +
         target_sources_.MemoryBytes() + domain_sources_.MemoryBytes() +
         domain_targets_.MemoryBytes();
}

}  // namespace backscatter
