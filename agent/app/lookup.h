// The command `lookup`: which address a hashed label stands for.
#pragma once

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/exit_code.h"

namespace backscatter {

// A hash cannot be undone, so addresses are tried: those that the agent has shown of late
// (labels.names_file), then every one that stands in the files given. The address goes to standard
// output. kDamaged: nothing was found; kUsage: there is no key.
ExitCode RunLookup(const LookupFlags& flags, const Config& config);

}  // namespace backscatter
