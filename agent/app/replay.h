// The command `replay`: capture files in, the report out.
#pragma once

#include <atomic>

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/exit_code.h"

namespace backscatter {

// Reads the files to their end, or until `stop` is true, and writes the report to standard output
// (to standard error where the transactions have standard output). Everything that went wrong is a
// line on standard error: damaged input and failed output end in kDamaged, a transactions file that
// cannot be made in kRefused, one that is an input file in kUsage.
ExitCode RunReplay(const ReplayFlags& flags, const Config& config, const std::atomic<bool>& stop);

}  // namespace backscatter
