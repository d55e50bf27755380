#include "agent/source/bpf_run_stats.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace backscatter {
namespace {

bool IsMeasuredAlready() {
  std::ifstream in("/proc/sys/kernel/bpf_stats_enabled");
  int value = 0;
  return in >> value && value != 0;
}

}  // namespace

absl::StatusOr<FileDescriptor> EnableBpfRunStats() {
  FileDescriptor enabled(bpf_enable_stats(BPF_STATS_RUN_TIME));
  const int error = errno;
  if (enabled.valid() || IsMeasuredAlready()) return enabled;
  if (error != EPERM) {
    return absl::UnavailableError(std::string("bpf.stats: ") + std::strerror(error));
  }
  return absl::PermissionDeniedError(
      "bpf.stats: the kernel measures run times for CAP_SYS_ADMIN only, which is not there; "
      "`sysctl kernel.bpf_stats_enabled=1` before the start does as well");
}

std::optional<ProgramRuns> BpfRunsOf(int program, std::string_view name) {
  bpf_prog_info info = {};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return std::nullopt;
  return ProgramRuns{
      .program = std::string(name), .nanoseconds = info.run_time_ns, .runs = info.run_cnt};
}

}  // namespace backscatter
