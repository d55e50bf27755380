#include "agent/report/tally.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

class TallyTest : public ::testing::Test {
 protected:
  Report Snapshot(std::size_t top = 0) { return MakeReport(tally_, ledger_, {}, {}, top); }

  Ledger ledger_;
  Tally tally_{TallyOptions{}, &ledger_};
};

TEST_F(TallyTest, NothingSeenGivesAnEmptyExactReport) {
  const Report report = Snapshot();
  EXPECT_EQ(report.transactions.total, 0u);
  EXPECT_EQ(report.recipients, 0u);
  EXPECT_TRUE(report.targets.empty());
  EXPECT_TRUE(report.sources.empty());
  EXPECT_TRUE(report.domains.empty());
  EXPECT_EQ(report.error_bounds.targets, 0u);
}

TEST_F(TallyTest, OutcomesPartitionTheTransactions) {
  for (const Outcome outcome : {Outcome::kAccepted, Outcome::kAccepted, Outcome::kRejected,
                                Outcome::kAborted, Outcome::kUnfinished}) {
    Transaction transaction = Bounce("198.51.100.1");
    transaction.outcome = outcome;
    transaction.null_sender = outcome == Outcome::kRejected;
    tally_.OnTransaction(transaction);
  }
  const TransactionTotals totals = Snapshot().transactions;
  EXPECT_EQ(totals.total, 5u);
  EXPECT_EQ(totals.accepted, 2u);
  EXPECT_EQ(totals.rejected, 1u);
  EXPECT_EQ(totals.aborted, 1u);
  EXPECT_EQ(totals.unfinished, 1u);
  EXPECT_EQ(totals.null_sender, 1u);
}

TEST_F(TallyTest, RecipientsHoldOrphansAndThoseThatWereNotKept) {
  Transaction transaction = BounceTo("a@example.org", "198.51.100.1");
  transaction.recipients_not_kept = 7;
  tally_.OnTransaction(transaction);
  transaction.null_sender = false;
  tally_.OnTransaction(transaction);
  tally_.OnSession({.orphan_recipients = 3});
  const Report report = Snapshot();
  EXPECT_EQ(report.recipients, 19u);
  EXPECT_EQ(report.transactions.null_sender_recipients, 8u);
  ASSERT_EQ(report.targets.size(), 1u);
  EXPECT_EQ(report.targets[0].recipients, 1u);
  EXPECT_EQ(report.targets[0].undercount, 7u);  // any of them may have been for it
  EXPECT_EQ(report.error_bounds.targets, 7u);
  EXPECT_EQ(report.sources[0].recipients, 8u);
  EXPECT_EQ(report.sources[0].unknown, 7u);
}

TEST_F(TallyTest, SessionsArePlainOrEncryptedAndTheRestOverlaps) {
  tally_.OnSession({.one_sided = true, .with_gaps = true});
  tally_.OnSession({.encrypted = true, .mid_stream = true});
  tally_.OnSession({.encrypted = true});
  const SessionTotals sessions = Snapshot().sessions;
  EXPECT_EQ(sessions.total, 3u);
  EXPECT_EQ(sessions.plain, 1u);
  EXPECT_EQ(sessions.encrypted, 2u);
  EXPECT_EQ(sessions.one_sided, 1u);
  EXPECT_EQ(sessions.mid_stream, 1u);
  EXPECT_EQ(sessions.with_gaps, 1u);
}

TEST_F(TallyTest, RepliesPartitionTheRecipientsOfATargetAndOfASource) {
  Transaction transaction = Bounce("198.51.100.1", 5);
  for (const std::uint16_t reply :
       std::to_array<std::uint16_t>({250, 251, 450, 550, 521, 0, 354})) {
    AddRecipient(transaction, "a@example.org", reply);
  }
  tally_.OnTransaction(transaction);
  const Report report = Snapshot();
  for (const AddressCounts& row : {report.targets.at(0), report.sources.at(0)}) {
    EXPECT_EQ(row.recipients, 7u);
    EXPECT_EQ(row.accepted, 2u);
    EXPECT_EQ(row.deferred, 1u);
    EXPECT_EQ(row.refused, 2u);
    EXPECT_EQ(row.unknown, 2u);
    EXPECT_EQ(row.delivered, 2u);
    EXPECT_EQ(row.distinct, 1u);
    EXPECT_EQ(row.first, 5);
    EXPECT_EQ(row.last, 5);
  }
  EXPECT_EQ(report.targets[0].address, "a@example.org");
  EXPECT_EQ(report.sources[0].address, "198.51.100.1");
}

