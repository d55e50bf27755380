// The report as one JSON document, schema backscatter.report/1.
#pragma once

#include <functional>
#include <string_view>

#include "absl/status/status.h"

#include "agent/report/report.h"

namespace backscatter {

// Takes the next piece of a document; an error stops the writing and is handed back.
using TextSink = std::function<absl::Status(std::string_view)>;

// Writes `report` and a line end to `sink` in pieces of about 64 KiB, so a million targets cost no
// memory here. Every key of the schema is there; beyond it:
//   "exact"             also says "domains" and "distinct" (all distinct counts)
//   "error_bounds"      where something is not exact: by how much any row can be too low
//   "undercount"        in a row where it is not 0: the truth is at most recipients + undercount
//   "estimated_..."     sums of weights, where not all sessions are looked at (or were not)
absl::Status WriteReportJson(const Report& report, const TextSink& sink);

}  // namespace backscatter
