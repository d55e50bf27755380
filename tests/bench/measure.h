// Runs a program and says what it cost, by the kernel's own account (wait4).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace backscatter::bench {

struct Cost {
  double cpu_seconds = 0;     // user and system
  double peak_megabytes = 0;  // resident set, 2^20 octets
  int exit_code = 0;
};

// Standard output goes to `output` (a path, e.g. /dev/null). nullopt where it could not be started
// or was killed.
std::optional<Cost> Measure(const std::vector<std::string>& words, const std::string& output);

double Median(std::vector<double> values);

}  // namespace backscatter::bench
