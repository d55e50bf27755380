#include "agent/mail/header_fields.h"

#include <algorithm>

namespace backscatter {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxLiteral = 56;  // "IPv6:" and 45 octets

bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }
bool IsHigh(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool IsLocalChar(char c) {
  return IsAlnum(c) || IsHigh(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}
bool IsDomainChar(char c) { return IsAlnum(c) || IsHigh(c) || c == '.' || c == '-' || c == '_'; }

std::string_view Word(std::string_view text, std::string_view ends) {
  return text.substr(0, std::min(text.find_first_of(ends), text.size()));
}

// Start of the local part that ends before `at`.
std::size_t LocalStart(std::string_view text, std::size_t from, std::size_t at) {
  std::size_t start = at;
  if (start > from && text[start - 1] == '"') {
    const std::size_t quote = start >= 2 ? text.rfind('"', start - 2) : std::string_view::npos;
    if (quote != std::string_view::npos && quote >= from && at - quote <= 66) return quote;
    return at;
  }
  while (start > from && IsLocalChar(text[start - 1])) --start;
  while (start < at && (text[start] == '\'' || text[start] == '.' || text[start] == '`')) ++start;
  // X.400 renderings: "dda:SMTP=user@host".
  if (StartsWithIgnoreCase(text.substr(start, at - start), "smtp=")) start += 5;
  return start;
}

std::size_t DomainEnd(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  if (end < text.size() && text[end] == '[') {
    const std::size_t close = text.substr(end, kMaxLiteral).find(']');
    return close == std::string_view::npos ? at + 1 : end + close + 1;
  }
  while (end < text.size() && IsDomainChar(text[end])) ++end;
  while (end > at + 1 && !IsAlnum(text[end - 1]) && !IsHigh(text[end - 1])) --end;
  return end;
}

// In the first brackets only, and no longer than an address can be: hostile ones cost no more.
std::optional<IpAddress> BracketedAddress(std::string_view text) {
  constexpr int kMaxBrackets = 16;
  std::size_t open = text.find_first_of("[(");
  for (int i = 0; i < kMaxBrackets && open != std::string_view::npos; ++i) {
    std::string_view inner = Word(text.substr(open + 1, kMaxLiteral), "])( ");
    if (StartsWithIgnoreCase(inner, "ipv6:")) inner.remove_prefix(5);
    if (inner.size() < kMaxLiteral) {
      if (std::optional<IpAddress> address = IpAddress::Parse(inner)) return address;
    }
    open = text.find_first_of("[(", open + 1);
  }
  return std::nullopt;
}

}  // namespace

std::size_t FindIgnoreCase(std::string_view text, std::string_view needle, std::size_t from) {
  if (needle.size() > text.size()) return std::string_view::npos;
  for (std::size_t i = from; i + needle.size() <= text.size(); ++i) {
    if (ToLower(text[i]) == needle[0] && StartsWithIgnoreCase(text.substr(i), needle)) return i;
  }
  return std::string_view::npos;
}

std::optional<HeaderField> SplitField(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && line[end] > ' ' && line[end] < 0x7f && line[end] != ':') ++end;
  if (end == 0 || end > kMaxNameBytes) return std::nullopt;
  std::size_t colon = end;
  while (colon < line.size() && IsBlank(line[colon])) ++colon;
  if (colon >= line.size() || line[colon] != ':') return std::nullopt;
  return HeaderField{line.substr(0, end), TrimBlanks(line.substr(colon + 1))};
}

void FieldAssembler::Continue(std::string_view line) {
  if (!pending() || text_.size() >= kMaxFieldBytes) return;
  text_ += ' ';
  text_ += TrimBlanks(line).substr(0, kMaxFieldBytes - text_.size());
}

std::string_view NextAddress(std::string_view text, std::size_t* position) {
  std::size_t from = *position;
  for (std::size_t at = text.find('@', from); at != std::string_view::npos;
       at = text.find('@', at + 1)) {
    const std::size_t start = LocalStart(text, from, at);
    const std::size_t end = DomainEnd(text, at);
    from = at + 1;
    if (start == at || end == at + 1) continue;
    *position = end;
    return text.substr(start, end - start);
  }
  *position = text.size();
  return {};
}

std::string_view MailboxAddress(std::string_view value) {
  const std::size_t open = value.rfind('<');
  if (open != std::string_view::npos) {
    const std::string_view inner = TrimBlanks(Word(value.substr(open + 1), ">"));
    std::size_t position = 0;
    const std::string_view address = NextAddress(inner, &position);
    return address.empty() ? inner : address;
  }
  std::size_t position = 0;
  const std::string_view address = NextAddress(value, &position);
  return address.empty() ? TrimBlanks(Word(value, "(,;")) : address;
}

