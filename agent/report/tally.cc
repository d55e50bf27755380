#include "agent/report/tally.h"

#include <utility>

#include "agent/mail/direction.h"

namespace backscatter {
namespace {

bool IsSuccess(std::uint16_t reply) { return reply / 100 == 2; }

bool IsDelivered(const Transaction& transaction, const Recipient& recipient) {
  const bool own_reply = transaction.protocol == Protocol::kLmtp;
  return IsSuccess(recipient.reply) &&
         IsSuccess(own_reply ? recipient.final_reply : transaction.body_reply);
}

}  // namespace

Tally::Tally(const TallyOptions& options, Ledger* ledger)
    : target_options_(options.target),
      ledger_(*ledger),
      targets_(options.targets_capacity, options.hash_key),
      sources_(options.sources_capacity, options.hash_key),
      domains_(options.targets_capacity, options.hash_key),
      target_sources_(options.pairs_capacity, options.hash_key),
      domain_sources_(options.pairs_capacity, options.hash_key),
      domain_targets_(options.pairs_capacity, options.hash_key) {
  waiting_.reserve(kBatch);
}

void Tally::SetTarget(const TargetOptions& target) {
  CountWaiting();
  target_options_ = target;
  for (AddressRow& row : targets_.rows()) row.flags &= static_cast<std::uint16_t>(~kSentAsIs);
}

void Tally::OnSession(const SessionSummary& session) {
  SessionTotals& totals = totals_.sessions;
  ++totals.total;
  ++(session.encrypted ? totals.encrypted : totals.plain);
  if (session.one_sided) ++totals.one_sided;
  if (session.mid_stream) ++totals.mid_stream;
  if (session.with_gaps) ++totals.with_gaps;
  Estimates& estimates = totals_.estimates;
  estimates.sessions += session.weight;
  totals_.weighted |= session.weight != 1.0;
  (session.encrypted ? estimates.encrypted : estimates.plain) += session.weight;
  totals_.recipients += session.orphan_recipients;
  totals_.estimated_recipients += session.weight * static_cast<double>(session.orphan_recipients);
}

void Tally::OnTransaction(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  CountTotals(transaction);
  CountJudgement(judged);
  emissions_.Count(judged);
  if (transaction.null_sender && !transaction.recipients.empty() &&
      CountsAsReceived(transaction, judged.direction)) {
    Wait(judged);
  }
}

void Tally::CountIgnored(const Transaction& transaction) {
  ++totals_.transactions.ignored;
  totals_.estimates.ignored += transaction.weight;
  totals_.weighted |= transaction.weight != 1.0;
}

void Tally::CountJudgement(const JudgedTransaction& judged) {
  if (judged.judgement.retry) {
    ++totals_.transactions.retries;
    totals_.estimates.retries += judged.transaction.weight;
    return;
  }
  const auto verdict = static_cast<std::size_t>(judged.judgement.verdict);
  ++totals_.verdicts[verdict];
  totals_.estimates.verdicts[verdict] += judged.transaction.weight;
}

void Tally::CountTotals(const Transaction& transaction) {
  TransactionTotals& totals = totals_.transactions;
  const std::uint64_t recipients =
      transaction.recipients.size() + std::uint64_t{transaction.recipients_not_kept};
  const double estimate = transaction.weight * static_cast<double>(recipients);
  Estimates& estimates = totals_.estimates;
  ++totals.total;
  estimates.transactions += transaction.weight;
  totals_.weighted |= transaction.weight != 1.0;
  totals_.recipients += recipients;
  totals_.estimated_recipients += estimate;
  if (transaction.null_sender) {
    ++totals.null_sender;
    estimates.null_sender += transaction.weight;
    totals.null_sender_recipients += recipients;
    totals_.estimated_null_sender_recipients += estimate;
  }
  switch (transaction.outcome) {
    case Outcome::kAccepted:
      ++totals.accepted;
      estimates.accepted += transaction.weight;
      break;
    case Outcome::kRejected:
      ++totals.rejected;
      estimates.rejected += transaction.weight;
      break;
    case Outcome::kAborted:
      ++totals.aborted;
      estimates.aborted += transaction.weight;
      break;
    case Outcome::kUnfinished:
      ++totals.unfinished;
      estimates.unfinished += transaction.weight;
      break;
  }
}

void Tally::Wait(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  const std::uint32_t source_hash = sources_.Hash(KeyOfAddress(transaction.source));
  sources_.PrefetchSlot(source_hash);
  std::uint32_t not_kept = transaction.recipients_not_kept;
  for (const Recipient& recipient : transaction.recipients) {
    const std::string_view path = transaction.Text(recipient.address);
    const std::uint32_t hash = targets_.Hash(path);
    targets_.PrefetchSlot(hash);
    waiting_.push_back({.source = transaction.source,
                        .source_hash = source_hash,
                        .path = StoreWaiting(path),
                        .address_hash = hash,
                        .at = transaction.start,
                        .weight = transaction.weight,
                        .not_kept = std::exchange(not_kept, 0),
                        .reply = recipient.reply,
                        .delivered = IsDelivered(transaction, recipient),
                        .unknown_user = recipient.unknown_user,
                        .retry = judged.judgement.retry,
                        .verdict = judged.judgement.verdict});
    if (waiting_.size() == kBatch) CountWaiting();
  }
}

std::uint64_t Tally::MostBytes(const TallyOptions& options) {
  return CountTable<AddressRow>::MostBytes(options.targets_capacity) +
         CountTable<AddressRow>::MostBytes(options.sources_capacity) +
         CountTable<DomainRow>::MostBytes(options.targets_capacity) +
         3 * PairSet::MostBytes(options.pairs_capacity);
}

std::size_t Tally::MemoryBytes() {
  CountWaiting();
  return targets_.MemoryBytes() + sources_.MemoryBytes() + domains_.MemoryBytes() +
         target_sources_.MemoryBytes() + domain_sources_.MemoryBytes() +
         domain_targets_.MemoryBytes();
}

}  // namespace backscatter
