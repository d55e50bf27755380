// Small texts that the command line, the configuration and the log have in common.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace backscatter {

// The whole of `text` as a number of its type (`base`: of whole ones); nullopt where it is none, or
// too large.
template <typename Number, typename... Base>
std::optional<Number> ParseNumber(std::string_view text, Base... base) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base...);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return number;
}

// The place of `text` among words that are written "a|b|c". InvalidArgument, to be put behind the
// name of what wants it:
//   wants one of a, b, c, not "d"
absl::StatusOr<std::size_t> ParseWord(std::string_view text, std::string_view words);
// "one of a, b, c"
std::string DescribeWords(std::string_view words);

// "a, b, c"
std::string JoinWords(const std::vector<std::string>& words, std::string_view between = ", ");

// In quotes, escaped, at most 80 octets of it.
std::string QuotedText(std::string_view text);

}  // namespace backscatter
