#include "agent/mail/sent_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace backscatter {
namespace {

constexpr PacketTime kNow = 20'000 * kDay + 3600 * kSecond;

SentMail Example() {
  return {.at = kNow,
          .message_id = "<A1.b2@Mail.Example.com>",
          .sender = "Alice@Example.com",
          .recipient = "bob@Other.example",
          .envelope_id = "QQ314+2Babc",
          .queue_id = "4XyZ12",
          .host = "MX1.example.com"};
}

class SentLedgerTest : public testing::Test {
 protected:
  SentLedger ledger_{SentLedgerOptions{}};
};

TEST_F(SentLedgerTest, KnowsEveryPartOfAMailThatWasSent) {
  EXPECT_FALSE(ledger_.HasMessageId("a1.b2@mail.example.com"));
  ledger_.Add(Example());
  EXPECT_TRUE(ledger_.HasMessageId("a1.b2@mail.example.com"));
  EXPECT_TRUE(ledger_.HasPair("alice@example.com", "bob@other.example"));
  EXPECT_TRUE(ledger_.HasSender("alice@example.com"));
  EXPECT_TRUE(ledger_.HasQueueId("4xyz12", "mx1.example.com."));
  EXPECT_EQ(ledger_.entries(), 5u);
  EXPECT_EQ(ledger_.mails(), 1u);
}

TEST_F(SentLedgerTest, KnowsNothingElse) {
  ledger_.Add(Example());
  EXPECT_FALSE(ledger_.HasMessageId("a1.b3@mail.example.com"));
  EXPECT_FALSE(ledger_.HasPair("bob@other.example", "alice@example.com"));
  EXPECT_FALSE(ledger_.HasPair("alice@example.com", "carol@other.example"));
  EXPECT_FALSE(ledger_.HasSender("bob@other.example"));
  EXPECT_FALSE(ledger_.HasQueueId("4xyz12", "mx2.example.com"));
  EXPECT_FALSE(ledger_.HasQueueId("mx1.example.com", "4xyz12"));
}

TEST_F(SentLedgerTest, KeysOfOneKindAreNotFoundAsAnother) {
  ledger_.Add({.at = kNow, .message_id = "alice@example.com"});
  EXPECT_FALSE(ledger_.HasSender("alice@example.com"));
  EXPECT_FALSE(ledger_.HasEnvelopeId("alice@example.com"));
  EXPECT_TRUE(ledger_.HasMessageId(" <alice@example.com> "));
}

TEST_F(SentLedgerTest, EnvelopeIdsAreFoundAsSentAndWithoutTheirXtext) {
  ledger_.Add(Example());
  EXPECT_TRUE(ledger_.HasEnvelopeId("QQ314+2Babc"));
  EXPECT_TRUE(ledger_.HasEnvelopeId("qq314+abc"));
  EXPECT_FALSE(ledger_.HasEnvelopeId("qq314abc"));
}

TEST_F(SentLedgerTest, TagsOfAddressesAreUndoneOnBothSides) {
  ledger_.Add({.at = kNow, .sender = "prvs=0788f7674b=Alice@example.com", .recipient = "b@x.org"});
  EXPECT_TRUE(ledger_.HasSender("alice@example.com"));
  EXPECT_TRUE(ledger_.HasPair("<PRVS=1799abcdef=alice@EXAMPLE.com>", "B@X.org."));
  ledger_.Add({.at = kNow,
               .sender = "SRS0=HHHH=TT=origin.example=carol@forward.example",
               .recipient = "\"dan\"@x.org"});
  EXPECT_TRUE(ledger_.HasPair("carol@origin.example", "dan@x.org"));
}

TEST_F(SentLedgerTest, TheNullSenderAndEmptyPartsAreNotLearnt) {
  ledger_.Add({.at = kNow, .message_id = "<>", .sender = "<>", .recipient = "bob@x.org"});
  ledger_.Add({.at = kNow, .sender = "", .recipient = "bob@x.org"});
  ledger_.Add({.at = kNow, .queue_id = "4xyz12"});
  EXPECT_EQ(ledger_.entries(), 0u);
  EXPECT_EQ(ledger_.history_start(), std::nullopt);
  EXPECT_FALSE(ledger_.HasMessageId(""));
  EXPECT_FALSE(ledger_.HasSender("<>"));
}

TEST_F(SentLedgerTest, WhatIsTooLongForALineIsNoMessageId) {
  const std::string id = std::string(998, 'a');
  ledger_.Add({.at = kNow, .message_id = id});
  EXPECT_TRUE(ledger_.HasMessageId(id));
  ledger_.Add({.at = kNow, .message_id = id + "a"});
  EXPECT_FALSE(ledger_.HasMessageId(id + "a"));
}

TEST_F(SentLedgerTest, AMailIsForgottenAfterEightDays) {
  ledger_.Add(Example());
  ledger_.AdvanceTo(kNow + 7 * kDay);
  EXPECT_TRUE(ledger_.HasMessageId("a1.b2@mail.example.com"));
  EXPECT_EQ(ledger_.history_start(), kNow);
  ledger_.AdvanceTo(kNow + 8 * kDay);
  EXPECT_FALSE(ledger_.HasMessageId("a1.b2@mail.example.com"));
  EXPECT_EQ(ledger_.history_start(), 20'001 * kDay);  // it went on learning, though nothing came
  ledger_.AdvanceTo(kNow + 16 * kDay);
  EXPECT_EQ(ledger_.history_start(), std::nullopt);  // it was not there
}

TEST_F(SentLedgerTest, HistoryReachesBackToTheOldestSliceAtMost) {
  for (int day = 0; day < 12; ++day) {
    ledger_.Add({.at = kNow + day * kDay, .message_id = std::to_string(day)});
  }
  EXPECT_EQ(ledger_.history_start(), 20'004 * kDay);
}

TEST_F(SentLedgerTest, AWrongTimeForgetsNothingAndMovesNoHistory) {
  ledger_.Add(Example());
  ledger_.Add({.at = kNow + 4'000 * kDay, .message_id = "future"});
  ledger_.Add({.at = 5 * kSecond, .message_id = "past"});
  EXPECT_TRUE(ledger_.HasMessageId("a1.b2@mail.example.com"));
  EXPECT_TRUE(ledger_.HasMessageId("future"));
  EXPECT_FALSE(ledger_.HasMessageId("past"));
  EXPECT_EQ(ledger_.too_old(), 1u);
  EXPECT_EQ(ledger_.history_start(), kNow);
}

TEST(SentLedger, AnotherWindowMakesOtherSlices) {
  SentLedger ledger({.window_ns = 80 * kSecond, .capacity = 1000, .key = {}});
  ledger.Add({.at = 5 * kSecond, .message_id = "a"});
  ledger.Add({.at = 15 * kSecond, .message_id = "b"});
  ledger.AdvanceTo(79 * kSecond);
  EXPECT_TRUE(ledger.HasMessageId("a"));
  ledger.AdvanceTo(80 * kSecond);
  EXPECT_FALSE(ledger.HasMessageId("a"));
  EXPECT_TRUE(ledger.HasMessageId("b"));
}

TEST(SentLedger, WhenItIsFullWhatComesIsCountedAndTheRestStays) {
  SentLedger ledger({.capacity = 1000, .key = {}});
  for (int i = 0; i < 10'000; ++i) {
    ledger.Add({.at = kNow, .message_id = "id-" + std::to_string(i)});
  }
  EXPECT_TRUE(ledger.HasMessageId("id-0"));
  EXPECT_GE(ledger.entries(), 4'000u);
  EXPECT_EQ(ledger.entries() + ledger.dropped(), 10'000u);
}

TEST(SentLedger, TheKeptShareTellsHowMuchOfTheWindowIsMissing) {
  SentLedger ledger({.window_ns = 80 * kSecond, .capacity = 1000, .key = {}});
  EXPECT_EQ(ledger.KeptShare(), 1);
  for (int i = 0; i < 8'000; ++i) {
    ledger.Add({.at = 5 * kSecond, .message_id = "id-" + std::to_string(i)});
  }
  EXPECT_NEAR(ledger.KeptShare(), static_cast<double>(ledger.entries()) / 8'000, 0.001);
  EXPECT_LT(ledger.KeptShare(), 0.6);
  ledger.AdvanceTo(79 * kSecond);
  EXPECT_LT(ledger.KeptShare(), 0.6);
  ledger.AdvanceTo(80 * kSecond);  // the slice that they belong to is over
  EXPECT_EQ(ledger.KeptShare(), 1);
  EXPECT_GT(ledger.dropped(), 3'000u);
}

TEST(SentLedger, AnotherKeyNamesEverythingOtherwise) {
  SentLedger one({.key = HashKey{1, 3}});
  SentLedger two({.key = HashKey{5, 7}});
  one.Add(Example());
  two.Add(Example());
  EXPECT_NE(one.set().NamesOf(20'000), two.set().NamesOf(20'000));
}

TEST(SentLedger, RemembersWhatChangedSinceItWasAsked) {
  SentLedger ledger({.capacity = 1000, .key = {}});
  ledger.RecordChanges();
  ledger.Add(Example());
  EXPECT_EQ(ledger.TakeChanges(), std::nullopt);  // the first slice began: only the whole will do
  ledger.Add(Example());
  ASSERT_TRUE(ledger.TakeChanges().has_value());
  ledger.Add({.at = kNow, .message_id = "x"});
  const auto changes = ledger.TakeChanges();
  ASSERT_TRUE(changes.has_value());
  ASSERT_EQ(changes->size(), 1u);
  EXPECT_EQ(changes->front().slice, 20'000);
  ledger.Add({.at = kNow + kDay, .message_id = "y"});
  EXPECT_EQ(ledger.TakeChanges(), std::nullopt);
}

}  // namespace
}  // namespace backscatter
