#include "agent/smtp/path.h"

#include <cstddef>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr auto kNone = std::string_view::npos;

// A line may still end in the CR of a doubled line end; it belongs to nothing.
std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && (IsBlank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view TrimStart(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

// Consumes `FROM`, blanks, a colon.
bool ConsumeKeyword(std::string_view& rest, std::string_view keyword) {
  if (!StartsWithIgnoreCase(rest, keyword)) return false;
  const std::string_view after = TrimStart(rest.substr(keyword.size()));
  if (after.empty() || after.front() != ':') return false;
  rest = after.substr(1);
  return true;
}

enum class Stop { kBracket, kBlank };

bool IsStop(char c, Stop stop) { return stop == Stop::kBracket ? c == '>' : IsBlank(c); }

// The first stop that stands neither in a quoted string nor behind a backslash; the size of `text`
// where there is none; kNone where a quote is still open at the end.
std::size_t FindOutsideQuotes(std::string_view text, Stop stop) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && IsStop(c, stop)) {
      return i;
    }
  }
  return quoted ? kNone : text.size();
}

// Quotes are honoured where they are balanced; an unbalanced one is a plain character.
std::size_t FindStop(std::string_view text, Stop stop) {
  const std::size_t plain = stop == Stop::kBracket ? text.find('>') : text.find_first_of(" \t");
  if (plain == kNone) return kNone;
  const std::string_view before = text.substr(0, plain);
  if (before.find('"') == kNone && before.find('\\') == kNone) return plain;
  const std::size_t outside = FindOutsideQuotes(text, stop);
  if (outside < text.size()) return outside;
  // No stop but the quoted one. A bracket must close; a bare path may end with the line.
  return outside == kNone || stop == Stop::kBracket ? plain : kNone;
}

void SplitAt(std::string_view text, std::size_t end, std::size_t skip, PathArgument& argument) {
  argument.path = TrimEnd(TrimStart(text.substr(0, end)));
  if (end != kNone) argument.parameters = TrimStart(text.substr(end + skip));
}

bool IsNullPath(std::string_view path) {
  if (path.empty()) return true;
  if (path.front() != '"' && path.front() != '@') return false;
  const std::string_view mailbox = TrimStart(WithoutSourceRoute(path));
  return mailbox.empty() || mailbox == "\"\"";
}

PathArgument ParseArgument(std::string_view rest, std::string_view keyword) {
  PathArgument argument;
  rest = TrimEnd(TrimStart(rest));
  argument.has_keyword = ConsumeKeyword(rest, keyword);
  if (!argument.has_keyword) return argument;
  rest = TrimStart(rest);
  if (rest.empty()) return argument;
  if (rest.front() != '<') {
    SplitAt(rest, FindStop(rest, Stop::kBlank), 0, argument);
  } else {
    rest.remove_prefix(1);
    const std::size_t end = FindStop(rest, Stop::kBracket);
    argument.closed = end != kNone;
    if (argument.closed) {
      SplitAt(rest, end, 1, argument);
    } else {
      rest = TrimStart(rest);
      SplitAt(rest, FindStop(rest, Stop::kBlank), 0, argument);
    }
  }
  argument.has_path = argument.closed || !argument.path.empty();
  argument.null_path = argument.closed && IsNullPath(argument.path);
  return argument;
}

}  // namespace

PathArgument ParseMailArgument(std::string_view rest) { return ParseArgument(rest, "FROM"); }
PathArgument ParseRcptArgument(std::string_view rest) { return ParseArgument(rest, "TO"); }

std::string_view WithoutSourceRoute(std::string_view path) {
  if (path.empty() || path.front() != '@') return path;
  bool literal = false;  // `@[IPv6:2001:db8::1]:user@x` has colons of its own
  for (std::size_t i = 1; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '[') {
      literal = true;
    } else if (c == ']') {
      literal = false;
    } else if (c == ':' && !literal) {
      return path.substr(i + 1);
    } else if (c == '"') {
      break;  // a route holds no quotes: this is a mailbox already
    }
  }
  return path;
}

bool ConsumeParameter(std::string_view& rest, EsmtpParameter& parameter) {
  rest = TrimStart(rest);
  if (rest.empty()) return false;
  std::size_t end = 0;
  std::size_t equals = kNone;
  while (end < rest.size() && !IsBlank(rest[end])) {
    if (rest[end] == '=' && equals == kNone) equals = end;
    ++end;
  }
  parameter.has_value = equals != kNone;
  parameter.key = rest.substr(0, parameter.has_value ? equals : end);
  parameter.value =
      parameter.has_value ? rest.substr(equals + 1, end - equals - 1) : std::string_view();
  rest.remove_prefix(end);
  return true;
}

}  // namespace backscatter
