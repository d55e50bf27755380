#include "exporters/api_page.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace backscatter {
namespace {

constexpr std::size_t kMostOffset = 1'000'000;

absl::Status TakeNumber(const HttpQuery& query, std::string_view name, std::size_t least,
                        std::size_t most, std::size_t& out) {
  const std::string* const text = query.Find(name);
  if (text == nullptr) return absl::OkStatus();
  std::size_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (text->empty() || error != std::errc() || stop != end || value < least || value > most) {
    return absl::InvalidArgumentError(std::string(name) + " wants a whole number from " +
                                      std::to_string(least) + " to " + std::to_string(most));
  }
  out = value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ApiPage> ParseApiPage(const HttpQuery& query,
                                     std::initializer_list<std::string_view> others) {
  for (const auto& [name, value] : query.parameters()) {
    if (name == "limit" || name == "offset" || std::ranges::find(others, name) != others.end()) {
      continue;
    }
    std::string known = "limit, offset";
    for (const std::string_view other : others) known += ", " + std::string(other);
    return absl::InvalidArgumentError("a parameter is not known here; there are " + known);
  }
  ApiPage page;
  if (const absl::Status s = TakeNumber(query, "limit", 1, kApiMostRows, page.limit); !s.ok()) {
    return s;
  }
  if (const absl::Status s = TakeNumber(query, "offset", 0, kMostOffset, page.offset); !s.ok()) {
    return s;
  }
  return page;
}

}  // namespace backscatter
