// From the tally's tables to the report's sorted lists.
#include "agent/report/report.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "agent/report/tally.h"

namespace backscatter {
namespace {

// Sorts a row without touching its text, except where both count and the first 16 bytes tie.
struct SortKey {
  std::uint64_t recipients = 0;
  std::uint64_t prefix[2] = {0, 0};  // big-endian, padded with zeros
  std::uint32_t id = 0;
};

SortKey MakeSortKey(std::uint64_t recipients, std::string_view name, std::uint32_t id) {
  SortKey key{.recipients = recipients, .id = id};
  for (std::size_t i = 0; i < std::min<std::size_t>(name.size(), 16); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    key.prefix[i / 8] |= std::uint64_t{byte} << (56 - 8 * (i % 8));
  }
  return key;
}

// The ids of the rows of `table`, in the report's order, at most `top` of them (0 = all).
// `name` gives the text of a row.
template <typename Table, typename Name>
std::vector<std::uint32_t> SortedIds(const Table& table, std::size_t top, Name name) {
  std::vector<SortKey> keys;
  keys.reserve(table.size());
  for (std::uint32_t id = 0; id < table.size(); ++id) {
    keys.push_back(MakeSortKey(table.at(id).recipients, name(id), id));
  }
  const auto before = [&](const SortKey& a, const SortKey& b) {
    if (a.recipients != b.recipients) return a.recipients > b.recipients;
    if (a.prefix[0] != b.prefix[0]) return a.prefix[0] < b.prefix[0];
    if (a.prefix[1] != b.prefix[1]) return a.prefix[1] < b.prefix[1];
    return name(a.id) < name(b.id);
  };
  const std::size_t length = top == 0 ? keys.size() : std::min(top, keys.size());
  const auto end = keys.begin() + static_cast<std::ptrdiff_t>(length);
  if (end == keys.end()) {
    std::sort(keys.begin(), keys.end(), before);
  } else {
    std::partial_sort(keys.begin(), end, keys.end(), before);
  }
  std::vector<std::uint32_t> ids;
  ids.reserve(length);
  for (auto key = keys.begin(); key != end; ++key) ids.push_back(key->id);
  return ids;
}

template <typename Row>
AddressCounts CountsOf(const Row& row, std::string address, std::uint64_t unplaced) {
  AddressCounts counts = {.address = std::move(address),
                          .recipients = row.recipients,
                          .accepted = row.accepted,
                          .deferred = row.deferred,
                          .refused = row.refused,
                          .unknown = row.recipients - row.accepted - row.deferred - row.refused,
                          .delivered = row.delivered,
                          .distinct = row.distinct,
                          .undercount = row.undercount + unplaced,
                          .estimated_recipients = row.estimated,
                          .first = row.first,
                          .last = row.last};
  std::ranges::copy(row.verdicts, counts.verdicts.begin());
  return counts;
}

std::string SourceText(std::string_view key) {
  std::array<std::uint8_t, 16> bytes{};
  std::copy(key.begin(), key.end(), bytes.begin());
  return IpAddress::V6(bytes).ToString();
}

}  // namespace

void Tally::FillReport(std::size_t top, Report& report) {
  CountWaiting();
  report.sessions = totals_.sessions;
  report.transactions = totals_.transactions;
  report.recipients = totals_.recipients;
  report.estimated_recipients = totals_.estimated_recipients;
  report.estimated_null_sender_recipients = totals_.estimated_null_sender_recipients;
  report.estimates = totals_.estimates;
  report.weighted = totals_.weighted;
  report.verdicts = totals_.verdicts;
  report.emitted = emissions_.Snapshot(top);

  const auto target_name = [&](std::uint32_t id) { return targets_.KeyOf(targets_.at(id)); };
  const auto source_name = [&](std::uint32_t id) {
    return SourceText(sources_.KeyOf(sources_.at(id)));
  };
  const auto domain_name = [&](std::uint32_t id) { return domains_.KeyOf(domains_.at(id)); };
  report.targets.clear();
  for (const std::uint32_t id : SortedIds(targets_, top, target_name)) {
    report.targets.push_back(
        CountsOf(targets_.at(id), std::string(target_name(id)), unplaced_recipients_));
  }
  report.sources.clear();
  for (const std::uint32_t id : SortedIds(sources_, top, source_name)) {
    report.sources.push_back(CountsOf(sources_.at(id), source_name(id), 0));
  }
  report.domains.clear();
  for (const std::uint32_t id : SortedIds(domains_, top, domain_name)) {
    const DomainRow& row = domains_.at(id);
    report.domains.push_back({.domain = std::string(domain_name(id)),
                              .recipients = row.recipients,
                              .unknown_user = row.unknown_user,
                              .sources = row.sources,
                              .targets = row.targets,
                              .undercount = row.undercount + unplaced_recipients_,
                              .estimated_recipients = row.estimated});
  }
  report.targets_known = targets_.size();
  report.sources_known = sources_.size();
  report.domains_known = domains_.size();
  FillBounds(report.error_bounds);
}

void Tally::FillBounds(ErrorBounds& bounds) const {
  bounds.targets = targets_.offset() + unplaced_recipients_;
  // A source's recipients have them, its replies do not.
  bounds.sources = sources_.offset() + unplaced_recipients_;
  bounds.domains = domains_.offset() + unplaced_recipients_;
  // A recipient that was not kept may have been a pair of its own.
  bounds.distinct = pairs_lost_ + unplaced_recipients_;
  bounds.domain_distinct = domain_pairs_lost_ + unplaced_recipients_;
}

Report MakeReport(Tally& tally, const Ledger& ledger, RunInfo run,
                  std::vector<CaptureInfo> captures, std::size_t top) {
  Report report;
  report.run = std::move(run);
  report.captures = std::move(captures);
  tally.FillReport(top, report);
  report.ledger = ledger;  // after what waited was counted
  return report;
}

}  // namespace backscatter
