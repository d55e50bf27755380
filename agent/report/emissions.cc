#include "agent/report/emissions.h"

#include <algorithm>

namespace backscatter {
namespace {

using Row = std::pair<std::string, std::uint64_t>;

template <typename Map>
std::vector<Row> Sorted(const Map& map) {
  std::vector<Row> rows;
  rows.reserve(map.size());
  for (const auto& [name, count] : map) rows.emplace_back(std::string(name), count);
  std::ranges::sort(rows, [](const Row& a, const Row& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return rows;
}

// What an operator would want to look at: the rest is as it should be.
bool IsWorthAnExample(std::string_view cause) {
  return cause != "callout" && cause != "dsn_success" && cause != "mdn" && cause != "report";
}

}  // namespace

void Emissions::Count(const JudgedTransaction& judged) {
  if (judged.judgement.retry || judged.judgement.verdict != Verdict::kEmitted) return;
  ++transactions_;
  ++causes_[judged.judgement.reason];
  CountDomains(judged.transaction);
  if (IsWorthAnExample(judged.judgement.reason)) KeepExample(judged);
}

void Emissions::CountDomains(const Transaction& transaction) {
  std::string last;
  for (const Recipient& recipient : transaction.recipients) {
    MakeCanonicalTarget(transaction.Text(recipient.address), {}, canonical_);
    const std::string& domain = canonical_.domain.empty() ? canonical_.address : canonical_.domain;
    if (domain == last) continue;
    last = domain;
    if (domains_.size() < kMaxDomains || domains_.contains(domain)) {
      ++domains_[domain];
    } else {
      ++domains_not_counted_;
    }
  }
}

void Emissions::KeepExample(const JudgedTransaction& judged) {
  const MessageFacts* const facts = judged.transaction.facts;
  EmissionExample example;
  if (facts != nullptr) {
    example.message_id = facts->original_message_ids.empty() ? facts->message_id
                                                             : facts->original_message_ids.front();
  }
  if (judged.judgement.received_from) {
    example.received_from = judged.judgement.received_from->ToString();
  }
  if (example.message_id.empty() && example.received_from.empty()) return;
  if (examples_.size() < kMaxExamples) {
    examples_.push_back(std::move(example));
    return;
  }
  examples_[next_example_] = std::move(example);
  next_example_ = (next_example_ + 1) % kMaxExamples;
}

EmittedCounts Emissions::Snapshot(std::size_t top) const {
  EmittedCounts counts;
  counts.transactions = transactions_;
  counts.causes = Sorted(causes_);
  counts.domains = Sorted(domains_);
  counts.domains_known = counts.domains.size();
  if (top != 0 && counts.domains.size() > top) counts.domains.resize(top);
  counts.domains_not_counted = domains_not_counted_;
  counts.examples = examples_;
  // Not std::ranges::rotate: clang 14 does not take what libstdc++ 12 makes of it.
  std::rotate(counts.examples.begin(),
              counts.examples.begin() + static_cast<std::ptrdiff_t>(next_example_),
              counts.examples.end());
  std::ranges::reverse(counts.examples);
  return counts;
}

}  // namespace backscatter
