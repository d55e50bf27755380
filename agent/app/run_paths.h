// Where a run keeps and puts things.
#pragma once

#include <string>

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/pipeline_files.h"

namespace backscatter {

// The state folder of the package; a run by hand has no systemd to make it. An error shows when
// something is saved there.
void MakeFolderOf(const std::string& path);

PipelinePaths RunPathsOf(const RunFlags& flags, const Config& config);

}  // namespace backscatter