TEST_F(TallyTest, DeliveredNeedsAPositiveFinalReply) {
  Transaction transaction = BounceTo("a@example.org", "198.51.100.1");
  transaction.body_reply = 554;
  tally_.OnTransaction(transaction);
  transaction.body_reply = 0;
  tally_.OnTransaction(transaction);
  EXPECT_EQ(Snapshot().targets.at(0).delivered, 0u);
}

TEST_F(TallyTest, InLmtpEachRecipientHasItsOwnFinalReply) {
  Transaction transaction = Bounce("198.51.100.1");
  transaction.protocol = Protocol::kLmtp;
  transaction.body_reply = 250;  // the highest
  AddRecipient(transaction, "a@example.org").final_reply = 250;
  AddRecipient(transaction, "b@example.org").final_reply = 452;
  tally_.OnTransaction(transaction);
  const Report report = Snapshot();
  EXPECT_EQ(report.targets.at(0).delivered, 1u);
  EXPECT_EQ(report.targets.at(1).delivered, 0u);
  EXPECT_EQ(report.sources.at(0).delivered, 1u);
}

TEST_F(TallyTest, OnlyNullSendersHaveTargetsAndSources) {
  Transaction transaction = BounceTo("a@example.org", "198.51.100.1");
  transaction.null_sender = false;
  tally_.OnTransaction(transaction);
  tally_.OnTransaction(Bounce("198.51.100.2"));  // no RCPT: no source either
  const Report report = Snapshot();
  EXPECT_TRUE(report.targets.empty());
  EXPECT_TRUE(report.sources.empty());
  EXPECT_EQ(report.recipients, 1u);
}

TEST_F(TallyTest, EverySpellingOfATargetIsOneRowAndSumsHold) {
  for (const char* spelling :
       {"a@example.org", "a@EXAMPLE.org", "\"a\"@example.org", "@relay.test:a@example.org",
        "prvs=1234abcdef=a@example.org", "a@example.org", "a@EXAMPLE.org"}) {
    tally_.OnTransaction(BounceTo(spelling, "198.51.100.1"));
  }
  tally_.OnTransaction(BounceTo("not an address", "198.51.100.1"));
  tally_.OnTransaction(BounceTo("", "198.51.100.1"));
  const Report report = Snapshot();
  ASSERT_EQ(report.targets.size(), 2u);
  EXPECT_EQ(report.targets[0].address, "a@example.org");
  EXPECT_EQ(report.targets[0].recipients, 7u);
  EXPECT_EQ(report.targets[0].distinct, 1u);
  EXPECT_EQ(report.targets[1].address, "-");
  EXPECT_EQ(report.targets[1].recipients, 2u);
  EXPECT_EQ(ledger_.Get(Anomaly::kAddressUnparsable), 2u);
  EXPECT_EQ(report.sources.at(0).distinct, 2u);
  ASSERT_EQ(report.domains.size(), 2u);
  EXPECT_EQ(report.domains[0].domain, "example.org");
  EXPECT_EQ(report.domains[1].domain, "-");
}

TEST_F(TallyTest, DomainsCountUnknownUsersDistinctSourcesAndDistinctTargets) {
  Transaction transaction = Bounce("198.51.100.1");
  AddRecipient(transaction, "a@example.org", 550).unknown_user = true;
  AddRecipient(transaction, "b@example.org");
  AddRecipient(transaction, "c@example.net");
  tally_.OnTransaction(transaction);
  tally_.OnTransaction(BounceTo("a@example.org", "198.51.100.2"));
  tally_.OnTransaction(BounceTo("a@example.org", "198.51.100.2"));
  const Report report = Snapshot();
  ASSERT_EQ(report.domains.size(), 2u);
  EXPECT_EQ(report.domains[0].domain, "example.org");
  EXPECT_EQ(report.domains[0].recipients, 4u);
  EXPECT_EQ(report.domains[0].unknown_user, 1u);
  EXPECT_EQ(report.domains[0].sources, 2u);
  EXPECT_EQ(report.domains[0].targets, 2u);
  EXPECT_EQ(report.domains[1].domain, "example.net");
  EXPECT_EQ(report.domains[1].targets, 1u);
}

