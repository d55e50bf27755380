// The remarks under the table: what is not exact, lost, unseen, odd or damaged.
#pragma once

#include <string>

#include "agent/report/report.h"
#include "exporters/report_table.h"

namespace backscatter {

// One entry a line (long lists are wrapped), each line ended by "\n"; empty where there is nothing
// to say.
std::string RenderNotes(const Report& report, const TableOptions& options);

// Where no list of targets can be shown: what was seen instead, and what may help. Else empty.
std::string RenderNothingFound(const Report& report, const TableOptions& options);

}  // namespace backscatter
