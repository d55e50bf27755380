// Debian's Abseil has its own string_view; these are the only two places where it meets std's.
#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace backscatter {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace backscatter
