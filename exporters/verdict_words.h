// Verdicts in the words of an operator.
#pragma once

#include <string_view>

#include "agent/detect/verdict.h"

namespace backscatter {

// What it means, at most 33 ASCII characters: "bounces of mail we did not send".
std::string_view VerdictWords(Verdict verdict);

}  // namespace backscatter
