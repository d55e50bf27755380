#include <gtest/gtest.h>

#include <random>
#include <string>

#include "agent/base/ip_address.h"

namespace backscatter {
namespace {

std::string RoundTrip(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  return address ? address->ToString() : "no";
}

TEST(IpAddress, TextFormsAreReadAndWrittenInTheirShortForm) {
  EXPECT_EQ(RoundTrip("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(RoundTrip("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(RoundTrip("::"), "::");
  EXPECT_EQ(RoundTrip("::ffff:192.0.2.1"), "192.0.2.1");
}

TEST(IpAddress, EverythingElseIsRefused) {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {""sv, "192.0.2"sv, "192.0.2.256"sv, "192.0.2.1:25"sv, "fe80::1%eth0"sv, "[::1]"sv,
        " 192.0.2.1"sv, "192.0.2.1\0"sv, "1:2:3:4:5:6:7:8:9"sv,
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"sv}) {
    EXPECT_FALSE(IpAddress::Parse(bad)) << bad;
  }
}

TEST(IpAddress, AMappedAddressIsItsIpv4Address) {
  EXPECT_EQ(IpAddress::Parse("::ffff:198.51.100.7"), IpAddress::Parse("198.51.100.7"));
  EXPECT_TRUE(IpAddress::Parse("198.51.100.7")->is_v4());
  EXPECT_FALSE(IpAddress::Parse("::198.51.100.7")->is_v4());
}

TEST(Endpoint, AnIpv6AddressIsInBracketsBeforeItsPort) {
  EXPECT_EQ((Endpoint{*IpAddress::Parse("192.0.2.1"), 25}).ToString(), "192.0.2.1:25");
  EXPECT_EQ((Endpoint{*IpAddress::Parse("2001:db8::1"), 465}).ToString(), "[2001:db8::1]:465");
}

TEST(IpNetwork, ABlockHoldsItsAddressesAndNoOther) {
  const IpNetwork v4 = *IpNetwork::Parse("192.0.2.64/26");
  EXPECT_TRUE(v4.Contains(*IpAddress::Parse("192.0.2.64")));
  EXPECT_TRUE(v4.Contains(*IpAddress::Parse("192.0.2.127")));
  EXPECT_FALSE(v4.Contains(*IpAddress::Parse("192.0.2.63")));
  EXPECT_FALSE(v4.Contains(*IpAddress::Parse("192.0.2.128")));
  const IpNetwork v6 = *IpNetwork::Parse("2001:db8::/33");
  EXPECT_TRUE(v6.Contains(*IpAddress::Parse("2001:db8:7fff::1")));
  EXPECT_FALSE(v6.Contains(*IpAddress::Parse("2001:db8:8000::1")));
  const IpNetwork host = *IpNetwork::Parse("192.0.2.1");
  EXPECT_TRUE(host.Contains(*IpAddress::Parse("192.0.2.1")));
  EXPECT_FALSE(host.Contains(*IpAddress::Parse("192.0.2.0")));
}

TEST(IpNetwork, ZeroLengthHoldsItsWholeFamilyOnly) {
  const IpNetwork all_v4 = *IpNetwork::Parse("0.0.0.0/0");
  EXPECT_TRUE(all_v4.Contains(*IpAddress::Parse("203.0.113.9")));
  EXPECT_FALSE(all_v4.Contains(*IpAddress::Parse("2001:db8::1")));
  EXPECT_TRUE(IpNetwork::Parse("::/0")->Contains(*IpAddress::Parse("203.0.113.9")));
}

TEST(IpNetwork, HostBitsAndBadLengthsAreRefused) {
  for (const char* bad : {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "/24",
                          "192.0.2.0/24x", "2001:db8::1/64", "2001:db8::/129", "x/8"}) {
    EXPECT_FALSE(IpNetwork::Parse(bad)) << bad;
  }
}

TEST(IpNetwork, ContainsAgreesWithABitByBitReference) {
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    std::array<std::uint8_t, 16> base{};
    for (auto& byte : base) byte = static_cast<std::uint8_t>(random());
    base[0] = 0x20;
    const auto length = static_cast<unsigned>(random() % 129);
    for (unsigned bit = length; bit < 128; ++bit) {
      base[bit / 8] = static_cast<std::uint8_t>(base[bit / 8] & ~(0x80u >> (bit % 8)));
    }
    std::array<std::uint8_t, 16> other = base;
    const auto flipped = static_cast<unsigned>(random() % 128);
    other[flipped / 8] = static_cast<std::uint8_t>(other[flipped / 8] ^ (0x80u >> (flipped % 8)));
    const std::string text = IpAddress::V6(base).ToString() + "/" + std::to_string(length);
    const auto network = IpNetwork::Parse(text);
    ASSERT_TRUE(network) << text;
    EXPECT_TRUE(network->Contains(IpAddress::V6(base))) << text;
    EXPECT_EQ(network->Contains(IpAddress::V6(other)), flipped >= length) << text;
  }
}

}  // namespace
}  // namespace backscatter
