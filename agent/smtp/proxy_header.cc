#include "agent/smtp/proxy_header.h"

#include <algorithm>

#include "agent/base/ascii.h"
#include "agent/smtp/path.h"

namespace backscatter {
namespace {

constexpr std::string_view kV1 = "PROXY ";
constexpr std::string_view kV2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kMaxV1 = 107;

bool IsPrefixOf(std::string_view text, std::string_view whole) {
  return text.size() < whole.size() && whole.substr(0, text.size()) == text;
}

std::string_view NextWord(std::string_view& text) {
  text = TrimBlanks(text);
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

ProxyParse ParseV1(std::string_view text, ProxyHeader& header) {
  const std::size_t feed = text.substr(0, kMaxV1).find('\n');
  if (feed == std::string_view::npos) {
    return text.size() < kMaxV1 ? ProxyParse::kIncomplete : ProxyParse::kBroken;
  }
  header.length = feed + 1;
  std::string_view rest = text.substr(kV1.size(), feed - kV1.size());
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  const std::string_view family = NextWord(rest);
  if (family == "UNKNOWN") return ProxyParse::kHeader;
  if (family != "TCP4" && family != "TCP6") return ProxyParse::kBroken;
  header.address = IpAddress::Parse(NextWord(rest));
  return header.address ? ProxyParse::kHeader : ProxyParse::kBroken;
}

ProxyParse ParseV2(std::string_view text, ProxyHeader& header) {
  if (text.size() < 16) return ProxyParse::kIncomplete;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = static_cast<std::size_t>(byte(14)) << 8 | byte(15);
  header.length = 16 + length;
  if (header.length > kMaxProxyHeader) return ProxyParse::kBroken;
  if (text.size() < header.length) return ProxyParse::kIncomplete;
  if (byte(12) >> 4 != 2) return ProxyParse::kBroken;
  if ((byte(12) & 0x0f) == 0) return ProxyParse::kHeader;  // LOCAL
  if ((byte(12) & 0x0f) != 1) return ProxyParse::kBroken;
  const auto* const address = reinterpret_cast<const std::uint8_t*>(text.data()) + 16;
  switch (byte(13) >> 4) {
    case 1:
      if (length < 12) return ProxyParse::kBroken;
      header.address = IpAddress::V4(std::span<const std::uint8_t, 4>(address, 4));
      return ProxyParse::kHeader;
    case 2:
      if (length < 36) return ProxyParse::kBroken;
      header.address = IpAddress::V6(std::span<const std::uint8_t, 16>(address, 16));
      return ProxyParse::kHeader;
    default:
      return ProxyParse::kHeader;  // UNSPEC, UNIX
  }
}

}  // namespace

ProxyParse ParseProxyHeader(std::string_view text, ProxyHeader& header) {
  header = {};
  if (IsPrefixOf(text, kV1) || IsPrefixOf(text, kV2)) return ProxyParse::kIncomplete;
  if (text.substr(0, kV1.size()) == kV1) return ParseV1(text, header);
  if (text.substr(0, kV2.size()) == kV2) return ParseV2(text, header);
  return ProxyParse::kNone;
}

std::optional<IpAddress> XclientAddress(std::string_view rest) {
  EsmtpParameter parameter;
  while (ConsumeParameter(rest, parameter)) {
    if (!EqualsIgnoreCase(parameter.key, "ADDR")) continue;
    std::string_view value = parameter.value;
    if (StartsWithIgnoreCase(value, "IPV6:")) value.remove_prefix(5);
    return IpAddress::Parse(value);
  }
  return std::nullopt;
}

}  // namespace backscatter
