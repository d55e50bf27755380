#include "exporters/http_query.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"

namespace backscatter {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// nullopt: a wrong escape or a control character.
std::optional<std::string> Decode(std::string_view raw) {
  std::string text;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i] == '+' ? ' ' : raw[i];
    if (c == '%') {
      if (raw.size() - i < 3) return std::nullopt;
      const int high = HexValue(raw[i + 1]);
      const int low = HexValue(raw[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (IsControl(c)) return std::nullopt;
    text += c;
  }
  return text;
}

}  // namespace

absl::StatusOr<HttpQuery> HttpQuery::Parse(std::string_view raw) {
  if (raw.size() > kMostBytes) return absl::InvalidArgumentError("the query is too long");
  HttpQuery query;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view part = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::optional<std::string> name = Decode(part.substr(0, equals));
    const std::optional<std::string> value = Decode(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value) return absl::InvalidArgumentError("the query has a wrong escape");
    if (query.Find(*name) != nullptr) {
      return absl::InvalidArgumentError("the query has a parameter twice");
    }
    if (query.parameters_.size() == kMostParameters) {
      return absl::InvalidArgumentError("the query has too many parameters");
    }
    query.parameters_.emplace_back(*name, *value);
  }
  return query;
}

const std::string* HttpQuery::Find(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace backscatter
