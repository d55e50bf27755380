// A kernel program on an interface, in both directions, for as long as the object lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"

namespace backscatter {

enum class BpfAttachMode : std::uint8_t {
  kAuto,    // TCX where the kernel has it, else clsact
  kTcx,     // links (Linux 6.6): gone with the process, whatever happens to it
  kClsact,  // filters of a qdisc: those of a killed process stay until RemoveStaleBpfFilters
};
constexpr std::string_view BpfAttachName(BpfAttachMode mode) {
  switch (mode) {
    case BpfAttachMode::kAuto:
      return "auto";
    case BpfAttachMode::kTcx:
      return "tcx";
    case BpfAttachMode::kClsact:
      return "clsact";
  }
  return "";
}

// Packets pass on to whoever comes next; programs and filters of others, and a clsact qdisc that
// was there before, are left as they are. Not thread-safe.
class BpfAttachment {
 public:
  // `interface` is an index. kUnimplemented: the kernel has no TCX.
  static absl::StatusOr<BpfAttachment> Attach(int interface, int program, BpfAttachMode mode,
                                              bool ingress_only);
  ~BpfAttachment();
  BpfAttachment(BpfAttachment&& other) noexcept;
  BpfAttachment& operator=(BpfAttachment&&) = delete;

  BpfAttachMode mode() const { return mode_; }  // kTcx or kClsact

 private:
  BpfAttachment() = default;
  static absl::StatusOr<BpfAttachment> AttachTcx(int interface, int program, bool ingress_only);
  static absl::StatusOr<BpfAttachment> AttachClsact(int interface, int program, bool ingress_only);

  BpfAttachMode mode_ = BpfAttachMode::kTcx;
  int interface_ = 0;        // clsact; 0: nothing to remove
  bool made_qdisc_ = false;  // the clsact qdisc is ours
  FileDescriptor ingress_;   // TCX
  FileDescriptor egress_;
};

// Removes filters of ours from every interface of this network namespace; returns how many. To be
// called before the first Attach: it does not tell a killed agent's from those of one that runs.
absl::StatusOr<std::size_t> RemoveStaleBpfFilters();

}  // namespace backscatter
