// The two halves of a path, for what reads tags.
#pragma once

#include <cstddef>
#include <string_view>

#include "agent/smtp/path.h"

namespace backscatter {

// Views into the path; both empty where it has no `@` or no local part.
struct PathParts {
  std::string_view local;  // without quotes where they quote nothing that needs a backslash
  std::string_view domain;
};

// `path` as sent, without angle brackets; a source route is left out. O(n), no allocation.
inline PathParts SplitPath(std::string_view path) {
  path = WithoutSourceRoute(path);
  const std::size_t at = path.rfind('@');
  if (at == std::string_view::npos || at == 0) return {};
  std::string_view local = path.substr(0, at);
  if (local.size() > 2 && local.front() == '"' && local.back() == '"') {
    const std::string_view inner = local.substr(1, local.size() - 2);
    if (inner.find_first_of("\"\\") == std::string_view::npos) local = inner;
  }
  return {local, path.substr(at + 1)};
}

}  // namespace backscatter
