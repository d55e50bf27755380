#include "agent/mail/address_tags.h"

#include <algorithm>
#include <cstddef>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr std::size_t kMinCiscoTag = 6;
constexpr std::size_t kMaxCiscoTag = 12;
constexpr std::size_t kMaxSrsHash = 32;       // base64 of a SHA-1 is 28
constexpr std::size_t kMaxSrsTimestamp = 16;  // two characters in every known implementation

bool IsHex(char c) { return IsDigit(c) || (ToLower(c) >= 'a' && ToLower(c) <= 'f'); }
bool IsAlnum(char c) { return IsDigit(c) || IsAlpha(c); }
bool IsSrsSeparator(char c) { return c == '=' || c == '+' || c == '-'; }

bool ConsumePrefix(std::string_view& text, std::string_view prefix) {
  if (!StartsWithIgnoreCase(text, prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Consumes up to and with the next `=`; nullopt (and `text` unchanged) where the field is empty,
// too long, or has no `=` behind it.
std::optional<std::string_view> ConsumeField(std::string_view& text, std::size_t max_length) {
  const std::size_t end = text.find('=');
  if (end == std::string_view::npos || end == 0 || end > max_length) return std::nullopt;
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(end + 1);
  return field;
}

std::optional<Untagged> NotEmpty(std::string_view local, std::string_view domain = {}) {
  if (local.empty()) return std::nullopt;
  return Untagged{local, domain};
}

bool IsBatvValue(std::string_view value) {
  if (value.size() != 9 && value.size() != 10) return false;
  const std::size_t digits = value.size() - 6;
  return std::ranges::all_of(value.substr(0, digits), IsDigit) &&
         std::ranges::all_of(value.substr(digits), IsHex);
}

std::optional<Untagged> UndoPrvs(std::string_view rest) {
  const std::size_t first = rest.find('=');
  if (first != std::string_view::npos && IsBatvValue(rest.substr(0, first))) {
    return NotEmpty(rest.substr(first + 1));
  }
  const std::size_t last = rest.find_last_of("=/");
  if (last == std::string_view::npos) return std::nullopt;
  const std::string_view tag = rest.substr(last + 1);
  if (tag.size() < kMinCiscoTag || tag.size() > kMaxCiscoTag) return std::nullopt;
  if (!std::ranges::all_of(tag, IsAlnum)) return std::nullopt;
  return NotEmpty(rest.substr(0, last));
}

std::optional<Untagged> UndoBtv1(std::string_view rest) {
  const auto tag = ConsumeField(rest, rest.size());
  if (!tag || !std::ranges::all_of(*tag, IsHex) || !ConsumePrefix(rest, "=")) return std::nullopt;
  return NotEmpty(rest);
}

// `HASH=TT=dom=local`
std::optional<Untagged> UndoSrsTail(std::string_view rest) {
  if (!ConsumeField(rest, kMaxSrsHash) || !ConsumeField(rest, kMaxSrsTimestamp)) {
    return std::nullopt;
  }
  const auto domain = ConsumeField(rest, rest.size());
  if (!domain) return std::nullopt;
  return NotEmpty(rest, *domain);
}

// `rest` starts at the separator.
std::optional<Untagged> UndoSrs0(std::string_view rest) {
  if (rest.empty() || !IsSrsSeparator(rest.front())) return std::nullopt;
  return UndoSrsTail(rest.substr(1));
}

std::optional<Untagged> UndoSrs1(std::string_view rest) {
  if (rest.empty() || !IsSrsSeparator(rest.front())) return std::nullopt;
  rest.remove_prefix(1);
  if (!ConsumeField(rest, kMaxSrsHash) || !ConsumeField(rest, rest.size())) return std::nullopt;
  return UndoSrs0(rest);
}

}  // namespace

std::optional<Untagged> UndoTag(std::string_view local) {
  if (local.empty()) return std::nullopt;
  switch (ToLower(local.front())) {
    case 'p':
      return ConsumePrefix(local, "prvs=") ? UndoPrvs(local) : std::nullopt;
    case 'b':
      return ConsumePrefix(local, "btv1==") ? UndoBtv1(local) : std::nullopt;
    case 'm':
      if (!ConsumePrefix(local, "msprvs1=") || !ConsumeField(local, local.size())) {
        return std::nullopt;
      }
      return NotEmpty(local);
    case 's':
      if (ConsumePrefix(local, "srs0")) return UndoSrs0(local);
      return ConsumePrefix(local, "srs1") ? UndoSrs1(local) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace backscatter
