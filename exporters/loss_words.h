// What a loss means, for people.
#pragma once

#include <string_view>

#include "agent/base/ledger.h"

namespace backscatter {

// What was lost, to be read after its number: "bytes of mail streams that were never captured".
std::string_view LossWords(Loss loss);

}  // namespace backscatter
