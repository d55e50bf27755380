// RFC 2047: `=?charset?B?...?=` and `=?charset?Q?...?=` in header values.
#pragma once

#include <string>
#include <string_view>

#include "agent/mail/charset.h"

namespace backscatter {

// `value` as UTF-8 into `*out` (replaced), at most kMaxFactText octets and no half character at its
// end. Words that cannot be decoded stay as they are. Cost: linear.
void DecodeEncodedWords(std::string_view value, CharsetConverter* converter, std::string* out);

}  // namespace backscatter
