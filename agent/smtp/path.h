// Pure parsers for what follows MAIL FROM: and RCPT TO:. A view in, a small struct out.
#pragma once

#include <cstdint>
#include <string_view>

namespace backscatter {

// The argument of MAIL or RCPT as real servers take it (RFC 5321 section 4.1.2, and the spellings
// that Postfix 3.7 and Exim 4.96 accept: missing angle brackets, blanks, tabs).
struct PathArgument {
  std::string_view path;        // between the angle brackets (or up to a blank), trimmed; may be empty
  std::string_view parameters;  // what follows, trimmed
  bool has_keyword = false;     // FROM: or TO: (any case, blanks around the colon) was there
  bool has_path = false;        // any path at all, `<>` and `""` included
  bool closed = true;           // false: `<` without its `>`
  bool null_path = false;       // the null sender in one of its spellings (ARCHITECTURE, Definitions)
};

// `rest` is the command line after the verb, without its line end. Quoted strings and backslash
// escapes are honoured inside the path, so `<"a>b c"@x>` is one path. Never fails; O(n).
PathArgument ParseMailArgument(std::string_view rest);  // expects FROM:
PathArgument ParseRcptArgument(std::string_view rest);  // expects TO:

// One `KEY=VALUE` or `KEY` of the parameters; advances `rest`. False at the end.
struct EsmtpParameter {
  std::string_view key;
  std::string_view value;
  bool has_value = false;
};
bool ConsumeParameter(std::string_view& rest, EsmtpParameter& parameter);

}  // namespace backscatter