std::string_view NextMessageId(std::string_view value, std::size_t* position) {
  const std::size_t open = value.find('<', *position);
  const std::size_t close = open == std::string_view::npos ? open : value.find('>', open);
  if (close == std::string_view::npos) {
    *position = value.size();
    return {};
  }
  *position = close + 1;
  return TrimBlanks(value.substr(open + 1, close - open - 1));
}

std::string_view OneMessageId(std::string_view value) {
  std::size_t position = 0;
  const std::string_view id = NextMessageId(value, &position);
  if (!id.empty()) return id;
  value = TrimBlanks(value);
  if (!value.empty() && value.front() == '<') value.remove_prefix(1);
  return Word(value, " \t>;,");
}

std::string_view MediaType(std::string_view value) { return TrimBlanks(Word(value, ";( \t")); }

std::string_view FieldParameter(std::string_view value, std::string_view name) {
  for (std::size_t at = FindIgnoreCase(value, name); at != std::string_view::npos;
       at = FindIgnoreCase(value, name, at + 1)) {
    if (at == 0 || (value[at - 1] != ';' && !IsBlank(value[at - 1]))) continue;
    std::string_view rest = value.substr(at + name.size());
    if (rest.substr(0, 2) == "*0") rest.remove_prefix(2);
    if (!rest.empty() && rest.front() == '*') rest.remove_prefix(1);
    rest = TrimBlanks(rest);
    if (rest.empty() || rest.front() != '=') continue;
    rest = TrimBlanks(rest.substr(1));
    if (!rest.empty() && rest.front() == '"') return Word(rest.substr(1), "\"");
    return TrimBlanks(Word(rest, "; \t"));
  }
  return {};
}

ReceivedHop ParseReceived(std::string_view value) {
  ReceivedHop hop;
  const std::string_view clauses = value.substr(0, value.rfind(';'));
  const std::size_t by = StartsWithIgnoreCase(clauses, "by ") ? 0 : FindIgnoreCase(clauses, " by ");
  if (StartsWithIgnoreCase(clauses, "from ")) {
    const std::string_view from = clauses.substr(5, by == std::string_view::npos ? by : by - 5);
    hop.from_name = TrimBlanks(Word(TrimBlanks(from), " \t(;")).substr(0, kMaxFactText);
    hop.from_address = BracketedAddress(from);
  }
  if (by == std::string_view::npos) return hop;
  const std::string_view behind = TrimBlanks(clauses.substr(by + (by == 0 ? 3 : 4)));
  hop.by_name = Word(behind, " \t(;").substr(0, kMaxFactText);
  const std::size_t id = FindIgnoreCase(behind, " id ");
  if (id != std::string_view::npos) {
    hop.id = Word(TrimBlanks(behind.substr(id + 4)), " \t;)").substr(0, kMaxFactText);
  }
  return hop;
}

std::string_view ReceivedFor(std::string_view value) {
  const std::size_t at = FindIgnoreCase(value, " for ");
  if (at == std::string_view::npos) return {};
  const std::string_view rest = TrimBlanks(value.substr(at + 5));
  std::size_t position = 0;
  return NextAddress(Word(rest, " \t;"), &position);
}

EnhancedStatus FindStatus(std::string_view text) {
  const auto number = [&](std::size_t* i) {
    unsigned value = 0;
    std::size_t digits = 0;
    for (; *i < text.size() && IsDigit(text[*i]) && digits < 4; ++*i, ++digits) {
      value = value * 10 + static_cast<unsigned>(text[*i] - '0');
    }
    return digits == 0 || digits > 3 ? 1000U : value;
  };
  for (std::size_t i = 0; i + 4 < text.size(); ++i) {
    const char c = text[i];
    if ((c != '2' && c != '4' && c != '5') || text[i + 1] != '.') continue;
    if (i > 0 && (IsAlnum(text[i - 1]) || text[i - 1] == '.' || text[i - 1] == '-')) continue;
    std::size_t end = i + 2;
    const unsigned subject = number(&end);
    if (subject > 999 || end >= text.size() || text[end] != '.') continue;
    ++end;
    const unsigned detail = number(&end);
    const bool goes_on = end < text.size() &&
                         (IsAlnum(text[end]) || text[end] == '-' ||
                          (text[end] == '.' && end + 1 < text.size() && IsDigit(text[end + 1])));
    if (detail > 999 || goes_on) continue;
    EnhancedStatus status;
    status.class_digit = static_cast<std::uint8_t>(c - '0');
    status.subject = static_cast<std::uint16_t>(subject);
    status.detail = static_cast<std::uint16_t>(detail);
    return status;
  }
  return {};
}

}  // namespace backscatter
