// Random streams of bounces against plain maps: exact below the caps, within the bound above them.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "agent/report/tally.h"
#include "tests/support/judged.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

struct Truth {
  std::uint64_t recipients = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::set<std::string> others;
};

struct Truths {
  std::map<std::string, Truth> targets;
  std::map<std::string, Truth> sources;
  std::map<std::string, Truth> domains;  // `others`: sources
  std::map<std::string, std::set<std::string>> domain_targets;
  std::uint64_t recipients = 0;
};

std::size_t Skewed(std::mt19937_64& random, std::size_t n) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  return static_cast<std::size_t>(static_cast<double>(n) * u * u * u);
}

void AddOne(std::mt19937_64& random, std::size_t targets, std::size_t sources, Tally& tally,
            Truths& truths) {
  const std::string source = "10." + std::to_string(random() % 2) + ".0." +
                             std::to_string(Skewed(random, std::min<std::size_t>(sources, 256)));
  Transaction transaction = Bounce(source, static_cast<PacketTime>(random() % 1000));
  const std::size_t count = 1 + random() % 3;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t number = Skewed(random, targets);
    const std::string domain = "d" + std::to_string(number % 50) + ".test";
    const std::string target = "user" + std::to_string(number) + "@" + domain;
    const bool accepted = random() % 3 != 0;
    const bool tagged = random() % 8 == 0;
    AddRecipient(transaction, (tagged ? "prvs=1234abcdef=" : "") + target, accepted ? 250 : 550);
    for (Truth* truth :
         {&truths.targets[target], &truths.sources[source], &truths.domains[domain]}) {
      ++truth->recipients;
      ++(accepted ? truth->accepted : truth->refused);
    }
    truths.targets[target].others.insert(source);
    truths.sources[source].others.insert(target);
    truths.domains[domain].others.insert(source);
    truths.domain_targets[domain].insert(target);
    ++truths.recipients;
  }
  Give(tally, transaction);
}

void ExpectExact(const std::vector<AddressCounts>& rows,
                 const std::map<std::string, Truth>& truths) {
  ASSERT_EQ(rows.size(), truths.size());
  for (const AddressCounts& row : rows) {
    const Truth& truth = truths.at(row.address);
    EXPECT_EQ(row.recipients, truth.recipients) << row.address;
    EXPECT_EQ(row.accepted, truth.accepted) << row.address;
    EXPECT_EQ(row.refused, truth.refused) << row.address;
    EXPECT_EQ(row.distinct, truth.others.size()) << row.address;
    EXPECT_EQ(row.undercount, 0u) << row.address;
  }
}

void ExpectWithinBound(const std::vector<AddressCounts>& rows,
                       const std::map<std::string, Truth>& truths, std::uint64_t bound,
                       std::uint64_t distinct_bound) {
  std::map<std::string, Truth> missing = truths;
  for (const AddressCounts& row : rows) {
    const Truth& truth = truths.at(row.address);
    EXPECT_LE(row.recipients, truth.recipients) << row.address;
    EXPECT_LE(truth.recipients, row.recipients + row.undercount) << row.address;
    EXPECT_LE(row.undercount, bound) << row.address;
    EXPECT_LE(row.accepted, truth.accepted) << row.address;
    EXPECT_LE(row.refused, truth.refused) << row.address;
    EXPECT_LE(row.distinct, truth.others.size()) << row.address;
    EXPECT_LE(truth.others.size(), row.distinct + distinct_bound) << row.address;
    missing.erase(row.address);
  }
  for (const auto& [address, truth] : missing) EXPECT_LE(truth.recipients, bound) << address;
}

TEST(TallyBounds, BelowTheCapsEveryCountIsThatOfAMap) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::mt19937_64 random(seed);
    Ledger ledger;
    TallyOptions options;
    options.hash_key = KeyOf(seed);
    Tally tally(options, &ledger);
    Truths truths;
    for (int i = 0; i < 1500; ++i) AddOne(random, 2000, 200, tally, truths);
    const Report report = MakeReport(tally, ledger, {}, {}, 0);
    ExpectExact(report.targets, truths.targets);
    ExpectExact(report.sources, truths.sources);
    ASSERT_EQ(report.domains.size(), truths.domains.size());
    for (const DomainCounts& row : report.domains) {
      EXPECT_EQ(row.recipients, truths.domains[row.domain].recipients);
      EXPECT_EQ(row.sources, truths.domains[row.domain].others.size());
      EXPECT_EQ(row.targets, truths.domain_targets[row.domain].size());
    }
    EXPECT_EQ(report.error_bounds.targets, 0u);
    EXPECT_EQ(report.error_bounds.distinct, 0u);
    EXPECT_EQ(report.error_bounds.domain_distinct, 0u);
  }
}

