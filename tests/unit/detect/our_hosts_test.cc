#include "agent/detect/our_hosts.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

const LocalNetworks& Local() {
  static const LocalNetworks local(
      {*IpNetwork::Parse("192.0.2.0/24"), *IpNetwork::Parse("10.0.0.0/8")});
  return local;
}

std::vector<ReceivedHop> Hop(std::string from, std::string_view address, std::string by) {
  ReceivedHop hop;
  hop.from_name = std::move(from);
  if (!address.empty()) hop.from_address = Ip(address);
  hop.by_name = std::move(by);
  return {hop};
}

TEST(OurHosts, AreNamedByNameOrByAddress) {
  const OurHosts hosts({"Mail.Ours.example"}, &Local());
  EXPECT_TRUE(hosts.AreNamed(Hop("pc", "", "mail.ours.example.")));
  EXPECT_TRUE(hosts.AreNamed(Hop("MAIL.ours.example", "198.51.100.1", "mx.example.net")));
  EXPECT_TRUE(hosts.AreNamed(Hop("x", "192.0.2.25", "mx.example.net")));
  EXPECT_FALSE(hosts.AreNamed(Hop("x", "198.51.100.1", "mx.example.net")));
  EXPECT_FALSE(hosts.AreNamed(Hop("", "", "")));
  EXPECT_FALSE(hosts.AreNamed({}));
}

TEST(OurHosts, LearnNamesFromOutboundGreetings) {
  OurHosts hosts({}, &Local());
  EXPECT_FALSE(hosts.AreNamed(Hop("x", "", "out.ours.example")));
  hosts.Learn("out.ours.example", Ip("192.0.2.25"));
  EXPECT_TRUE(hosts.AreNamed(Hop("x", "", "out.ours.example")));
  hosts.Learn("localhost", Ip("192.0.2.25"));
  hosts.Learn("[192.0.2.25]", Ip("192.0.2.25"));
  hosts.Learn("", Ip("192.0.2.25"));
  EXPECT_FALSE(hosts.AreNamed(Hop("localhost", "", "localhost")));
  EXPECT_FALSE(hosts.AreNamed(Hop("[192.0.2.25]", "", "")));
}

TEST(OurHosts, LearningIsBounded) {
  OurHosts hosts({}, &Local());
  for (std::size_t i = 0; i <= OurHosts::kMaxLearnt; ++i) {
    hosts.Learn("h" + std::to_string(i) + ".ours.example", Ip("192.0.2.25"));
  }
  EXPECT_TRUE(hosts.AreNamed(Hop("", "", "h255.ours.example")));
  EXPECT_FALSE(hosts.AreNamed(Hop("", "", "h256.ours.example")));
}

TEST(OurHosts, AreFeignedByAnAddressThatIsNotOurs) {
  OurHosts hosts({"cloud.ours.example"}, &Local());
  hosts.Learn("out.ours.example", Ip("192.0.2.25"));
  EXPECT_TRUE(hosts.AreFeigned(Hop("out.ours.example", "198.51.100.1", "mx.example.net")));
  EXPECT_FALSE(hosts.AreFeigned(Hop("out.ours.example", "192.0.2.26", "mx.example.net")));
  EXPECT_FALSE(hosts.AreFeigned(Hop("out.ours.example", "", "mx.example.net")));
  EXPECT_FALSE(hosts.AreFeigned(Hop("out.ours.example", "172.16.0.1", "mx.example.net")));
  EXPECT_FALSE(hosts.AreFeigned(Hop("other.example", "198.51.100.1", "mx.example.net")));
  // A relay of ours elsewhere, known from the configuration only.
  EXPECT_FALSE(hosts.AreFeigned(Hop("cloud.ours.example", "198.51.100.1", "mx.example.net")));
}

TEST(OurHosts, BehindNatNobodyIsFeigned) {
  OurHosts hosts({}, &Local());
  hosts.Learn("out.ours.example", Ip("10.0.0.25"));
  EXPECT_FALSE(hosts.AreFeigned(Hop("out.ours.example", "198.51.100.1", "mx.example.net")));
  hosts.Learn("out.ours.example", Ip("192.0.2.25"));
  EXPECT_TRUE(hosts.AreFeigned(Hop("out.ours.example", "198.51.100.1", "mx.example.net")));
}

}  // namespace
}  // namespace backscatter
