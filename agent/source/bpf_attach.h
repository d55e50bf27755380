// A kernel program on an interface, in both directions, for as long as the object lives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/source/bpf_filter_lock.h"

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
  // `interface` is an index. Filters of a qdisc take `lock`, which must stay held as long as any
  // lives. kUnimplemented: the kernel has no TCX; kAlreadyExists: another process holds the lock,
  // or has a filter where ours would be.
  static absl::StatusOr<BpfAttachment> Attach(int interface, int program, BpfAttachMode mode,
                                              bool ingress_only, BpfFilterLock& lock);
  ~BpfAttachment();
  BpfAttachment(BpfAttachment&& other) noexcept;
  BpfAttachment& operator=(BpfAttachment&&) = delete;

  BpfAttachMode mode() const { return mode_; }  // kTcx or kClsact

 private:
  BpfAttachment() = default;
  static absl::StatusOr<BpfAttachment> AttachTcx(int interface, int program, bool ingress_only);
  static absl::StatusOr<BpfAttachment> AttachClsact(int interface, int program, bool ingress_only,
                                                    BpfFilterLock& lock);

  BpfAttachMode mode_ = BpfAttachMode::kTcx;
  int interface_ = 0;                  // clsact; 0: nothing to remove
  bool made_qdisc_ = false;            // the clsact qdisc is ours
  std::uint32_t filters_[2] = {0, 0};  // numbers of the programs in our filters; 0: none of ours
  FileDescriptor ingress_;             // TCX
  FileDescriptor egress_;
};

// Removes what a killed agent left on every interface of this network namespace; returns how many
// filters. To be called before the first Attach: whoever holds the lock knows that no other living
// process has any. Without the lock nothing is removed.
absl::StatusOr<std::size_t> RemoveStaleBpfFilters(const BpfFilterLock& lock);

}  // namespace backscatter
