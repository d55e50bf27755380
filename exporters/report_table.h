// The report as a table for people.
#pragma once

#include <cstddef>
#include <string>

#include "agent/report/report.h"

namespace backscatter {

struct TableOptions {
  bool unicode = false;     // bars and signs; false: the output is pure ASCII
  bool color = false;       // bold headings, dim remarks (ANSI)
  std::size_t width = 100;  // no line is wider; at least 80
};

// The whole text, lines ended by "\n". Nothing from the wire reaches it unescaped.
std::string RenderReportTable(const Report& report, const TableOptions& options);

}  // namespace backscatter
