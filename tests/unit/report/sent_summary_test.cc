#include "agent/report/sent_summary.h"

#include <gtest/gtest.h>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

constexpr std::int64_t kWindow = std::int64_t{8} * 24 * 3600 * 1'000'000'000;
constexpr PacketTime kNow = PacketTime{1'790'000'000} * 1'000'000'000;

TEST(SentSummary, OfNothingIsNothing) {
  const SentLedger ledger({.window_ns = kWindow, .capacity = 1000, .key = KeyOf(1)});
  const SentCoverage coverage(kWindow, KeyOf(1));
  const SentSummary summary = SummarizeSent(ledger, coverage, kNow, 0);
  EXPECT_EQ(summary.sessions, 0u);
  EXPECT_EQ(summary.coverage(), 0.0);
  EXPECT_FALSE(summary.since.has_value());
  EXPECT_TRUE(summary.clients.empty());
}

TEST(SentSummary, NamesTheHostsThatHideMostFirst) {
  SentLedger ledger({.window_ns = kWindow, .capacity = 1000, .key = KeyOf(1)});
  ledger.Add({.at = kNow, .message_id = "1@ours.example", .sender = "a@ours.example"});
  SentCoverage coverage(kWindow, KeyOf(1));
  for (int i = 0; i < 8; ++i) coverage.OnSession(Ip("192.0.2.1"), true, kNow);
  for (int i = 0; i < 3; ++i) coverage.OnSession(Ip("192.0.2.2"), i == 0, kNow);
  coverage.OnSession(Ip("192.0.2.3"), true, kNow);
  const SentSummary summary = SummarizeSent(ledger, coverage, kNow, 2);
  EXPECT_EQ(summary.sessions, 12u);
  EXPECT_EQ(summary.readable, 10u);
  EXPECT_DOUBLE_EQ(summary.coverage(), 10.0 / 12);
  EXPECT_EQ(summary.mails, 1u);
  EXPECT_EQ(summary.since, kNow);
  ASSERT_EQ(summary.clients.size(), 2u);
  EXPECT_EQ(summary.clients[0].address, "192.0.2.2");
  EXPECT_EQ(summary.clients[0].sessions, 3u);
  EXPECT_EQ(summary.clients[0].readable, 1u);
  EXPECT_EQ(summary.clients[1].address, "192.0.2.1");
}

}  // namespace
}  // namespace backscatter
