// RFC 2047: `=?charset?B?...?=` and `=?charset?Q?...?=` in header values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/base/find_octet.h"
#include "agent/mail/charset.h"

namespace backscatter {

// False: what is decoded is the value as it stands.
inline bool MayHaveEncodedWords(std::string_view value) {
  const std::size_t equals = FindOctet(value, '=');
  return equals < value.size() && value.find("=?", equals) != std::string_view::npos;
}

// `value` as UTF-8 into `*out` (replaced), at most kMaxFactText octets and no half character at its
// end. Words that cannot be decoded stay as they are. Cost: linear.
void DecodeEncodedWords(std::string_view value, CharsetConverter* converter, std::string* out);

}  // namespace backscatter