TEST(TallyBounds, AboveTheCapsTotalsStayExactAndEveryRowIsWithinItsBound) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    Ledger ledger;
    TallyOptions options;
    options.hash_key = KeyOf(seed);
    options.targets_capacity = 20 + random() % 300;
    options.sources_capacity = 5 + random() % 100;
    options.pairs_capacity = 50 + random() % 1000;
    Tally tally(options, &ledger);
    Truths truths;
    for (int i = 0; i < 1500; ++i) AddOne(random, 2000, 200, tally, truths);
    const Report report = MakeReport(tally, ledger, {}, {}, 0);
    EXPECT_EQ(report.transactions.null_sender_recipients, truths.recipients);
    EXPECT_EQ(report.recipients, truths.recipients);
    const ErrorBounds& bounds = report.error_bounds;
    EXPECT_GT(bounds.targets, 0u);
    ExpectWithinBound(report.targets, truths.targets, bounds.targets, bounds.distinct);
    ExpectWithinBound(report.sources, truths.sources, bounds.sources, bounds.distinct);
    for (const DomainCounts& row : report.domains) {
      const Truth& truth = truths.domains[row.domain];
      const std::size_t targets = truths.domain_targets[row.domain].size();
      EXPECT_LE(row.recipients, truth.recipients);
      EXPECT_LE(truth.recipients, row.recipients + row.undercount);
      EXPECT_LE(row.sources, truth.others.size());
      EXPECT_LE(truth.others.size(), row.sources + bounds.domain_distinct);
      EXPECT_LE(row.targets, targets);
      EXPECT_LE(targets, row.targets + bounds.domain_distinct);
    }
    EXPECT_LE(report.targets.size(), options.targets_capacity);
    EXPECT_LE(report.sources.size(), options.sources_capacity);
    EXPECT_GT(ledger.Get(Loss::kTallyTargetsEvicted), 0u);
    EXPECT_GT(ledger.Get(Loss::kTallyPairsDropped), 0u);
  }
}

TEST(TallyBounds, DomainsHaveACapToo) {
  Ledger ledger;
  TallyOptions options;
  options.targets_capacity = 10;
  Tally tally(options, &ledger);
  for (int i = 0; i < 200; ++i) {
    Give(tally, BounceTo("a@d" + std::to_string(i) + ".test", "198.51.100.1"));
    Give(tally, BounceTo("a@heavy.test", "198.51.100.2"));
  }
  const Report report = MakeReport(tally, ledger, {}, {}, 0);
  EXPECT_LE(report.domains.size(), 10u);
  EXPECT_EQ(report.domains.at(0).domain, "heavy.test");
  EXPECT_LE(report.domains[0].recipients, 200u);
  EXPECT_GE(report.domains[0].recipients + report.domains[0].undercount, 200u);
  EXPECT_EQ(report.domains[0].sources, 1u);
  EXPECT_EQ(report.domains[0].targets, 1u);
  EXPECT_GT(ledger.Get(Loss::kTallyDomainsEvicted), 0u);
}

TEST(TallyBounds, MemoryGrowsWithUseAndNotWithTheCaps) {
  Ledger ledger;
  Tally tally(TallyOptions{}, &ledger);
  EXPECT_LT(tally.MemoryBytes(), 16u << 10);
}

TEST(TallyBounds, NoCountDependsOnTheHashKey) {
  std::vector<Report> reports;
  for (const HashKey& key : {KeyOf(1), KeyOf(2)}) {
    std::mt19937_64 random(5);
    Ledger ledger;
    TallyOptions options;
    options.hash_key = key;
    options.targets_capacity = 100;
    options.sources_capacity = 50;
    Tally tally(options, &ledger);
    Truths truths;
    for (int i = 0; i < 2000; ++i) AddOne(random, 2000, 200, tally, truths);
    reports.push_back(MakeReport(tally, ledger, {}, {}, 0));
  }
  ASSERT_EQ(reports[0].targets.size(), reports[1].targets.size());
  for (std::size_t i = 0; i < reports[0].targets.size(); ++i) {
    EXPECT_EQ(reports[0].targets[i].address, reports[1].targets[i].address);
    EXPECT_EQ(reports[0].targets[i].recipients, reports[1].targets[i].recipients);
    EXPECT_EQ(reports[0].targets[i].distinct, reports[1].targets[i].distinct);
  }
}

}  // namespace
}  // namespace backscatter
