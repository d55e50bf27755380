#include "agent/mail/batv.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace backscatter {
namespace {

// Day 781 of its thousand, so that a tag made now expires on day 788.
constexpr PacketTime kNow = 20'781 * kDay + 12 * 3600 * kSecond;
constexpr std::string_view kAlice = "prvs=0788f7674b=alice@example.com";
constexpr std::string_view kBob = "prvs=37882bd742=Bob+tag@Example.COM";

BatvKeys OurKeys() {
  BatvKeys keys;
  keys.Add(0, "secretkey");
  keys.Add(3, "k2");
  return keys;
}

TagState Check(std::string_view path, PacketTime now = kNow) { return OurKeys().Check(path, now); }

TEST(Batv, TheVectorsMadeByEximAreMadeAndVerified) {
  EXPECT_EQ(MakeBatvAddress("secretkey", 0, 788, "alice@example.com"), kAlice);
  EXPECT_EQ(MakeBatvAddress("k2", 3, 788, "Bob+tag@Example.COM"), kBob);
  EXPECT_EQ(Check(kAlice), TagState::kValid);
  EXPECT_EQ(Check(kBob), TagState::kValid);
}

TEST(Batv, ATagHoldsFromTheDayItWasMadeToItsSeventhAndNoDayMore) {
  EXPECT_EQ(Check(kAlice, kNow), TagState::kValid);               // 7 days left
  EXPECT_EQ(Check(kAlice, kNow - kDay), TagState::kExpired);      // 8: not made yet
  EXPECT_EQ(Check(kAlice, kNow + 7 * kDay), TagState::kValid);    // its last day
  EXPECT_EQ(Check(kAlice, kNow + 8 * kDay), TagState::kExpired);  // the day after
  EXPECT_EQ(Check(kAlice, 20'781 * kDay), TagState::kValid);      // first instant
  EXPECT_EQ(Check(kAlice, 20'781 * kDay - 1), TagState::kExpired);
  EXPECT_EQ(Check(kAlice, 20'789 * kDay - 1), TagState::kValid);  // last instant
  EXPECT_EQ(Check(kAlice, 20'789 * kDay), TagState::kExpired);
}

TEST(Batv, DaysAreComparedModuloAThousand) {
  const std::string wrapped = MakeBatvAddress("secretkey", 0, 3, "alice@example.com");
  EXPECT_EQ(Check(wrapped, 20'996 * kDay), TagState::kValid);
  EXPECT_EQ(Check(wrapped, 20'995 * kDay), TagState::kExpired);
  EXPECT_EQ(Check(wrapped, 21'003 * kDay), TagState::kValid);
  EXPECT_EQ(Check(wrapped, 21'004 * kDay), TagState::kExpired);
  // A plain comparison of numbers takes this one for good.
  const std::string old = MakeBatvAddress("secretkey", 0, 900, "alice@example.com");
  EXPECT_EQ(Check(old, 21'100 * kDay), TagState::kExpired);
}

TEST(Batv, DaysAreCountedAlsoBefore1970) {
  EXPECT_EQ(BatvDay(0), 0);
  EXPECT_EQ(BatvDay(kDay - 1), 0);
  EXPECT_EQ(BatvDay(kDay), 1);
  EXPECT_EQ(BatvDay(1000 * kDay), 0);
  EXPECT_EQ(BatvDay(-1), 999);
  EXPECT_EQ(BatvDay(-kDay), 999);
  EXPECT_EQ(BatvDay(-kDay - 1), 998);
}

TEST(Batv, AnotherKeyOrAnotherAddressIsWrong) {
  EXPECT_EQ(Check("prvs=0788f7674c=alice@example.com"), TagState::kWrong);
  EXPECT_EQ(Check("prvs=0788f7674b=alicf@example.com"), TagState::kWrong);
  EXPECT_EQ(Check("prvs=0788f7674b=alice@example.org"), TagState::kWrong);
  EXPECT_EQ(Check("prvs=0787f7674b=alice@example.com"), TagState::kWrong);  // another day
  EXPECT_EQ(Check(MakeBatvAddress("k2", 0, 788, "alice@example.com")), TagState::kWrong);
}

TEST(Batv, AWrongHashIsWrongAlsoWhereItIsPast) {
  EXPECT_EQ(Check("prvs=0788f7674c=alice@example.com", kNow + 30 * kDay), TagState::kWrong);
}

TEST(Batv, ANumberThatIsNotOursCannotBeJudged) {
  EXPECT_EQ(Check("prvs=1788f7674b=alice@example.com"), TagState::kUnverified);
  EXPECT_EQ(BatvKeys().Check(kAlice, kNow), TagState::kUnverified);
  EXPECT_TRUE(BatvKeys().empty());
  EXPECT_FALSE(OurKeys().empty());
}

TEST(Batv, ANumberMayHaveSeveralKeys) {
  BatvKeys keys;
  keys.Add(0, "the new one");
  keys.Add(0, "secretkey");
  EXPECT_EQ(keys.Check(kAlice, kNow), TagState::kValid);
  EXPECT_EQ(keys.Check(MakeBatvAddress("the new one", 0, 788, "a@b.example"), kNow),
            TagState::kValid);
  EXPECT_EQ(keys.Check(MakeBatvAddress("a third", 0, 788, "a@b.example"), kNow), TagState::kWrong);
}

TEST(Batv, CaseDoesNotMatterWhereAMailServerMayChangeIt) {
  EXPECT_EQ(Check("PRVS=0788F7674B=alice@example.com"), TagState::kValid);
  EXPECT_EQ(Check("prvs=0788f7674b=Alice@EXAMPLE.com"), TagState::kValid);  // signed in lower case
  EXPECT_EQ(Check("prvs=37882bd742=bob+tag@example.com"), TagState::kWrong);  // signed as seen
}

TEST(Batv, RoutesAndQuotesAreNoPartOfTheAddress) {
  EXPECT_EQ(Check("@relay.example:prvs=0788f7674b=alice@example.com"), TagState::kValid);
  EXPECT_EQ(Check("\"prvs=0788f7674b=alice\"@example.com"), TagState::kValid);
}

TEST(Batv, DialectsOfOthersAreNeverCalledWrong) {
  for (const std::string_view path :
       {"prvs=joe=123ABCDEFG@example.com", "prvs=joe/123ABCDEFG@example.com",
        "prvs=788f7674b=alice@example.com", "btv1==0788f7674b==alice@example.com",
        "msprvs1=17890abcdef=alice@example.com", "BTV1==0788F7674B==alice@example.com"}) {
    EXPECT_EQ(Check(path), TagState::kUnverified) << path;
  }
}

TEST(Batv, WhatIsNoTagIsNone) {
  for (const std::string_view path :
       {"", "@", "alice@example.com", "prvs=@example.com", "prvs=0788f7674b=@example.com",
        "prvs=0788f7674b=alice", "prvs=", "a=b@example.com", "alice@prvs=0788f7674b=x",
        "SRS0=HHHH=TT=orig.example=joe@example.com"}) {
    EXPECT_EQ(Check(path), TagState::kNone) << path;
  }
}

}  // namespace
}  // namespace backscatter
