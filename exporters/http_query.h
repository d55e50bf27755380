// The query of a request target: "limit=10&offset=20", decoded within bounds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace backscatter {

class HttpQuery {
 public:
  static constexpr std::size_t kMostBytes = 2048;
  static constexpr std::size_t kMostParameters = 16;

  HttpQuery() = default;
  // `raw` is what stands after the question mark. InvalidArgument, ready to be shown, for a wrong
  // escape, a control character (also an escaped one), a name that comes twice, and beyond the
  // bounds. A name without "=" has an empty value; "+" is a space.
  static absl::StatusOr<HttpQuery> Parse(std::string_view raw);

  // Null where it was not given.
  const std::string* Find(std::string_view name) const;
  // In the order given.
  const std::vector<std::pair<std::string, std::string>>& parameters() const { return parameters_; }

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace backscatter
