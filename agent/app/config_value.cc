// From the text of a value to its type, within its range.
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

#include "agent/app/config_keys.h"
#include "agent/app/words.h"
#include "agent/base/ascii.h"
#include "agent/mail/canonical_target.h"
#include "agent/mail/domain_name.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxItems = 100'000;

std::optional<bool> ParseBool(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on"}) {
    if (EqualsIgnoreCase(text, yes)) return true;
  }
  for (const std::string_view no : {"false", "no", "off"}) {
    if (EqualsIgnoreCase(text, no)) return false;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Multiply(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) return std::nullopt;
  return a * b;
}

// Splits "64KiB" into 64 and "KiB".
std::optional<std::uint64_t> ConsumeWhole(std::string_view& text) {
  std::size_t digits = 0;
  while (digits < text.size() && IsDigit(text[digits])) ++digits;
  const std::optional<std::uint64_t> number = ParseNumber<std::uint64_t>(text.substr(0, digits));
  text.remove_prefix(digits);
  return number;
}

std::optional<std::uint64_t> ParseSize(std::string_view text) {
  const std::optional<std::uint64_t> number = ConsumeWhole(text);
  if (!number) return std::nullopt;
  text = TrimBlanks(text);
  static constexpr std::pair<std::string_view, int> kUnits[] = {
      {"", 0}, {"B", 0}, {"KiB", 10}, {"K", 10}, {"MiB", 20}, {"M", 20}, {"GiB", 30}, {"G", 30}};
  for (const auto& [unit, shift] : kUnits) {
    if (EqualsIgnoreCase(text, unit)) return Multiply(*number, std::uint64_t{1} << shift);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> SecondsOf(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    case 'w':
      return 7 * 86400;
    default:
      return std::nullopt;
  }
}

// "1h30m": units may follow each other. In nanoseconds; bounded to 292 years.
std::optional<std::uint64_t> ParseDuration(std::string_view text) {
  constexpr std::uint64_t kMaxSeconds = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  std::uint64_t seconds = 0;
  while (!text.empty()) {
    const std::optional<std::uint64_t> number = ConsumeWhole(text);
    if (!number || text.empty()) return std::nullopt;
    const std::optional<std::uint64_t> unit = SecondsOf(ToLower(text.front()));
    if (!unit) return std::nullopt;
    text.remove_prefix(1);
    const std::optional<std::uint64_t> part = Multiply(*number, *unit);
    if (!part || *part > kMaxSeconds || seconds + *part > kMaxSeconds) return std::nullopt;
    seconds += *part;
  }
  return seconds * 1'000'000'000;
}

bool InRange(const ConfigKey& key, double value) {
  return value >= key.min && (key.max == 0 || value <= key.max);
}

std::optional<ConfigValue> ParseScalar(const ConfigKey& key, const std::string& text) {
  switch (key.type) {
    case KeyType::kBool:
      return ParseBool(text);
    case KeyType::kCount: {
      const auto count = ParseNumber<std::uint64_t>(text);
      if (!count || !InRange(key, static_cast<double>(*count))) return std::nullopt;
      return *count;
    }
    case KeyType::kRatio: {
      const auto ratio = ParseNumber<double>(text);
      if (!ratio || !std::isfinite(*ratio) || !InRange(key, *ratio)) return std::nullopt;
      return *ratio;
    }
    case KeyType::kSize: {
      const auto size = ParseSize(text);
      if (!size || !InRange(key, static_cast<double>(*size))) return std::nullopt;
      return *size;
    }
    case KeyType::kDuration: {
      const auto duration = ParseDuration(text);
      if (!duration || !InRange(key, static_cast<double>(*duration) / 1e9)) return std::nullopt;
      return *duration;
    }
    case KeyType::kChoice:
      if (!ParseWord(text, key.choices).ok()) return std::nullopt;
      return text;
    case KeyType::kText:
      return text;
    case KeyType::kTextList:
    case KeyType::kPortList:
    case KeyType::kNetworkList:
    case KeyType::kDomainList:
    case KeyType::kAddressList:
      return std::nullopt;
  }
  return std::nullopt;
}

bool IsAddress(const std::string& text) {
  CanonicalTarget target;
  return MakeCanonicalTarget(text, {}, target) && !target.domain.empty();
}

// Adds one item of a list to its value; false where it is none.
bool AddItem(KeyType type, const std::string& text, ConfigValue& value) {
  if (type == KeyType::kPortList) {
    const auto port = ParseNumber<std::uint16_t>(text);
    if (port && *port > 0) std::get<std::vector<std::uint16_t>>(value).push_back(*port);
    return port && *port > 0;
  }
  if (type == KeyType::kNetworkList) {
    const auto network = IpNetwork::Parse(text);
    if (network) std::get<std::vector<IpNetwork>>(value).push_back(*network);
    return network.has_value();
  }
  std::string item = text;
  if (type == KeyType::kDomainList && !MakeCanonicalDomain(text, item)) return false;
  if (type == KeyType::kAddressList && !IsAddress(text)) return false;
  if (item.empty()) return false;
  std::get<std::vector<std::string>>(value).push_back(std::move(item));
  return true;
}

bool IsList(KeyType type) {
  return type == KeyType::kTextList || type == KeyType::kPortList ||
         type == KeyType::kNetworkList || type == KeyType::kDomainList ||
         type == KeyType::kAddressList;
}

absl::Status Wants(const ConfigKey& key, const std::string& what) {
  return absl::InvalidArgumentError("wants " + DescribeWanted(key) + ", not " + what);
}

absl::StatusOr<ConfigValue> ParseList(const ConfigKey& key, const RawValue& raw) {
  ConfigValue value = std::vector<std::string>();
  if (key.type == KeyType::kPortList) value = std::vector<std::uint16_t>();
  if (key.type == KeyType::kNetworkList) value = std::vector<IpNetwork>();
  if (raw.items.size() > kMaxItems)
    return Wants(key, absl::StrFormat("%d items", raw.items.size()));
  for (const std::string& item : raw.items) {
    if (!AddItem(key.type, item, value)) return Wants(key, QuotedText(item));
  }
  return value;
}

std::string SizeText(double bytes) {
  const auto whole = static_cast<std::uint64_t>(bytes);
  for (const auto& [unit, shift] : {std::pair{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}) {
    if (whole != 0 && whole % (std::uint64_t{1} << shift) == 0) {
      return std::to_string(whole >> shift) + unit;
    }
  }
  return std::to_string(whole);
}

// "", " from 3", " from 3 to 5", " up to 5".
std::string Range(const std::string& min, const std::string& max) {
  if (max.empty()) return min == "0" ? "" : " from " + min;
  return " from " + min + " to " + max;
}

std::string Plain(double number) { return absl::StrFormat("%.10g", number); }

}  // namespace

absl::StatusOr<ConfigValue> ParseConfigValue(const ConfigKey& key, const RawValue& raw) {
  if (IsList(key.type)) return ParseList(key, raw);
  if (raw.is_list) return Wants(key, "a list");
  const std::string text = raw.items.empty() ? "" : raw.items.front();
  std::optional<ConfigValue> value = ParseScalar(key, text);
  if (!value) return Wants(key, QuotedText(text));
  return *std::move(value);
}

std::string DescribeWanted(const ConfigKey& key) {
  const std::string max = key.max == 0 ? "" : Plain(key.max);
  switch (key.type) {
    case KeyType::kBool:
      return "true or false";
    case KeyType::kCount:
      return "a whole number" + Range(Plain(key.min), max);
    case KeyType::kRatio:
      return "a number" + Range(Plain(key.min), max);
    case KeyType::kSize:
      return "a size such as 64KiB" +
             Range(SizeText(key.min), key.max == 0 ? "" : SizeText(key.max));
    case KeyType::kDuration:
      return "a duration such as 90s, 1h30m or 5d" +
             (key.min == 0 ? "" : " from " + Plain(key.min) + "s");
    case KeyType::kChoice:
      return DescribeWords(key.choices);
    case KeyType::kText:
      return "a text";
    case KeyType::kTextList:
      return "a list of texts";
    case KeyType::kPortList:
      return "a list of ports from 1 to 65535";
    case KeyType::kNetworkList:
      return "a list of networks such as 192.0.2.0/24 or 2001:db8::/32 (host bits zero)";
    case KeyType::kDomainList:
      return "a list of domains";
    case KeyType::kAddressList:
      return "a list of mail addresses such as probe@example.org";
  }
  return {};
}

}  // namespace backscatter
