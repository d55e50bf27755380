// Lines on standard error that say who speaks.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace backscatter {

// Writes `text` with "backscatterd: " before each of its lines. What comes from outside must have
// been escaped (EscapeForTerminal) when the text was made.
void Say(std::string_view text);
// The message of a failure.
void Say(const absl::Status& status);

}  // namespace backscatter
