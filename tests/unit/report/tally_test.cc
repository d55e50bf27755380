#include "agent/report/tally.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>

#include "tests/support/judged.h"
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
    Give(tally_, transaction);
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
  Give(tally_, transaction);
  transaction.null_sender = false;
  Give(tally_, transaction);
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
  Give(tally_, transaction);
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
  Give(tally_, transaction);
  transaction.body_reply = 0;
  Give(tally_, transaction);
  EXPECT_EQ(Snapshot().targets.at(0).delivered, 0u);
}

TEST_F(TallyTest, InLmtpEachRecipientHasItsOwnFinalReply) {
  Transaction transaction = Bounce("198.51.100.1");
  transaction.protocol = Protocol::kLmtp;
  transaction.body_reply = 250;  // the highest
  AddRecipient(transaction, "a@example.org").final_reply = 250;
  AddRecipient(transaction, "b@example.org").final_reply = 452;
  Give(tally_, transaction);
  const Report report = Snapshot();
  EXPECT_EQ(report.targets.at(0).delivered, 1u);
  EXPECT_EQ(report.targets.at(1).delivered, 0u);
  EXPECT_EQ(report.sources.at(0).delivered, 1u);
}

TEST_F(TallyTest, OnlyNullSendersHaveTargetsAndSources) {
  Transaction transaction = BounceTo("a@example.org", "198.51.100.1");
  transaction.null_sender = false;
  Give(tally_, transaction);
  Give(tally_, Bounce("198.51.100.2"));  // no RCPT: no source either
  const Report report = Snapshot();
  EXPECT_TRUE(report.targets.empty());
  EXPECT_TRUE(report.sources.empty());
  EXPECT_EQ(report.recipients, 1u);
}

TEST_F(TallyTest, EverySpellingOfATargetIsOneRowAndSumsHold) {
  for (const char* spelling :
       {"a@example.org", "a@EXAMPLE.org", "\"a\"@example.org", "@relay.test:a@example.org",
        "prvs=1234abcdef=a@example.org", "a@example.org", "a@EXAMPLE.org"}) {
    Give(tally_, BounceTo(spelling, "198.51.100.1"));
  }
  Give(tally_, BounceTo("not an address", "198.51.100.1"));
  Give(tally_, BounceTo("", "198.51.100.1"));
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
  Give(tally_, transaction);
  Give(tally_, BounceTo("a@example.org", "198.51.100.2"));
  Give(tally_, BounceTo("a@example.org", "198.51.100.2"));
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
    Give(tally_, BounceTo("user@origin.test", "198.51.100.1"));
    Give(tally_, BounceTo("SRS0=abcd=XY=origin.test=user@fwd.test", "198.51.100.1"));
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
    Give(tally_, BounceTo(address, "198.51.100.1"));
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
    Give(tally_, BounceTo("a@example.org", "198.51.100.1", 250, at));
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
  Give(tally_, transaction);
  Give(tally_, transaction);
  const Report report = Snapshot();
  EXPECT_EQ(report.recipients, 2u);
  EXPECT_EQ(report.estimated_recipients, 20);
  EXPECT_EQ(report.estimated_null_sender_recipients, 20);
  EXPECT_EQ(report.targets.at(0).recipients, 2u);
  EXPECT_EQ(report.targets.at(0).estimated_recipients, 20);
  EXPECT_EQ(report.sources.at(0).estimated_recipients, 20);
  EXPECT_EQ(report.domains.at(0).recipients, 2u);
  EXPECT_EQ(report.domains.at(0).estimated_recipients, 20);
  EXPECT_EQ(report.transactions.total, 2u);
  EXPECT_EQ(report.estimates.transactions, 20);
  EXPECT_EQ(report.estimates.null_sender, 20);
  EXPECT_EQ(report.estimates.accepted, 20);
  EXPECT_EQ(report.estimates.verdicts[static_cast<std::size_t>(Verdict::kUnknown)], 20);
  EXPECT_TRUE(report.sampled());
}

TEST(Tally, TargetsAndSourcesLeaveOutOutboundButTotalsDoNot) {
  Ledger ledger;
  Tally tally(TallyOptions{}, &ledger);
  Give(tally, BounceTo("a@example.org", "198.51.100.1"), {}, MailDirection::kOutbound);
  const Report report = MakeReport(tally, ledger, {}, {}, 0);
  EXPECT_TRUE(report.targets.empty());
  EXPECT_TRUE(report.sources.empty());
  EXPECT_TRUE(report.domains.empty());
  EXPECT_EQ(report.transactions.null_sender_recipients, 1u);
}

