#include "agent/detect/accepted_mail.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

TEST(AcceptedMail, KnowsWhereAPairCameFrom) {
  AcceptedMail mail({.capacity = 10, .hash_key = KeyOf(1)});
  mail.Add("Victim@Example.org", "gone@ours.example", Ip("198.51.100.1"), 0);
  EXPECT_EQ(mail.Find("victim@example.org", "GONE@ours.example", 1), Ip("198.51.100.1"));
  // A tagged sender is the same sender.
  EXPECT_EQ(mail.Find("prvs=0788f7674b=victim@example.org", "gone@ours.example", 1),
            Ip("198.51.100.1"));
  EXPECT_EQ(mail.Find("gone@ours.example", "victim@example.org", 1), std::nullopt);
  EXPECT_EQ(mail.Find("victim@example.org", "other@ours.example", 1), std::nullopt);
}

TEST(AcceptedMail, TheLatestHostCounts) {
  AcceptedMail mail({.capacity = 10, .hash_key = KeyOf(1)});
  mail.Add("a@example.org", "b@ours.example", Ip("198.51.100.1"), 0);
  mail.Add("a@example.org", "b@ours.example", Ip("2001:db8::7"), 1);
  EXPECT_EQ(mail.Find("a@example.org", "b@ours.example", 2), Ip("2001:db8::7"));
}

TEST(AcceptedMail, FiveDaysAreTheLimitOnBothSides) {
  AcceptedMail mail({.capacity = 10, .hash_key = KeyOf(1)});
  mail.Add("a@example.org", "b@ours.example", Ip("198.51.100.1"), 0);
  EXPECT_TRUE(mail.Find("a@example.org", "b@ours.example", 5 * kDay));
  EXPECT_FALSE(mail.Find("a@example.org", "b@ours.example", 5 * kDay + 1));
}

TEST(AcceptedMail, WhatIsNoAddressIsNotKept) {
  AcceptedMail mail({.capacity = 10, .hash_key = KeyOf(1)});
  mail.Add("a@@", "b@ours.example", Ip("198.51.100.1"), 0);
  EXPECT_FALSE(mail.Find("a@@", "b@ours.example", 0));
}

TEST(AcceptedMail, WhatTheNextHostRefusedCountsOnlyForSendersWhoseMailHadComeIn) {
  AcceptedMail mail({.capacity = 10, .hash_key = KeyOf(1)});
  mail.AddRefused("a@example.org", "gone@next.example", 0);
  EXPECT_FALSE(mail.FindRefused("a@example.org", "gone@next.example", 1));
  mail.Add("a@example.org", "moved@ours.example", Ip("198.51.100.1"), 2);
  mail.AddRefused("a@example.org", "gone@next.example", 3);
  EXPECT_EQ(mail.FindRefused("A@example.org", "gone@next.example", 4), Ip("198.51.100.1"));
  // Refused elsewhere and accepted here are two things.
  EXPECT_FALSE(mail.Find("a@example.org", "gone@next.example", 4));
  EXPECT_FALSE(mail.FindRefused("a@example.org", "moved@ours.example", 4));
}

TEST(AcceptedMail, FullItForgetsTheOldestAndSaysSo) {
  AcceptedMail mail({.capacity = 100, .hash_key = KeyOf(1)});
  for (int i = 0; i < 250; ++i) {
    mail.Add("s" + std::to_string(i) + "@x.org", "b@ours.example", Ip("198.51.100.1"), i);
  }
  EXPECT_EQ(mail.forgotten(), 150u);
  EXPECT_FALSE(mail.Find("s149@x.org", "b@ours.example", 250));
  EXPECT_TRUE(mail.Find("s150@x.org", "b@ours.example", 250));
  EXPECT_LT(mail.MemoryBytes(), 100u * 240);
}

}  // namespace
}  // namespace backscatter