TEST_F(TallyTest, AnSrsTargetIsItsOriginalAddressUnderTheForwardersDomain) {
  for (int round = 0; round < 2; ++round) {
    tally_.OnTransaction(BounceTo("user@origin.test", "198.51.100.1"));
    tally_.OnTransaction(BounceTo("SRS0=abcd=XY=origin.test=user@fwd.test", "198.51.100.1"));
  }
  const Report report = Snapshot();
  ASSERT_EQ(report.targets.size(), 1u);
  EXPECT_EQ(report.targets[0].address, "user@origin.test");
  EXPECT_EQ(report.targets[0].recipients, 4u);
  ASSERT_EQ(report.domains.size(), 2u);
  for (const DomainCounts& domain : report.domains) {
    EXPECT_EQ(domain.recipients, 2u);
    EXPECT_EQ(domain.targets, 1u);
    EXPECT_EQ(domain.sources, 1u);
  }
}

TEST_F(TallyTest, ListsAreSortedByCountThenByAddressAndCutToTheLengthAskedFor) {
  for (const char* address : {"d@example.org", "a-long-local-part-2@example.org", "c@example.org",
                              "a-long-local-part-1@example.org", "c@example.org"}) {
    tally_.OnTransaction(BounceTo(address, "198.51.100.1"));
  }
  const Report all = Snapshot();
  ASSERT_EQ(all.targets.size(), 4u);
  EXPECT_EQ(all.targets[0].address, "c@example.org");
  EXPECT_EQ(all.targets[1].address, "a-long-local-part-1@example.org");
  EXPECT_EQ(all.targets[2].address, "a-long-local-part-2@example.org");
  EXPECT_EQ(all.targets[3].address, "d@example.org");
  const Report two = Snapshot(2);
  ASSERT_EQ(two.targets.size(), 2u);
  EXPECT_EQ(two.targets[1].address, "a-long-local-part-1@example.org");
  EXPECT_EQ(two.targets_known, 4u);
}

TEST_F(TallyTest, FirstAndLastDoNotDependOnTheOrderOfArrival) {
  for (const PacketTime at : {30, 10, 20}) {
    tally_.OnTransaction(BounceTo("a@example.org", "198.51.100.1", 250, at));
  }
  const Report report = Snapshot();
  EXPECT_EQ(report.targets.at(0).first, 10);
  EXPECT_EQ(report.targets.at(0).last, 30);
  EXPECT_EQ(report.sources.at(0).first, 10);
  EXPECT_EQ(report.sources.at(0).last, 30);
}

TEST_F(TallyTest, WeightsAreSummedBesideTheRawCounts) {
  Transaction transaction = BounceTo("a@example.org", "198.51.100.1");
  transaction.weight = 10;
  tally_.OnTransaction(transaction);
  tally_.OnTransaction(transaction);
  const Report report = Snapshot();
  EXPECT_EQ(report.recipients, 2u);
  EXPECT_EQ(report.estimated_recipients, 20);
  EXPECT_EQ(report.estimated_null_sender_recipients, 20);
  EXPECT_EQ(report.targets.at(0).recipients, 2u);
  EXPECT_EQ(report.targets.at(0).estimated_recipients, 20);
  EXPECT_EQ(report.sources.at(0).estimated_recipients, 20);
}

TEST(Tally, TargetsAndSourcesLeaveOutOutboundButTotalsDoNot) {
  Ledger ledger;
  TallyOptions options;
  options.local_networks = {*IpNetwork::Parse("198.51.100.0/24")};
  Tally tally(options, &ledger);
  tally.OnTransaction(BounceTo("a@example.org", "198.51.100.1"));  // to 192.0.2.25
  const Report report = MakeReport(tally, ledger, {}, {}, 0);
  EXPECT_TRUE(report.targets.empty());
  EXPECT_TRUE(report.sources.empty());
  EXPECT_TRUE(report.domains.empty());
  EXPECT_EQ(report.transactions.null_sender_recipients, 1u);
}

TEST(Tally, CaseAndDetailAreFoldedOnlyWhenAsked) {
  Ledger ledger;
  TallyOptions options;
  options.target = {.fold_case = true, .fold_detail = true};
  Tally tally(options, &ledger);
  tally.OnTransaction(BounceTo("Ann+news@example.org", "198.51.100.1"));
  tally.OnTransaction(BounceTo("ann@example.org", "198.51.100.1"));
  tally.OnTransaction(BounceTo("Ann+news@example.org", "198.51.100.1"));
  const Report report = MakeReport(tally, ledger, {}, {}, 0);
  ASSERT_EQ(report.targets.size(), 1u);
  EXPECT_EQ(report.targets[0].recipients, 3u);
}

}  // namespace
}  // namespace backscatter
