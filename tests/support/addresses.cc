#include "tests/support/addresses.h"

#include <array>
#include <string_view>

namespace backscatter::support {
namespace {

constexpr std::uint32_t kHeavyTargets = 5;
constexpr char kHex[] = "0123456789abcdef";

std::string Padded(std::uint32_t value, std::size_t width) {
  std::string digits = std::to_string(value);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string HexTag(Prng& prng, std::size_t digits) {
  std::string tag;
  for (std::size_t i = 0; i < digits; ++i) tag += kHex[prng.Below(16)];
  return tag;
}

// Digits, then hexadecimal digits. Two statements: the order of draws must not depend on the
// compiler.
std::string DayTag(Prng& prng, std::size_t digits, std::size_t hex) {
  const std::uint32_t bound = digits == 4 ? 10'000 : 100'000;
  const std::string day = Padded(prng.Below(bound), digits);
  return day + HexTag(prng, hex);
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

IpAddress V4(std::uint32_t address) {
  const std::array<std::uint8_t, 4> bytes = {
      static_cast<std::uint8_t>(address >> 24), static_cast<std::uint8_t>(address >> 16),
      static_cast<std::uint8_t>(address >> 8), static_cast<std::uint8_t>(address)};
  return IpAddress::V4(bytes);
}

IpAddress V6(std::uint16_t net, std::uint32_t host) {
  std::array<std::uint8_t, 16> bytes = {0x20, 0x01, 0x0d, 0xb8};
  bytes[4] = static_cast<std::uint8_t>(net >> 8);
  bytes[5] = static_cast<std::uint8_t>(net);
  bytes[12] = static_cast<std::uint8_t>(host >> 24);
  bytes[13] = static_cast<std::uint8_t>(host >> 16);
  bytes[14] = static_cast<std::uint8_t>(host >> 8);
  bytes[15] = static_cast<std::uint8_t>(host);
  return IpAddress::V6(bytes);
}

std::string Disguise(std::string_view address, Prng& prng) {
  const std::size_t at = address.find('@');
  const std::string local(address.substr(0, at));
  const std::string domain(address.substr(at + 1));
  switch (prng.Below(10)) {
    case 0:
      return "prvs=" + DayTag(prng, 4, 6) + "=" + local + "@" + domain;
    case 1:
      return "PRVS=" + DayTag(prng, 4, 6) + "=" + local + "@" + domain;
    case 2:
      return "prvs=" + local + "=" + DayTag(prng, 4, 6) + "@" + domain;
    case 3:
      return "btv1==" + HexTag(prng, 11) + "==" + local + "@" + domain;
    case 4:
      return "msprvs1=" + DayTag(prng, 5, 8) + "=" + local + "@" + domain;
    case 5:
      return "SRS0=" + Upper(HexTag(prng, 4)) + "=TT=" + domain + "=" + local + "@forward.test";
    case 6:
      return "@relay1.test,@relay2.test:" + local + "@" + domain;
    case 7:
      return "\"" + local + "\"@" + domain;
    case 8:
      return local + "@" + domain + ".";
    default:
      return local + "@" + Upper(domain);
  }
}

}  // namespace

std::string TargetAddress(std::uint32_t i) {
  if (i < kHeavyTargets) return "victim" + std::to_string(i) + "@v.test";
  return "user" + std::to_string(i) + "@d" + std::to_string(i % 40) + ".test";
}

std::string SentMessageId(std::uint32_t i) { return std::to_string(i) + ".7c15@out.v.test"; }

TrueRecipient PickRecipient(const Profile& profile, Prng& prng) {
  std::uint32_t number = kHeavyTargets + prng.Below(profile.targets);
  if (prng.Chance(profile.heavy_targets)) {
    number = 0;
    while (number + 1 < kHeavyTargets && prng.Chance(450)) ++number;
  }
  TrueRecipient recipient;
  recipient.target = TargetAddress(number);
  recipient.sent =
      prng.Chance(profile.tagged_targets) ? Disguise(recipient.target, prng) : recipient.target;
  return recipient;
}

IpAddress SourceAddress(const Profile& profile, std::uint32_t i) {
  // A multiplicative hash spreads the IPv6 sources evenly over the numbers.
  const bool v6 = ((i * 2654435761u) >> 16) % 1000 < profile.ipv6;
  return v6 ? V6(0x0051, i + 1) : V4(0x0a000000u + 0x0100u + i);
}

IpAddress FloodAddress(std::uint32_t i) {
  // 100.64.0.0/10 has 2^22 addresses; an odd factor visits each once.
  return V4(0x64400000u + ((i * 2654435761u) & 0x3fffffu));
}

IpAddress ServerAddress(bool v6, std::uint32_t i) {
  return v6 ? V6(0x0025, 0x25 + i) : V4(0xc0000200u + 25 + i);
}

}  // namespace backscatter::support
