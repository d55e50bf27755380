// Pure parsers for what follows MAIL FROM: and RCPT TO:. A view in, a small struct out.
#pragma once

#include <string_view>

namespace backscatter {

// The argument of MAIL or RCPT as real servers take it (RFC 5321 section 4.1.2, and the spellings
// that Postfix 3.7 and Exim 4.96 accept: missing angle brackets, blanks, tabs).
// All views point into the text that was parsed.
struct PathArgument {
  std::string_view path;        // without angle brackets, trimmed; may be empty
  std::string_view parameters;  // what follows the path, trimmed
  bool has_keyword = false;     // FROM: or TO: (any case, blanks around the colon) was there
  bool has_path = false;        // any path at all, `<>` and `""` included; needs the keyword
  bool closed = true;           // false: `<` without its `>`; the path then ends at a blank
  bool null_path = false;  // the null sender in one of its spellings (ARCHITECTURE, Definitions)
};

// `rest` is the command line after the verb, without its line end. Quoted strings and backslash
// escapes are honoured inside the path, so `<"a>b c"@x>` is one path; where a quote is never
// closed it is a plain character. Without the keyword there is no path: Postfix and Exim refuse
// `MAIL <a@b>`. Any bytes may come (NUL, UTF-8). Never fails; O(n); 15-20 ns for a plain one.
PathArgument ParseMailArgument(std::string_view rest);  // expects FROM:
PathArgument ParseRcptArgument(std::string_view rest);  // expects TO:

// `path` without its source route `@a,@b:` (RFC 5321 appendix C); unchanged where there is none.
std::string_view WithoutSourceRoute(std::string_view path);

// One `KEY=VALUE` or `KEY` of the parameters; advances `rest`. False at the end. A key may be empty
// (`=5`); a value ends at a blank, whatever it holds (RFC 5321 section 4.1.2 has no quotes here).
struct EsmtpParameter {
  std::string_view key;
  std::string_view value;
  bool has_value = false;
};
bool ConsumeParameter(std::string_view& rest, EsmtpParameter& parameter);

}  // namespace backscatter
