// IPv4 and IPv6 addresses, endpoints and networks as small values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backscatter {

// An IPv4 address is kept as its IPv4-mapped IPv6 form (::ffff:a.b.c.d), so one comparison serves
// both families. A mapped address that came in an IPv6 header is therefore the same address.
class IpAddress {
 public:
  constexpr IpAddress() = default;

  // `bytes` in network order.
  static IpAddress V4(std::span<const std::uint8_t, 4> bytes) {
    // Whole words: what is read back at once as words must not have been stored in pieces.
    const std::uint8_t low[8] = {0, 0, 0xff, 0xff, bytes[0], bytes[1], bytes[2], bytes[3]};
    std::uint64_t word;
    std::memcpy(&word, low, sizeof word);
    IpAddress a;
    std::memcpy(a.bytes_.data() + 8, &word, sizeof word);
    return a;
  }
  static IpAddress V6(std::span<const std::uint8_t, 16> bytes) {
    IpAddress a;
    std::memcpy(a.bytes_.data(), bytes.data(), 16);
    return a;
  }
  // Dotted quad, or any RFC 4291 text form; nullopt for everything else (also for a zone or port).
  static std::optional<IpAddress> Parse(std::string_view text);

  bool is_v4() const {
    static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(bytes_.data(), kMapped, sizeof kMapped) == 0;
  }
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  // "192.0.2.1" or the RFC 5952 form "2001:db8::1".
  std::string ToString() const;

  // Two words instead of a call to memcmp: this runs for every packet.
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    std::uint64_t x[2];
    std::uint64_t y[2];
    std::memcpy(x, a.bytes_.data(), sizeof x);
    std::memcpy(y, b.bytes_.data(), sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
  }
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// The network that an address lies in, by prefix lengths of each family: its first address, and as
// text ("192.0.2.0/24"). Lengths beyond 32 or 128 mean the address alone.
IpAddress NetworkOf(const IpAddress& address, std::uint64_t prefix_v4, std::uint64_t prefix_v6);
std::string NetworkName(const IpAddress& address, std::uint64_t prefix_v4, std::uint64_t prefix_v6);

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // "192.0.2.1:25" or "[2001:db8::1]:25".
  std::string ToString() const;
  friend bool operator==(const Endpoint& a, const Endpoint& b) {
    return a.port == b.port && a.address == b.address;
  }
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// A CIDR block. `prefix_length` counts from the start of the 16-byte form (IPv4: 96 + length).
class IpNetwork {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or a bare address (a host). Host bits must be zero.
  static std::optional<IpNetwork> Parse(std::string_view text);
  bool Contains(const IpAddress& address) const;
  const IpAddress& base() const { return base_; }
  int prefix_length() const { return prefix_length_; }  // of the 16-byte form
  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;

 private:
  IpAddress base_;
  int prefix_length_ = 128;
};

}  // namespace backscatter
