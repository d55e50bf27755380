// What the program tells the shell (ARCHITECTURE, "Command line").
#pragma once

namespace backscatter {

enum class ExitCode : int {
  kDone = 0,     // also a capture on standard input ended by SIGINT
  kDamaged = 1,  // some input was damaged, or some output could not be written
  kUsage = 2,    // usage or configuration
  kRefused = 3,  // the system refused
};

}  // namespace backscatter
