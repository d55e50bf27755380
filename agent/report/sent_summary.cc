#include "agent/report/sent_summary.h"

#include <algorithm>
#include <map>

namespace backscatter {

SentSummary SummarizeSent(const SentLedger& ledger, const SentCoverage& coverage, PacketTime now,
                          std::size_t top) {
  SentSummary summary;
  const SentCoverage::Counts all = coverage.OverallCounts(now);
  summary.sessions = all.all;
  summary.readable = all.readable;
  summary.mails = ledger.mails();
  summary.dropped = ledger.dropped();
  summary.since = ledger.history_start();
  std::map<IpAddress, SentCoverage::Counts> clients;
  for (const SentCoverage::Row& row : coverage.Rows()) {
    if (!row.client) continue;
    SentCoverage::Counts& counts = clients[*row.client];
    counts.all += row.counts.all;
    counts.readable += row.counts.readable;
  }
  for (const auto& [address, counts] : clients) {
    summary.clients.push_back({address.ToString(), counts.all, counts.readable});
  }
  std::ranges::stable_sort(summary.clients, [](const SentClient& a, const SentClient& b) {
    const std::uint64_t hidden_a = a.sessions - a.readable;
    const std::uint64_t hidden_b = b.sessions - b.readable;
    return hidden_a != hidden_b ? hidden_a > hidden_b : a.sessions > b.sessions;
  });
  if (top != 0 && summary.clients.size() > top) summary.clients.resize(top);
  return summary;
}

}  // namespace backscatter
