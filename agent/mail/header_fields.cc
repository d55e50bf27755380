#include "agent/mail/header_fields.h"

#include <algorithm>
#include <array>
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "agent/base/find_octet.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxParameterName = 32;
constexpr std::size_t kMaxLiteral = 56;  // "IPv6:" and 45 octets

constexpr bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }

// A set of octets, asked one by one.
class OctetSet {
 public:
  constexpr explicit OctetSet(std::string_view members) {
    for (const char c : members) has_[static_cast<unsigned char>(c)] = true;
  }
  // With letters, digits and all octets of 0x80 and above.
  constexpr OctetSet WithWords() const {
    OctetSet set = *this;
    for (std::size_t c = 0; c < set.has_.size(); ++c) {
      set.has_[c] = has_[c] || c >= 0x80 || IsAlnum(static_cast<char>(c));
    }
    return set;
  }
  constexpr bool Has(char c) const { return has_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> has_{};
};

constexpr OctetSet kWords = OctetSet("").WithWords();
constexpr OctetSet kLocalOctets = OctetSet("!#$%&'*+-/=?^_`{|}~.").WithWords();
constexpr OctetSet kDomainOctets = OctetSet(".-_").WithWords();

// Where `octet` stands at or behind `from`; text.size(): nowhere.
std::size_t FindFrom(std::string_view text, char octet, std::size_t from) {
  text.remove_prefix(from);
  return from + FindOctet(text, octet);
}

// What stands before the first of these octets.
template <char... kEnds>
std::string_view WordTo(std::string_view text) {
  static constexpr char kOctets[] = {kEnds...};
  static constexpr OctetSet kSet({kOctets, sizeof kOctets});
  std::size_t size = 0;
#if defined(__SSE2__)
  for (; size + 16 <= text.size(); size += 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + size));
    __m128i ends = _mm_setzero_si128();
    ((ends = _mm_or_si128(ends, _mm_cmpeq_epi8(octets, _mm_set1_epi8(kEnds)))), ...);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(ends));
    if (mask != 0) return {text.data(), size + static_cast<std::size_t>(std::countr_zero(mask))};
  }
#endif
  while (size < text.size() && !kSet.Has(text[size])) ++size;
  return {text.data(), size};
}

// Start of the local part that ends before `at`.
std::size_t LocalStart(std::string_view text, std::size_t from, std::size_t at) {
  std::size_t start = at;
  if (start > from && text[start - 1] == '"') {
    const std::size_t quote = start >= 2 ? text.rfind('"', start - 2) : std::string_view::npos;
    if (quote != std::string_view::npos && quote >= from && at - quote <= 66) return quote;
    return at;
  }
  while (start > from && kLocalOctets.Has(text[start - 1])) --start;
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
  while (end < text.size() && kDomainOctets.Has(text[end])) ++end;
  while (end > at + 1 && !kWords.Has(text[end - 1])) --end;
  return end;
}

constexpr std::size_t kNowhere = std::string_view::npos;

// The blank before `word`, which is in lower case and two octets or more.
std::size_t FindWord(std::string_view text, std::string_view word) {
  for (std::size_t blank = FindOctet(text, ' '); blank + word.size() < text.size();
       blank = FindFrom(text, ' ', blank + 1)) {
    const char* const start = text.data() + blank + 1;
    if (ToLower(start[0]) != word[0] || ToLower(start[1]) != word[1]) continue;
    if (EqualOctetsIgnoreCase(start, word.data(), word.size())) return blank;
  }
  return kNowhere;
}

// In the first brackets only, and no longer than an address can be: hostile ones cost no more.
std::optional<IpAddress> BracketedAddress(std::string_view text) {
  constexpr int kMaxBrackets = 16;
  const auto find_open = [text](std::size_t from) {
    return from + WordTo<'[', '('>(text.substr(from)).size();
  };
  std::size_t open = find_open(0);
  for (int i = 0; i < kMaxBrackets && open < text.size(); ++i) {
    std::string_view inner = WordTo<']', ')', '(', ' '>(text.substr(open + 1, kMaxLiteral));
    if (StartsWithIgnoreCase(inner, "ipv6:")) inner.remove_prefix(5);
    if (inner.size() < kMaxLiteral) {
      if (std::optional<IpAddress> address = IpAddress::Parse(inner)) return address;
    }
    open = find_open(open + 1);
  }
  return std::nullopt;
}

}  // namespace

