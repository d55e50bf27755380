#include "agent/detect/retry_memory.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

constexpr PacketTime kSecond = 1'000'000'000;

RetryMemory Memory(std::size_t capacity = 1000) {
  return RetryMemory({.capacity = capacity, .hash_key = KeyOf(1)});
}

Transaction Sized(std::string_view target, std::string_view source, std::string_view size,
                  std::uint16_t reply, PacketTime at) {
  Transaction transaction = BounceTo(target, source, reply, at);
  transaction.mail_parameters = transaction.Store("BODY=8BITMIME size=" + std::string(size));
  transaction.body_reply = reply / 100 == 2 ? 250 : 0;
  return transaction;
}

TEST(RetryMemory, TheSameSizeFromTheSameNetworkAfterA4xxIsARetry) {
  RetryMemory memory = Memory();
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "2309", 450, 0)));
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.9", "2310", 250, kSecond)));
  EXPECT_FALSE(memory.OnTransaction(Sized("b@x.org", "198.51.100.9", "2309", 250, kSecond)));
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.101.9", "2309", 250, kSecond)));
  // A neighbour of the pool, and the domain in another case.
  EXPECT_TRUE(memory.OnTransaction(Sized("a@X.org", "198.51.100.9", "2309", 250, kSecond)));
}

TEST(RetryMemory, AnotherSenderIsAnotherMail) {
  RetryMemory memory = Memory();
  Transaction first = Sized("a@x.org", "198.51.100.1", "2309", 450, 0);
  first.null_sender = false;
  first.mail_from = first.Store("joe@example.org");
  EXPECT_FALSE(memory.OnTransaction(first));
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "2309", 250, kSecond)));
}

TEST(RetryMemory, TheMessageIdIsKnownAgainFromAnyAddress) {
  RetryMemory memory = Memory();
  MessageFacts facts;
  facts.message_id = "1@mx.example.net";
  Transaction first = Sized("a@x.org", "198.51.100.1", "2309", 450, 0);
  first.facts = &facts;  // refused, but sent with BDAT
  EXPECT_FALSE(memory.OnTransaction(first));
  Transaction second = Sized("a@x.org", "203.0.113.7", "2350", 250, kSecond);
  second.facts = &facts;
  EXPECT_TRUE(memory.OnTransaction(second));
  MessageFacts other;
  other.message_id = "2@mx.example.net";
  Transaction third = Sized("a@x.org", "198.51.100.1", "2309", 250, kSecond);
  third.facts = &other;  // of the same size by chance: the Message-ID of the first was seen
  EXPECT_FALSE(memory.OnTransaction(third));
}

TEST(RetryMemory, WhatWasAcceptedOrRefusedForGoodIsNoReason) {
  RetryMemory memory = Memory();
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, 0)));
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 550, kSecond)));
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, kSecond)));
}

TEST(RetryMemory, ABodyOrASenderThatWasDeferredCountsToo) {
  RetryMemory memory = Memory();
  Transaction body = Sized("a@x.org", "198.51.100.1", "1", 250, 0);
  body.body_reply = 451;
  EXPECT_FALSE(memory.OnTransaction(body));
  EXPECT_TRUE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, kSecond)));
  Transaction sender = Sized("b@x.org", "198.51.100.1", "1", 503, 0);
  sender.mail_reply = 452;
  EXPECT_FALSE(memory.OnTransaction(sender));
  EXPECT_TRUE(memory.OnTransaction(Sized("b@x.org", "198.51.100.1", "1", 250, kSecond)));
}

TEST(RetryMemory, FiveDaysAreTheLimitOnBothSides) {
  RetryMemory memory = Memory();
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 450, 0)));
  EXPECT_FALSE(memory.OnTransaction(Sized("b@x.org", "198.51.100.1", "1", 450, 0)));
  EXPECT_TRUE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, 5 * kDay)));
  EXPECT_FALSE(memory.OnTransaction(Sized("b@x.org", "198.51.100.1", "1", 250, 5 * kDay + 1)));
}

// pcapng may say any time; a difference of two did not fit.
TEST(RetryMemory, TheFarthestTimesAreFarFromEachOther) {
  using Limits = std::numeric_limits<PacketTime>;
  RetryMemory memory = Memory(2);
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 450, Limits::min())));
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, Limits::max())));
  EXPECT_FALSE(memory.OnTransaction(Sized("b@x.org", "198.51.100.1", "1", 450, Limits::max())));
  EXPECT_FALSE(memory.OnTransaction(Sized("c@x.org", "198.51.100.1", "1", 450, Limits::max())));
  EXPECT_EQ(memory.forgotten(), 0u);
}

