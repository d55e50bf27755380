#include "agent/mail/direction.h"

#include <gtest/gtest.h>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

LocalNetworks Ours() {
  return LocalNetworks({*IpNetwork::Parse("192.0.2.0/24"), *IpNetwork::Parse("2001:db8::/32")});
}

Transaction Between(std::string_view client, std::string_view server) {
  Transaction transaction = Bounce(client);
  transaction.server.address = Ip(server);
  return transaction;
}

bool Received(const Transaction& transaction) {
  return CountsAsReceived(transaction, Ours().DirectionOf(transaction));
}

TEST(Direction, FollowsWhichSideIsOurs) {
  EXPECT_EQ(Ours().DirectionOf(Between("203.0.113.1", "192.0.2.1")), MailDirection::kInbound);
  EXPECT_EQ(Ours().DirectionOf(Between("192.0.2.1", "203.0.113.1")), MailDirection::kOutbound);
  EXPECT_EQ(Ours().DirectionOf(Between("192.0.2.1", "2001:db8::1")), MailDirection::kInternal);
  EXPECT_EQ(Ours().DirectionOf(Between("203.0.113.1", "203.0.113.2")), MailDirection::kUnknown);
}

TEST(Direction, WithoutLocalNetworksItIsUnknownAndEverythingCounts) {
  const Transaction transaction = Between("192.0.2.1", "203.0.113.1");
  EXPECT_EQ(LocalNetworks().DirectionOf(transaction), MailDirection::kUnknown);
  EXPECT_TRUE(CountsAsReceived(transaction, MailDirection::kUnknown));
}

TEST(Direction, OutboundAndHopsToOurselvesDoNotCountAsReceived) {
  EXPECT_FALSE(Received(Between("192.0.2.1", "203.0.113.1")));
  EXPECT_FALSE(Received(Between("192.0.2.1", "192.0.2.1")));
  EXPECT_TRUE(Received(Between("192.0.2.1", "192.0.2.2")));
  EXPECT_TRUE(Received(Between("203.0.113.1", "192.0.2.1")));
}

TEST(Direction, MailBehindOurOwnTrustedProxyIsInbound) {
  Transaction transaction = Between("192.0.2.1", "192.0.2.1");
  transaction.source = Ip("203.0.113.9");
  transaction.source_from_proxy = true;
  EXPECT_EQ(Ours().DirectionOf(transaction), MailDirection::kInbound);
  EXPECT_TRUE(Received(transaction));
}

TEST(Direction, NamesAreThoseOfTheSchema) {
  EXPECT_EQ(MailDirectionName(MailDirection::kUnknown), "unknown");
  EXPECT_EQ(MailDirectionName(MailDirection::kInbound), "inbound");
  EXPECT_EQ(MailDirectionName(MailDirection::kOutbound), "outbound");
  EXPECT_EQ(MailDirectionName(MailDirection::kInternal), "internal");
}

}  // namespace
}  // namespace backscatter
