// What the program tells the shell (ARCHITECTURE, "Command line").
#pragma once

#include "absl/status/status.h"

namespace backscatter {

enum class ExitCode : int {
  kDone = 0,     // also a capture on standard input ended by SIGINT
  kDamaged = 1,  // some input was damaged, or some output could not be written
  kUsage = 2,    // usage or configuration
  kRefused = 3,  // the system refused
};

// Of what could not be begun: the operator named something wrong, or the system does not let us.
inline ExitCode ExitCodeOf(const absl::Status& status) {
  const bool usage = absl::IsInvalidArgument(status) || absl::IsNotFound(status);
  return usage ? ExitCode::kUsage : ExitCode::kRefused;
}

}  // namespace backscatter
