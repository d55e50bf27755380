// How long kernel programs run, as the kernel measures it where it was asked to.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/source/source.h"

namespace backscatter {

// The kernel measures every program of the host, some 20 ns a run, until the descriptor is closed.
// PermissionDenied without CAP_SYS_ADMIN, and what else there is; an invalid descriptor where it
// measures already (sysctl kernel.bpf_stats_enabled).
absl::StatusOr<FileDescriptor> EnableBpfRunStats();

// What it measured of a program so far. nullopt: the kernel does not tell.
std::optional<ProgramRuns> BpfRunsOf(int program, std::string_view name);

}  // namespace backscatter
