#include "agent/report/live_counts.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace backscatter {
namespace {

constexpr std::uint16_t kSubmission = 587;
constexpr std::uint16_t kSubmissions = 465;
constexpr std::size_t kDomainsOfOneMail = 4;

std::size_t ReplyIndex(std::uint16_t reply) {
  switch (reply / 100) {
    case 2:
      return static_cast<std::size_t>(RcptReply::kAccepted);
    case 4:
      return static_cast<std::size_t>(RcptReply::kDeferred);
    case 5:
      return static_cast<std::size_t>(RcptReply::kRefused);
    default:
      return static_cast<std::size_t>(RcptReply::kUnknown);
  }
}

std::uint64_t KeyOf(const HashKey& key, const IpAddress& address) {
  return HashBytes(key, {reinterpret_cast<const char*>(address.bytes().data()), 16});
}

std::size_t SketchesFor(std::size_t top) { return std::clamp<std::size_t>(48 * top, 512, 4096); }

template <typename Row>
void SortByHour(std::vector<Row>& rows) {
  std::ranges::sort(rows, std::ranges::greater(), [](const Row& row) { return row.windows.hour; });
}

}  // namespace

void LiveCounts::Distinct::Add(PacketTime at, std::uint64_t source, std::uint64_t network,
                               SketchBudget& budget) {
  changed_ = true;
  if (!any_) {
    any_ = true;
    first_at_ = at;
    first_source_ = source;
    first_network_ = network;
    return;
  }
  if (rings_ == nullptr) {
    rings_ = std::make_unique<Rings>();
    rings_->sources.Add(first_at_, first_source_, budget);
    rings_->networks.Add(first_at_, first_network_, budget);
  }
  rings_->sources.Add(at, source, budget);
  rings_->networks.Add(at, network, budget);
}

// Also anew where nothing came: things leave the window.
void LiveCounts::Distinct::Estimate(PacketTime now) {
  if (!changed_ && PartOf(now, 5 * kMinute) == PartOf(estimated_at_, 5 * kMinute)) return;
  estimated_at_ = now;
  changed_ = false;
  if (rings_ == nullptr) {
    const bool recent =
        any_ && PartOf(now, 5 * kMinute) - PartOf(first_at_, 5 * kMinute) < kHour / (5 * kMinute);
    sources_estimate_ = networks_estimate_ = recent ? 1 : 0;
    return;
  }
  sources_estimate_ = rings_->sources.Estimate(now);
  networks_estimate_ = rings_->networks.Estimate(now);
}

void LiveCounts::Distinct::GiveUp(SketchBudget& budget) {
  if (rings_ == nullptr) return;
  rings_->sources.Clear(budget);
  rings_->networks.Clear(budget);
}

void LiveCounts::Distinct::ClearOld(PacketTime now, SketchBudget& budget) {
  if (rings_ == nullptr) return;
  rings_->sources.ClearOld(now, budget);
  rings_->networks.ClearOld(now, budget);
}

LiveCounts::LiveCounts(const LiveCountsOptions& options)
    : options_(options),
      ours_(options.local_domains),
      budget_{.left = SketchesFor(options.top)},
      targets_(options.top, &budget_),
      networks_(options.top, &budget_),
      domains_(options.top, &budget_) {
  for (const std::string_view cause : kEmissionCauses)
    emissions_.push_back({.cause = std::string(cause)});
}

void LiveCounts::Reconfigure(const LiveCountsOptions& options) {
  options_ = options;
  ours_.SetLocal(options.local_domains);
}

std::uint64_t LiveCounts::MostBytes(std::size_t top) {
  constexpr std::uint64_t kParts = 2 * 12;  // of a Distinct, each with as many as it counts exactly
  constexpr std::uint64_t kDistinct =
      sizeof(Distinct) + kParts * (sizeof(DistinctCounter) + 16 + kExactThings * 4);
  const std::uint64_t rows = LiveTable<TargetState>::MostRows(top);
  return rows * (LiveTable<TargetState>::kRowBytes + LiveTable<NetworkState>::kRowBytes +
                 LiveTable<DomainState>::kRowBytes + 2 * kDistinct) +
         SketchesFor(top) * sizeof(SketchRegisters);
}

