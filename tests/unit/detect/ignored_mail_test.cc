#include "agent/detect/ignored_mail.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

constexpr PacketTime kStart = 20'780 * kDay;

TEST(IgnoredMail, WithoutAnythingNothingIs) {
  IgnoredMail none;
  EXPECT_FALSE(none.Covers(BounceTo("probe@ours.example", "198.51.100.9", 250, kStart)));
}

TEST(IgnoredMail, ANetworkIsASourceOfAnyMail) {
  IgnoredMail ignored({*IpNetwork::Parse("198.51.100.0/28"), *IpNetwork::Parse("2001:db8::/32")},
                      {}, {});
  EXPECT_TRUE(ignored.Covers(BounceTo("anna@ours.example", "198.51.100.9", 250, kStart)));
  EXPECT_TRUE(ignored.Covers(BounceTo("anna@ours.example", "2001:db8::7", 250, kStart)));
  EXPECT_FALSE(ignored.Covers(BounceTo("anna@ours.example", "198.51.100.16", 250, kStart)));
}

TEST(IgnoredMail, ATargetIsMeantInEverySpelling) {
  IgnoredMail ignored({}, {"Probe@OURS.example"}, {});
  EXPECT_TRUE(ignored.Covers(BounceTo("Probe@ours.EXAMPLE", "198.51.100.9", 250, kStart)));
  EXPECT_TRUE(
      ignored.Covers(BounceTo("prvs=1234abcdef=Probe@ours.example", "192.0.2.7", 250, kStart)));
  EXPECT_FALSE(ignored.Covers(BounceTo("probe@ours.example", "198.51.100.9", 250, kStart)));
  IgnoredMail folded({}, {"Probe@ours.example"}, {.fold_case = true, .fold_detail = true});
  EXPECT_TRUE(folded.Covers(BounceTo("probe+7@ours.example", "198.51.100.9", 250, kStart)));
}

TEST(IgnoredMail, AnIgnoredRecipientHidesNoOther) {
  IgnoredMail ignored({}, {"probe@ours.example"}, {});
  Transaction transaction = BounceTo("probe@ours.example", "198.51.100.9", 250, kStart);
  ASSERT_TRUE(ignored.Covers(transaction));
  transaction.recipients_not_kept = 1;
  EXPECT_FALSE(ignored.Covers(transaction));
  transaction = BounceTo("anna@ours.example", "198.51.100.9", 250, kStart);
  const Transaction probe = BounceTo("probe@ours.example", "198.51.100.9", 250, kStart);
  EXPECT_FALSE(ignored.Covers(transaction));
  transaction.recipients.clear();
  EXPECT_FALSE(ignored.Covers(transaction));
}

}  // namespace
}  // namespace backscatter
