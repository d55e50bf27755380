#include "agent/source/bpf_refusal.h"

#include <sys/utsname.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace backscatter {
namespace {

struct Capability {
  unsigned bit;
  const char* name;
};
// linux/capability.h; the package that has it is not needed for four numbers.
constexpr Capability kNeeded[] = {{12, "CAP_NET_ADMIN"}, {38, "CAP_PERFMON"}, {39, "CAP_BPF"}};
constexpr unsigned kSysAdmin = 21;  // stands for the latter two

// All bits where it cannot be read: then nothing is claimed to be missing.
std::uint64_t EffectiveCapabilities() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    unsigned long long bits = 0;
    if (std::sscanf(line.c_str(), "CapEff: %llx", &bits) == 1) return bits;
  }
  return ~std::uint64_t{0};
}

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
  const std::uint64_t have = EffectiveCapabilities();
  const auto has = [have](unsigned bit) { return ((have >> bit) & 1) != 0; };
  std::string missing;
  for (const Capability& needed : kNeeded) {
    if (has(needed.bit) || (needed.bit > kSysAdmin && has(kSysAdmin))) continue;
    missing += (missing.empty() ? "" : ", ") + std::string(needed.name);
  }
  return missing;
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
