// A flood as JSON: in the report, and wherever floods are told.
#pragma once

#include "agent/base/json_writer.h"
#include "agent/detect/flood.h"

namespace backscatter {

// One object. `sources` and `networks` are estimates beyond kMostExactThings: then
// `distinct_error_bound` says how far off they are at most, as a part of the truth.
void WriteFlood(const Flood& flood, bool sampled, JsonWriter& json);

}  // namespace backscatter