void LiveCounts::OnSession(const SessionSummary& session) {
  const auto direction = static_cast<std::size_t>(
      options_.local.DirectionBetween(session.source, session.server.address));
  totals_.sessions[direction][session.encrypted ? 1 : 0].Add(session.weight);
  if (session.one_sided) totals_.one_sided[direction].Add(session.weight);
  if (session.mid_stream) totals_.mid_stream[direction].Add(session.weight);
  if (session.with_gaps) totals_.with_gaps[direction].Add(session.weight);
  weighted_ |= session.weight != 1.0;
}

void LiveCounts::OnTransaction(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  const Judgement& judgement = judged.judgement;
  const auto direction = static_cast<std::size_t>(judged.direction);
  const MailSender sender = transaction.null_sender ? MailSender::kNull : MailSender::kOther;
  totals_
      .transactions[direction][static_cast<std::size_t>(sender)]
                   [static_cast<std::size_t>(transaction.outcome)]
      .Add(transaction.weight);
  weighted_ |= transaction.weight != 1.0;
  if (judgement.retry) {
    totals_.retries[direction].Add(transaction.weight);
  } else {
    totals_.verdicts
        .At(judged.direction, judgement.verdict, judgement.confidence, judgement.solicited)
        .Add(transaction.weight);
    if (judgement.verdict == Verdict::kEmitted) {
      const auto known = std::ranges::find(emissions_, judgement.reason, &LiveEmission::cause);
      (known != emissions_.end() ? *known : emissions_.back()).transactions.Add(transaction.weight);
    }
  }
  if (ours_.learns() && judged.direction == MailDirection::kInbound) LearnDomains(transaction);
  if (transaction.null_sender && !transaction.recipients.empty() &&
      CountsAsReceived(transaction, judged.direction)) {
    CountReceived(transaction);
  }
}

void LiveCounts::LearnDomains(const Transaction& transaction) {
  if (transaction.authenticated || transaction.server.port == kSubmission ||
      transaction.server.port == kSubmissions) {
    return;
  }
  std::size_t left = kDomainsOfOneMail;
  for (const Recipient& recipient : transaction.recipients) {
    if (recipient.reply / 100 != 2) continue;
    Resolve(transaction.Text(recipient.address));
    ours_.Learn(domain_);
    if (--left == 0) return;
  }
}

void LiveCounts::Resolve(std::string_view path) {
  const TargetOptions& target = options_.target;
  const bool plain = target.fold_case ? IsPlainLowerTarget(path) : IsPlainTarget(path);
  if (plain && !(target.fold_detail && path.find('+') != std::string_view::npos)) {
    address_ = path;
    domain_ = path.substr(path.rfind('@') + 1);
    return;
  }
  (void)MakeCanonicalTarget(path, target, canonical_);
  address_ = canonical_.address;
  domain_ = canonical_.domain;
}

void LiveCounts::CountReceived(const Transaction& transaction) {
  const IpAddress network = NetworkOf(transaction.source, options_.prefix_v4, options_.prefix_v6);
  const From from{.at = transaction.end,
                  .part = PartOf(transaction.end, LiveWindowCounts::kFinest),
                  .weight = transaction.weight,
                  .source_key = KeyOf(options_.hash_key, transaction.source),
                  .network_key = KeyOf(options_.hash_key, network)};
  for (const Recipient& recipient : transaction.recipients) {
    CountRecipient(from, recipient, transaction.Text(recipient.address));
  }
  const std::uint64_t not_kept = transaction.recipients_not_kept;
  totals_.other_recipients[static_cast<std::size_t>(RcptReply::kUnknown)].Add(from.weight,
                                                                              not_kept);
  totals_.other_targets.Add(from.weight, not_kept);
  CountNetwork(from, transaction, transaction.recipients.size() + not_kept);
}

