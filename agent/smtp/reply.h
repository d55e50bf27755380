// One line of the server, taken apart. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/smtp/transaction.h"

namespace backscatter {

struct ReplyLine {
  std::uint16_t code = 0;  // 100 to 999: any three digits (RFC 5321 section 4.2 names fewer)
  bool last = true;        // false: a hyphen follows the code
  std::string_view text;
};

// False for what is no reply line. `line` without its line end.
bool ParseReplyLine(std::string_view line, ReplyLine& reply);

// RFC 3463 at the start of a reply's text: "5.1.1 ..."; class_digit 0 where there is none.
EnhancedStatus ParseEnhancedStatus(std::string_view text);

// Whether a refusal of RCPT says that there is no such user: 5.1.1 or 5.1.10 (RFC 3463, RFC 7505),
// or, without an enhanced code, the words that Sendmail, qmail, Exchange and others use.
bool SaysUnknownUser(std::uint16_t code, const EnhancedStatus& enhanced, std::string_view text);

}  // namespace backscatter