std::uint64_t Of(const VerdictCounts& counts, Verdict verdict) {
  return counts[static_cast<std::size_t>(verdict)];
}

TEST_F(TallyTest, VerdictsAndRetriesPartitionTheTransactions) {
  const Transaction bounce = BounceTo("a@example.org", "198.51.100.1");
  Transaction mail = bounce;
  mail.null_sender = false;
  Give(tally_, bounce, {.verdict = Verdict::kBackscatter});
  Give(tally_, bounce, {.verdict = Verdict::kBackscatter});
  Give(tally_, bounce, {.retry = true, .verdict = Verdict::kBackscatter});
  Give(tally_, mail, {.verdict = Verdict::kNormal});
  Give(tally_, bounce, {.verdict = Verdict::kEmitted}, MailDirection::kOutbound);
  const Report report = Snapshot();
  EXPECT_EQ(Of(report.verdicts, Verdict::kBackscatter), 2u);
  EXPECT_EQ(Of(report.verdicts, Verdict::kNormal), 1u);
  EXPECT_EQ(Of(report.verdicts, Verdict::kEmitted), 1u);
  EXPECT_EQ(report.transactions.retries, 1u);
  EXPECT_EQ(std::accumulate(report.verdicts.begin(), report.verdicts.end(), std::uint64_t{1}),
            report.transactions.total);
}

TEST_F(TallyTest, VerdictsOfRowsCountRecipientsOfNullSenders) {
  Transaction two = BounceTo("a@example.org", "198.51.100.1");
  AddRecipient(two, "b@example.org");
  two.recipients_not_kept = 5;
  Give(tally_, two, {.verdict = Verdict::kNullBulk});
  Give(tally_, BounceTo("a@example.org", "198.51.100.2"), {.verdict = Verdict::kBackscatter});
  Give(tally_, BounceTo("a@example.org", "198.51.100.2"), {.retry = true});
  Give(tally_, BounceTo("a@example.org", "198.51.100.2"), {.verdict = Verdict::kEmitted},
       MailDirection::kOutbound);
  Transaction daemon = BounceTo("a@example.org", "198.51.100.2");
  daemon.null_sender = false;
  Give(tally_, daemon, {.verdict = Verdict::kBackscatter});
  const Report report = Snapshot();
  ASSERT_EQ(report.targets.size(), 2u);
  EXPECT_EQ(report.targets[0].recipients, 3u);  // the retry too
  EXPECT_EQ(Of(report.targets[0].verdicts, Verdict::kNullBulk), 1u);
  EXPECT_EQ(Of(report.targets[0].verdicts, Verdict::kBackscatter), 1u);
  EXPECT_EQ(Of(report.targets[0].verdicts, Verdict::kUnknown), 0u);
  EXPECT_EQ(Of(report.targets[0].verdicts, Verdict::kEmitted), 0u);
  EXPECT_EQ(Of(report.targets[1].verdicts, Verdict::kNullBulk), 1u);
  ASSERT_EQ(report.sources.size(), 2u);
  EXPECT_EQ(report.sources[0].recipients, 7u);
  EXPECT_EQ(Of(report.sources[0].verdicts, Verdict::kNullBulk), 7u);
  EXPECT_EQ(Of(report.sources[1].verdicts, Verdict::kBackscatter), 1u);
  EXPECT_EQ(Of(report.verdicts, Verdict::kBackscatter), 2u);
}

TEST(Tally, CaseAndDetailAreFoldedOnlyWhenAsked) {
  Ledger ledger;
  TallyOptions options;
  options.target = {.fold_case = true, .fold_detail = true};
  Tally tally(options, &ledger);
  Give(tally, BounceTo("Ann+news@example.org", "198.51.100.1"));
  Give(tally, BounceTo("ann@example.org", "198.51.100.1"));
  Give(tally, BounceTo("Ann+news@example.org", "198.51.100.1"));
  const Report report = MakeReport(tally, ledger, {}, {}, 0);
  ASSERT_EQ(report.targets.size(), 1u);
  EXPECT_EQ(report.targets[0].recipients, 3u);
}

}  // namespace
}  // namespace backscatter
