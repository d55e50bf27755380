// Variable envelope return paths: the addresses to which our lists take their bounces.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backscatter {

// Const use from several threads is safe.
class VerpPatterns {
 public:
  VerpPatterns() = default;
  // `verp.patterns`: text in which `*` stands for any characters, also none, such as
  // "bounces+*@lists.example.org". One without `@` is of local parts, at any domain. What is empty
  // matches nothing.
  explicit VerpPatterns(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  // `path` as sent, without angle brackets; in any case. Paths over kMaxPathLength match nothing.
  // Cost: at most path times pattern for each pattern; no allocation.
  bool Match(std::string_view path) const;

 private:
  std::vector<std::string> patterns_;
};

// Whole `text` against one pattern, in any case.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace backscatter
