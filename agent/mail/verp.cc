#include "agent/mail/verp.h"

#include <algorithm>
#include <cstddef>

#include "agent/base/ascii.h"
#include "agent/mail/canonical_target.h"
#include "agent/mail/path_parts.h"

namespace backscatter {

// The last `*` takes one character more at each mismatch. Earlier ones never need another try: a
// shorter match of theirs leaves more for what follows. So no exponential path.
bool GlobMatches(std::string_view pattern, std::string_view text) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = kNone;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && ToLower(pattern[p]) == ToLower(text[t])) {
      ++p;
      ++t;
    } else if (star != kNone) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == kNone;
}

bool VerpPatterns::Match(std::string_view path) const {
  if (patterns_.empty() || path.size() > kMaxPathLength) return false;
  path = WithoutSourceRoute(path);
  const std::string_view local = SplitPath(path).local;
  return std::ranges::any_of(patterns_, [&](const std::string& pattern) {
    if (pattern.empty()) return false;
    const bool whole = pattern.find('@') != std::string::npos;
    return GlobMatches(pattern, whole ? path : local);
  });
}

}  // namespace backscatter
