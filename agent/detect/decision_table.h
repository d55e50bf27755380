// The decision table: which verdict follows from which evidence (docs/DETECTION.md).
#pragma once

#include "agent/detect/evidence.h"
#include "agent/detect/verdict.h"

namespace backscatter {

// For everything but outbound transactions. The first row that holds decides. Pure; O(recipients of
// the report).
Judgement Decide(const Evidence& evidence);

}  // namespace backscatter
