// The command `check`: what this host lets the agent see.
#pragma once

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/exit_code.h"

namespace backscatter {

// Prints its findings. kDone where `run` would see mail, kDamaged where it could but there is no
// mail to see; else what `run` would end with: kRefused where the system does not let it capture,
// kUsage where its settings do not fit this host. With --config-only it looks at the configuration
// and the key files alone: kDone or kUsage.
ExitCode RunCheck(const CheckFlags& flags, const LoadedConfig& loaded);

}  // namespace backscatter