std::size_t FindIgnoreCase(std::string_view text, std::string_view needle, std::size_t from) {
  if (needle.size() > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  const auto first = static_cast<char>(needle.front() | 0x20);  // of no letter: a few in vain
  for (std::size_t i = from; i + needle.size() <= text.size(); ++i) {
    if (static_cast<char>(text[i] | 0x20) != first) continue;
    if (EqualsIgnoreCase({text.data() + i, needle.size()}, needle)) return i;
  }
  return std::string_view::npos;
}

std::optional<HeaderField> SplitField(std::string_view line) {
  std::optional<HeaderField> split;
  const FieldStart start = FindField(line);
  if (!start) return split;
  HeaderField& field = split.emplace();
  field.written = {line.data(), start.name_size()};
  field.value = ValueOf(line, start);
  field.name = start.name();
  return split;
}

void FieldAssembler::Keep() {
  kept_.assign(text_.data(), std::min(text_.size(), kMaxFieldBytes));
  text_ = kept_;
  start_ = {start_.name(), start_.name_size(), std::min(start_.value_at(), text_.size())};
}

void FieldAssembler::Continue(std::string_view line) {
  if (!pending() || text_.size() >= kMaxFieldBytes) return;
  if (text_.data() != kept_.data()) Keep();
  kept_ += ' ';
  kept_ += TrimBlanks(line).substr(0, kMaxFieldBytes - kept_.size());
  text_ = kept_;
}

std::string_view NextAddress(std::string_view text, std::size_t* position) {
  std::size_t from = *position;
  for (std::size_t at = FindFrom(text, '@', from); at < text.size();
       at = FindFrom(text, '@', at + 1)) {
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
  if (FindOctet(value, '<') < value.size()) {
    const std::size_t open = value.rfind('<');
    const std::string_view inner = TrimBlanks(WordTo<'>'>(value.substr(open + 1)));
    std::size_t position = 0;
    const std::string_view address = NextAddress(inner, &position);
    return address.empty() ? inner : address;
  }
  std::size_t position = 0;
  const std::string_view address = NextAddress(value, &position);
  return address.empty() ? TrimBlanks(WordTo<'(', ',', ';'>(value)) : address;
}

std::string_view NextMessageId(std::string_view value, std::size_t* position) {
  const std::size_t open = FindFrom(value, '<', *position);
  const std::size_t close = open < value.size() ? FindFrom(value, '>', open) : open;
  if (close == value.size()) {
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
  return WordTo<' ', '\t', '>', ';', ','>(value);
}

std::string_view MediaType(std::string_view value) {
  return TrimBlanks(WordTo<';', '(', ' ', '\t'>(value));
}

bool NextParameter(std::string_view value, std::size_t* position, Parameter* parameter) {
  for (std::size_t equals = FindFrom(value, '=', *position); equals < value.size();
       equals = FindFrom(value, '=', equals + 1)) {
    std::string_view before(value.data(), equals);
    while (!before.empty() && IsBlank(before.back())) before.remove_suffix(1);
    if (before.ends_with('*')) before.remove_suffix(1);
    if (before.ends_with("*0")) before.remove_suffix(2);
    const std::size_t end = before.size();
    const std::size_t least = end - std::min(end, kMaxParameterName);
    std::size_t start = end;
    while (start > least && before[start - 1] != ';' && !IsBlank(before[start - 1])) --start;
    if (start == least || start == end) continue;
    parameter->name = {value.data() + start, end - start};
    parameter->behind = {value.data() + equals + 1, value.size() - equals - 1};
    *position = equals + 1;
    return true;
  }
  return false;
}

std::string_view Parameter::Value() const {
  const std::string_view rest = TrimBlanks(behind);
  if (!rest.empty() && rest.front() == '"') return WordTo<'"'>(rest.substr(1));
  return TrimBlanks(WordTo<';', ' ', '\t'>(rest));
}

// `from` and `by` are looked for where a word begins; what stands between them is the client's.
void ParseReceived(std::string_view value, ReceivedHop* hop) {
  std::string_view clauses = value;
  if (const std::size_t date = value.rfind(';'); date < value.size())
    clauses = {value.data(), date};
  const std::size_t by = StartsWithIgnoreCase(clauses, "by ") ? 0 : FindWord(clauses, "by ");
  if (StartsWithIgnoreCase(clauses, "from ")) {
    const std::string_view from = clauses.substr(5, by == kNowhere ? by : by - 5);
    hop->from_name =
        TrimBlanks(WordTo<' ', '\t', '(', ';'>(TrimBlanks(from))).substr(0, kMaxFactText);
    hop->from_address = BracketedAddress(from);
  }
  if (by == kNowhere) return;
  const std::string_view behind = TrimBlanks(clauses.substr(by + (by == 0 ? 3 : 4)));
  hop->by_name = WordTo<' ', '\t', '(', ';'>(behind).substr(0, kMaxFactText);
  const std::size_t id = FindWord(behind, "id ");
  if (id != kNowhere) {
    hop->id =
        WordTo<' ', '\t', ';', ')'>(TrimBlanks(behind.substr(id + 4))).substr(0, kMaxFactText);
  }
}

std::string_view ReceivedFor(std::string_view value) {
  const std::size_t at = FindWord(value, "for ");
  if (at == kNowhere) return {};
  const std::string_view rest = TrimBlanks(value.substr(at + 5));
  std::size_t position = 0;
  return NextAddress(WordTo<';', ' ', '\t'>(rest), &position);
}

bool FindStatus(std::string_view text, EnhancedStatus* status) {
  const auto number = [&](std::size_t* i) {
    unsigned value = 0;
    std::size_t digits = 0;
    for (; *i < text.size() && IsDigit(text[*i]) && digits < 4; ++*i, ++digits) {
      value = value * 10 + static_cast<unsigned>(text[*i] - '0');
    }
    return digits == 0 || digits > 3 ? 1000U : value;
  };
  if (text.empty()) return false;
  for (std::size_t dot = FindFrom(text, '.', 1); dot < text.size();
       dot = FindFrom(text, '.', dot + 1)) {
    const std::size_t i = dot - 1;
    const char c = text[i];
    if ((c != '2' && c != '4' && c != '5') || i + 4 >= text.size()) continue;
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
    status->class_digit = static_cast<std::uint8_t>(c - '0');
    status->subject = static_cast<std::uint16_t>(subject);
    status->detail = static_cast<std::uint16_t>(detail);
    return true;
  }
  return false;
}

}  // namespace backscatter