// OpenSMTPD, qmail and call-outs give no SIZE: one that was deferred hid all that came after it
// from its network to its target, for five days.
TEST(RetryMemory, OneDeferredBounceWithoutSizeHidesOneThatComesAfterIt) {
  RetryMemory memory = Memory();
  EXPECT_FALSE(memory.OnTransaction(BounceTo("a@x.org", "198.51.100.1", 450, 0)));
  int retries = 0;
  for (int i = 1; i <= 100; ++i) {
    MessageFacts facts;
    facts.message_id = std::to_string(i) + "@mx.example.net";
    Transaction bounce = BounceTo("a@x.org", "198.51.100.7", 250, i * kSecond);
    bounce.facts = &facts;
    retries += memory.OnTransaction(bounce) ? 1 : 0;
  }
  EXPECT_EQ(retries, 1);
}

TEST(RetryMemory, ManyBouncesOfOneSizeThatWereAllDeferredCountAsManyAtTheEnd) {
  RetryMemory memory = Memory();
  int counted = 0;
  for (const int reply : {450, 450, 250}) {
    for (int i = 0; i < 10; ++i) {
      const Transaction bounce =
          Sized("a@x.org", "198.51.100.1", "2309", static_cast<std::uint16_t>(reply), i * kSecond);
      counted += memory.OnTransaction(bounce) ? 0 : 1;
    }
  }
  EXPECT_EQ(counted, 10);
}

// A forger gives every message the same Message-ID.
TEST(RetryMemory, AMessageIdThatGotThroughIsNoRetryAfterwards) {
  RetryMemory memory = Memory();
  MessageFacts facts;
  facts.message_id = "1@mx.example.net";
  int retries = 0;
  for (int i = 0; i < 100; ++i) {
    Transaction bounce = BounceTo("a@x.org", "198.51.100.1", 250, i * kSecond);
    if (i == 0) bounce.body_reply = 451;
    bounce.facts = &facts;
    retries += memory.OnTransaction(bounce) ? 1 : 0;
  }
  EXPECT_EQ(retries, 1);
}

TEST(RetryMemory, AnAttemptThatBrokeOffSettlesNothing) {
  RetryMemory memory = Memory();
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 450, 0)));
  Transaction broken = Sized("a@x.org", "198.51.100.1", "1", 250, kSecond);
  broken.body_reply = 0;
  broken.outcome = Outcome::kAborted;
  EXPECT_TRUE(memory.OnTransaction(broken));
  EXPECT_TRUE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, 2 * kSecond)));
}

TEST(RetryMemory, FullItForgetsTheOldestAndSaysSo) {
  RetryMemory memory = Memory(100);
  for (int i = 0; i < 250; ++i) {
    const std::string target = "t" + std::to_string(i) + "@x.org";
    EXPECT_FALSE(memory.OnTransaction(Sized(target, "198.51.100.1", "1", 450, i * kSecond)));
  }
  EXPECT_EQ(memory.forgotten(), 150u);
  EXPECT_FALSE(memory.OnTransaction(Sized("t149@x.org", "198.51.100.1", "1", 250, 300 * kSecond)));
  EXPECT_TRUE(memory.OnTransaction(Sized("t150@x.org", "198.51.100.1", "1", 250, 300 * kSecond)));
  EXPECT_LT(memory.MemoryBytes(), 2 * 32'768u + 100u * 100);  // the filters and the rows
}

TEST(RetryMemory, ARetryThatIsDeferredAgainIsRememberedFromThen) {
  RetryMemory memory = Memory(2);
  EXPECT_FALSE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 450, 0)));
  EXPECT_TRUE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 450, 4 * kDay)));
  EXPECT_FALSE(memory.OnTransaction(Sized("b@x.org", "198.51.100.1", "1", 450, 4 * kDay)));
  EXPECT_TRUE(memory.OnTransaction(Sized("a@x.org", "198.51.100.1", "1", 250, 8 * kDay)));
  EXPECT_EQ(memory.forgotten(), 0u);
}

}  // namespace
}  // namespace backscatter
