// Which part of a list a request of the API asks for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "absl/status/statusor.h"

#include "exporters/http_query.h"

namespace backscatter {

inline constexpr std::size_t kApiMostRows = 1000;  // that one answer has, and that a list offers

struct ApiPage {
  std::size_t limit = 100;  // 1 to kApiMostRows
  std::size_t offset = 0;

  // Of a list of `size` rows: the first that is asked for, and the one behind the last.
  std::size_t Begin(std::size_t size) const { return offset < size ? offset : size; }
  std::size_t End(std::size_t size) const {
    const std::size_t begin = Begin(size);
    return size - begin < limit ? size : begin + limit;
  }
};

// `limit` and `offset`; `others`: what else this list knows. InvalidArgument, ready to be shown:
//   limit wants a whole number from 1 to 1000
absl::StatusOr<ApiPage> ParseApiPage(const HttpQuery& query,
                                     std::initializer_list<std::string_view> others = {});

}  // namespace backscatter
