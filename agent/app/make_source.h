// The live source that this host and the configuration ask for.
#pragma once

#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/run.h"
#include "agent/source/capture_rules.h"

namespace backscatter {

// By `source`, `bpf.attach` and `bpf.ring_bytes`.
absl::StatusOr<MadeSource> MakeSource(const Config& config, const CaptureRules& rules);

}  // namespace backscatter
