#include "agent/source/bpf_refusal.h"

#include <sys/utsname.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "agent/base/capabilities.h"

namespace backscatter {
namespace {

// Without the sums that come last.
std::string_view LastLine(std::string_view text) {
  while (true) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    const std::size_t end = text.rfind('\n');
    const std::string_view line = end == std::string_view::npos ? text : text.substr(end + 1);
    if (end == std::string_view::npos || !line.starts_with("processed ")) return line;
    text = text.substr(0, end);
  }
}

}  // namespace

absl::Status CheckBpfKernel() {
  utsname system;
  int major = 0;
  int minor = 0;
  if (uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) {
    return absl::OkStatus();
  }
  if (major > kBpfKernelMajor || (major == kBpfKernelMajor && minor >= kBpfKernelMinor)) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError("the kernel programs need Linux " +
                                  std::to_string(kBpfKernelMajor) + "." +
                                  std::to_string(kBpfKernelMinor) + " or later, this is " +
                                  system.release + "; use source: pcap");
}

std::string MissingBpfCapabilities() {
  const absl::StatusOr<CapabilitySet> have = EffectiveCapabilities();
  if (!have.ok()) return "";  // nothing is claimed to be missing
  CapabilitySet missing = kForKernelProbes - *have;
  if (have->Has(Capability::kSysAdmin)) {  // it stands for these two
    missing = missing - CapabilitySet::Of({Capability::kPerfmon, Capability::kBpf});
  }
  return missing.empty() ? "" : missing.Names();
}

absl::Status ExplainBpfRefusal(int error, std::string_view what, std::string_view log) {
  std::string text(what);
  text += std::string(": ") + std::strerror(error);
  if (error == EPERM || error == EACCES) {
    const std::string missing = MissingBpfCapabilities();
    if (!missing.empty()) return absl::PermissionDeniedError(text + "; missing: " + missing);
  }
  if (!log.empty()) text += "; the verifier says: " + std::string(LastLine(log));
  if (error == EPERM) {
    return absl::PermissionDeniedError(
        text +
        "; the capabilities are there, so a security module, a seccomp filter or the "
        "kernel's lockdown forbids it");
  }
  if (error == ENOSYS || error == EOPNOTSUPP) {
    return absl::UnimplementedError(text + "; this kernel was built without it");
  }
  return absl::UnavailableError(text);
}

}  // namespace backscatter
