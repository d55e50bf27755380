// Why the kernel refused, in words that help.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace backscatter {

// The least kernel: bpf_loop is of 5.17.
inline constexpr int kBpfKernelMajor = 5;
inline constexpr int kBpfKernelMinor = 17;

// OK, or which kernel is needed and which one this is.
absl::Status CheckBpfKernel();

// Capabilities that this process lacks of those that programs need, e.g. "CAP_PERFMON and CAP_BPF";
// empty: it has all.
std::string MissingBpfCapabilities();

// `error` is an errno value, `what` what was tried, `log` the verifier's words, may be empty.
absl::Status ExplainBpfRefusal(int error, std::string_view what, std::string_view log);

}  // namespace backscatter
