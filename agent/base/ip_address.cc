#include "agent/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace backscatter {
namespace {

// Eight octets, the first one highest. Compilers make one load of it.
std::uint64_t LoadBigEndian(const std::uint8_t* p) {
  const auto octet = [p](int i) { return std::uint64_t{p[i]} << (56 - 8 * i); };
  return octet(0) | octet(1) | octet(2) | octet(3) | octet(4) | octet(5) | octet(6) | octet(7);
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, buffer, bytes.data()) == 1) {
    return V4(std::span<const std::uint8_t, 4>(bytes.data(), 4));
  }
  if (inet_pton(AF_INET6, buffer, bytes.data()) == 1) {
    return V6(std::span<const std::uint8_t, 16>(bytes));
  }
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  }
  return buffer;
}

std::string Endpoint::ToString() const {
  const std::string host = address.ToString();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<IpNetwork> IpNetwork::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> base = IpAddress::Parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  IpNetwork network;
  network.base_ = *base;
  const int width = base->is_v4() && text.find(':') == std::string_view::npos ? 32 : 128;
  int length = width;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, length);
    if (error != std::errc() || stop != end || length < 0 || length > width) return std::nullopt;
  }
  network.prefix_length_ = 128 - width + length;
  for (int bit = network.prefix_length_; bit < 128; ++bit) {
    const auto byte = base->bytes()[static_cast<std::size_t>(bit / 8)];
    if ((byte >> (7 - bit % 8)) & 1) return std::nullopt;
  }
  return network;
}

bool IpNetwork::Contains(const IpAddress& address) const {
  const auto unlike = [&](std::size_t from) {
    return LoadBigEndian(&base_.bytes()[from]) ^ LoadBigEndian(&address.bytes()[from]);
  };
  if (prefix_length_ == 0) return true;
  if (prefix_length_ <= 64) return unlike(0) >> (64 - prefix_length_) == 0;
  return unlike(0) == 0 && unlike(8) >> (128 - prefix_length_) == 0;
}

IpAddress NetworkOf(const IpAddress& address, std::uint64_t prefix_v4, std::uint64_t prefix_v6) {
  std::array<std::uint8_t, 16> bytes = address.bytes();
  const std::uint64_t prefix = address.is_v4() ? 96 + prefix_v4 : prefix_v6;
  std::size_t i = prefix / 8;
  if (i < bytes.size()) bytes[i++] &= static_cast<std::uint8_t>(0xff00 >> (prefix % 8));
  for (; i < bytes.size(); ++i) bytes[i] = 0;
  return IpAddress::V6(bytes);
}

std::string NetworkName(const IpAddress& address, std::uint64_t prefix_v4,
                        std::uint64_t prefix_v6) {
  const std::uint64_t prefix = address.is_v4() ? std::min<std::uint64_t>(prefix_v4, 32)
                                               : std::min<std::uint64_t>(prefix_v6, 128);
  return NetworkOf(address, prefix_v4, prefix_v6).ToString() + "/" + std::to_string(prefix);
}

}  // namespace backscatter
