// Where a run keeps and puts things.
#pragma once

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/pipeline_files.h"

namespace backscatter {

PipelinePaths RunPathsOf(const RunFlags& flags, const Config& config);

}  // namespace backscatter