void LiveCounts::CountNetwork(const From& from, const Transaction& transaction,
                              std::size_t recipients) {
  auto& row = networks_.At(from.network_key, from.at, [&] {
    return NetworkName(transaction.source, options_.prefix_v4, options_.prefix_v6);
  });
  const double amount = from.weight * static_cast<double>(recipients);
  row.windows.Add(from.part, amount);
  recipients_.Add(from.part, amount);
  (row.listed ? row.state.recipients : totals_.other_networks).Add(from.weight, recipients);
}

void LiveCounts::CountRecipient(const From& from, const Recipient& recipient,
                                std::string_view path) {
  Resolve(path);
  const std::size_t reply = ReplyIndex(recipient.reply);
  if (!ours_.Contains(domain_)) {
    totals_.other_recipients[reply].Add(from.weight);
    totals_.other_targets.Add(from.weight);
    return;
  }
  auto& domain = domains_.At(HashBytes(options_.hash_key, domain_), from.at,
                             [&] { return std::string(domain_); });
  domain.windows.Add(from.part, from.weight);
  domain.state.distinct.Add(from.at, from.source_key, from.network_key, budget_);
  (domain.listed ? domain.state.replies : totals_.other_recipients)[reply].Add(from.weight);
  if (recipient.unknown_user && domain.listed) domain.state.unknown_users.Add(from.weight);
  auto& target = targets_.At(HashBytes(options_.hash_key, address_), from.at,
                             [&] { return std::string(address_); });
  if (target.state.domain != domain_) target.state.domain = domain_;
  target.windows.Add(from.part, from.weight);
  target.state.distinct.Add(from.at, from.source_key, from.network_key, budget_);
  (target.listed ? target.state.recipients : totals_.other_targets).Add(from.weight);
}

void LiveCounts::Fill(PacketTime now, std::uint64_t scraped, LiveSnapshot& snapshot) {
  const auto is_shown = [&](auto& row) {
    if (row.first_told == 0) row.first_told = snapshot.number;
    return row.first_told <= scraped;
  };
  targets_.Settle(now);
  networks_.Settle(now);
  domains_.Settle(now);
  targets_.ForEachListed([&](auto& row) {
    row.state.distinct.Estimate(now);
    snapshot.targets.push_back({.address = row.name,
                                .label = {.domain = row.state.domain},
                                .shown = is_shown(row),
                                .recipients = row.state.recipients,
                                .windows = row.windows.Sums(now),
                                .sources = row.state.distinct.sources(),
                                .networks = row.state.distinct.networks(),
                                .last = row.last});
  });
  networks_.ForEachListed([&](auto& row) {
    snapshot.networks.push_back({.network = row.name,
                                 .shown = is_shown(row),
                                 .recipients = row.state.recipients,
                                 .windows = row.windows.Sums(now),
                                 .last = row.last});
  });
  domains_.ForEachListed([&](auto& row) {
    row.state.distinct.Estimate(now);
    snapshot.domains.push_back({.domain = row.name,
                                .shown = is_shown(row),
                                .replies = row.state.replies,
                                .unknown_users = row.state.unknown_users,
                                .windows = row.windows.Sums(now),
                                .sources = row.state.distinct.sources(),
                                .networks = row.state.distinct.networks(),
                                .last = row.last});
  });
  SortByHour(snapshot.targets);
  SortByHour(snapshot.networks);
  SortByHour(snapshot.domains);
  snapshot.totals = totals_;
  snapshot.totals.evicted_targets = targets_.evicted();
  snapshot.totals.evicted_networks = networks_.evicted();
  snapshot.totals.evicted_domains = domains_.evicted();
  snapshot.weighted = weighted_;
  snapshot.recipients = recipients_.Sums(now);
  snapshot.emissions = emissions_;
}

}  // namespace backscatter
