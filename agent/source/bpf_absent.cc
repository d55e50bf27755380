// In the place of bpf_program.cc where the agent is built without clang or libbpf.
#include "agent/source/bpf_attach.h"
#include "agent/source/bpf_program.h"
#include "agent/source/bpf_run_stats.h"

namespace backscatter {
namespace {

absl::Status Absent() {
  return absl::UnimplementedError(
      "this build has no kernel programs (clang or libbpf was missing); use source: pcap");
}

}  // namespace

struct BpfProgram::Object {};

absl::StatusOr<std::unique_ptr<BpfProgram>> BpfProgram::Open(BpfKind /*kind*/,
                                                             const BpfOptions& /*options*/) {
  return Absent();
}

// None of what follows can be reached: there is no object.
BpfProgram::~BpfProgram() = default;
absl::StatusOr<std::unique_ptr<BpfProgram>> BpfProgram::OpenBeside(BpfKind /*kind*/) const {
  return Absent();
}
absl::Status BpfProgram::Apply(const CaptureRules& /*rules*/) { return Absent(); }
int BpfProgram::fd() const { return -1; }
BpfKind BpfProgram::kind() const { return BpfKind::kNothing; }
BpfCounters BpfProgram::Counters() const { return {}; }
int BpfProgram::ring_fd() const { return -1; }
BpfRing& BpfProgram::ring() { __builtin_trap(); }

absl::StatusOr<BpfAttachment> BpfAttachment::Attach(int /*interface*/, int /*program*/,
                                                    BpfAttachMode /*mode*/, bool /*ingress_only*/,
                                                    BpfFilterLock& /*lock*/) {
  return Absent();
}
BpfAttachment::BpfAttachment(BpfAttachment&& other) noexcept = default;
BpfAttachment::~BpfAttachment() = default;
absl::StatusOr<FileDescriptor> EnableBpfRunStats() { return Absent(); }
std::optional<ProgramRuns> BpfRunsOf(int /*program*/, std::string_view /*name*/) {
  return std::nullopt;
}
absl::StatusOr<std::size_t> RemoveStaleBpfFilters(const BpfFilterLock& /*lock*/) {
  return Absent();
}

}  // namespace backscatter
