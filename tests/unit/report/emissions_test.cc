#include "agent/report/emissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Judgement Emitted(std::string_view cause) {
  return {.verdict = Verdict::kEmitted, .reason = cause};
}

void Count(Emissions& emissions, const Transaction& transaction, const Judgement& judgement) {
  emissions.Count({transaction, MailDirection::kOutbound, judgement});
}

TEST(Emissions, CountsByCauseAndByRecipientDomain) {
  Emissions emissions;
  Transaction two = BounceTo("a@X.example", "192.0.2.25");
  AddRecipient(two, "b@y.example");
  Count(emissions, two, Emitted("accept_then_bounce"));
  Count(emissions, BounceTo("c@x.example", "192.0.2.25"), Emitted("autoreply"));
  Count(emissions, BounceTo("d@x.example", "192.0.2.25"), Emitted("autoreply"));
  const EmittedCounts counts = emissions.Snapshot(0);
  EXPECT_EQ(counts.transactions, 3u);
  EXPECT_THAT(counts.causes, ElementsAre(Pair("autoreply", 2), Pair("accept_then_bounce", 1)));
  EXPECT_THAT(counts.domains, ElementsAre(Pair("x.example", 3), Pair("y.example", 1)));
  EXPECT_THAT(emissions.Snapshot(1).domains, ElementsAre(Pair("x.example", 3)));
  EXPECT_EQ(emissions.Snapshot(1).domains_known, 2u);
}

TEST(Emissions, LeavesOutRetriesAndOtherVerdicts) {
  Emissions emissions;
  Judgement retry = Emitted("unknown");
  retry.retry = true;
  Count(emissions, BounceTo("a@x.example", "192.0.2.25"), retry);
  Count(emissions, BounceTo("a@x.example", "192.0.2.25"), {.verdict = Verdict::kBackscatter});
  EXPECT_EQ(emissions.Snapshot(0).transactions, 0u);
}

TEST(Emissions, AnExampleSaysWhichMailAndWhoseItWas) {
  Emissions emissions;
  MessageFacts facts;
  facts.message_id = "dsn@ours.example";
  facts.original_message_ids = {"spam@forged.example", "inner@forged.example"};
  Transaction transaction = BounceTo("a@x.example", "192.0.2.25");
  transaction.facts = &facts;
  Judgement judgement = Emitted("accept_then_bounce");
  judgement.received_from = Ip("203.0.113.9");
  Count(emissions, transaction, judgement);
  Count(emissions, transaction, Emitted("dsn_success"));  // as it should be: no example
  const EmittedCounts counts = emissions.Snapshot(0);
  ASSERT_EQ(counts.examples.size(), 1u);
  EXPECT_EQ(counts.examples[0].message_id, "spam@forged.example");
  EXPECT_EQ(counts.examples[0].received_from, "203.0.113.9");
}

TEST(Emissions, KeepsTheLatestExamplesTheNewestFirst) {
  Emissions emissions;
  for (std::size_t i = 0; i < Emissions::kMaxExamples + 5; ++i) {
    MessageFacts facts;
    facts.message_id = std::to_string(i);
    Transaction transaction = BounceTo("a@x.example", "192.0.2.25");
    transaction.facts = &facts;
    Count(emissions, transaction, Emitted("unknown"));
  }
  const EmittedCounts counts = emissions.Snapshot(0);
  ASSERT_EQ(counts.examples.size(), Emissions::kMaxExamples);
  EXPECT_EQ(counts.examples.front().message_id, "24");
  EXPECT_EQ(counts.examples.back().message_id, "5");
}

TEST(Emissions, DomainsBeyondTheCapAreCountedTogether) {
  Emissions emissions;
  for (std::size_t i = 0; i < Emissions::kMaxDomains + 3; ++i) {
    Count(emissions, BounceTo("a@d" + std::to_string(i) + ".example", "192.0.2.25"),
          Emitted("callout"));
  }
  Count(emissions, BounceTo("a@d7.example", "192.0.2.25"), Emitted("callout"));
  const EmittedCounts counts = emissions.Snapshot(1);
  EXPECT_EQ(counts.domains_known, Emissions::kMaxDomains);
  EXPECT_EQ(counts.domains_not_counted, 3u);
  EXPECT_THAT(counts.domains, ElementsAre(Pair("d7.example", 2)));
  EXPECT_THAT(counts.examples, IsEmpty());
}

}  // namespace
}  // namespace backscatter
