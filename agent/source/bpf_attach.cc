#include "agent/source/bpf_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "agent/source/bpf_filters.h"
#include "agent/source/bpf_refusal.h"

namespace backscatter {
namespace {

// Numbers of Linux 6.6, which the headers of older systems lack.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr std::uint32_t kBefore = 1u << 3;  // an earlier program that accepts would hide all

constexpr TcDirection kBoth[] = {TcDirection::kIngress, TcDirection::kEgress};

std::string NameOf(int interface) {
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(static_cast<unsigned>(interface), name) != nullptr) return name;
  return "interface " + std::to_string(interface);
}

bpf_tc_hook Hook(int interface, int point) {
  bpf_tc_hook hook = {};
  hook.sz = sizeof hook;
  hook.ifindex = interface;
  hook.attach_point = static_cast<bpf_tc_attach_point>(point);
  return hook;
}
bpf_tc_hook Hook(int interface, TcDirection direction) {
  return Hook(interface, direction == TcDirection::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
}

bpf_tc_opts OurFilter() {
  bpf_tc_opts options = {};
  options.sz = sizeof options;
  options.handle = kBpfFilterHandle;
  options.priority = kBpfFilterPriority;
  return options;
}

// Of whoever has a filter there.
int RemoveFilter(int interface, TcDirection direction) {
  const bpf_tc_hook hook = Hook(interface, direction);
  const bpf_tc_opts options = OurFilter();
  return bpf_tc_detach(&hook, &options);
}

// The number of the program in the filter that is there; 0: there is none.
std::uint32_t ProgramInFilter(int interface, TcDirection direction) {
  const bpf_tc_hook hook = Hook(interface, direction);
  bpf_tc_opts options = OurFilter();
  return bpf_tc_query(&hook, &options) == 0 ? options.prog_id : 0;
}

bool HasFilters(int interface) {
  for (const TcDirection direction : kBoth) {
    const auto filters = ListTcFilters(interface, direction);
    if (!filters.ok() || !filters->empty()) return true;  // in doubt somebody's
  }
  return false;
}

absl::Status Refused(int error, int interface, const char* what) {
  return ExplainBpfRefusal(error, "attaching to " + NameOf(interface) + " by " + what, "");
}

}  // namespace

absl::StatusOr<BpfAttachment> BpfAttachment::Attach(int interface, int program, BpfAttachMode mode,
                                                    bool ingress_only, BpfFilterLock& lock) {
  if (mode != BpfAttachMode::kClsact) {
    auto made = AttachTcx(interface, program, ingress_only);
    if (made.ok() || mode == BpfAttachMode::kTcx || !absl::IsUnimplemented(made.status())) {
      return made;
    }
  }
  return AttachClsact(interface, program, ingress_only, lock);
}

absl::StatusOr<BpfAttachment> BpfAttachment::AttachTcx(int interface, int program,
                                                       bool ingress_only) {
  BpfAttachment made;
  bpf_link_create_opts options = {};
  options.sz = sizeof options;
  options.flags = kBefore;
  for (const TcDirection direction : kBoth) {
    if (direction == TcDirection::kEgress && ingress_only) continue;
    const bool in = direction == TcDirection::kIngress;
    FileDescriptor link(
        bpf_link_create(program, interface, in ? kTcxIngress : kTcxEgress, &options));
    if (!link.valid()) {
      if (errno == EINVAL) {
        return absl::UnimplementedError("attaching to " + NameOf(interface) +
                                        " by tcx: this kernel has none (Linux 6.6 or later)");
      }
      return Refused(errno, interface, "tcx");
    }
    (in ? made.ingress_ : made.egress_) = std::move(link);
  }
  return made;
}

absl::StatusOr<BpfAttachment> BpfAttachment::AttachClsact(int interface, int program,
                                                          bool ingress_only, BpfFilterLock& lock) {
  if (const absl::Status taken = lock.Take(); !taken.ok()) {
    return absl::Status(taken.code(), "attaching to " + NameOf(interface) +
                                          " by clsact: " + std::string(taken.message()));
  }
  BpfAttachment made;
  made.mode_ = BpfAttachMode::kClsact;
  bpf_tc_hook both = Hook(interface, BPF_TC_INGRESS | BPF_TC_EGRESS);
  const int created = bpf_tc_hook_create(&both);
  if (created != 0 && created != -EEXIST) return Refused(-created, interface, "clsact");
  made.made_qdisc_ = created == 0;
  made.interface_ = interface;
  for (const TcDirection direction : kBoth) {
    if (direction == TcDirection::kEgress && ingress_only) continue;
    const bpf_tc_hook hook = Hook(interface, direction);
    bpf_tc_opts options = OurFilter();
    options.prog_fd = program;
    const int error = bpf_tc_attach(&hook, &options);
    // Where it fails `made` takes back what it attached before.
    if (error == -EEXIST) {
      return absl::AlreadyExistsError("attaching to " + NameOf(interface) +
                                      " by clsact: a filter of another has our place there "
                                      "(preference and handle 0x6273); it was left as it is");
    }
    if (error != 0) return Refused(-error, interface, "clsact");
    made.filters_[static_cast<int>(direction)] = options.prog_id;
  }
  return made;
}

BpfAttachment::BpfAttachment(BpfAttachment&& other) noexcept
    : mode_(other.mode_),
      interface_(std::exchange(other.interface_, 0)),
      made_qdisc_(other.made_qdisc_),
      filters_{other.filters_[0], other.filters_[1]},
      ingress_(std::move(other.ingress_)),
      egress_(std::move(other.egress_)) {}

BpfAttachment::~BpfAttachment() {
  if (interface_ == 0) return;
  for (const TcDirection direction : kBoth) {
    const std::uint32_t ours = filters_[static_cast<int>(direction)];
    if (ours != 0 && ProgramInFilter(interface_, direction) == ours) {
      RemoveFilter(interface_, direction);
    }
  }
  if (!made_qdisc_ || HasFilters(interface_)) return;
  bpf_tc_hook both = Hook(interface_, BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&both);
}

absl::StatusOr<std::size_t> RemoveStaleBpfFilters(const BpfFilterLock& lock) {
  if (!lock.held()) return 0;
  const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex*)> interfaces(
      ::if_nameindex(), if_freenameindex);
  std::size_t removed = 0;
  if (interfaces == nullptr) return removed;
  for (const struct if_nameindex* at = interfaces.get(); at->if_index != 0; ++at) {
    const auto interface = static_cast<int>(at->if_index);
    for (const TcDirection direction : kBoth) {
      const auto filters = ListTcFilters(interface, direction);
      if (!filters.ok()) return filters.status();
      for (const TcFilter& filter : *filters) {
        if (!IsOurs(filter)) continue;
        if (const int error = RemoveFilter(interface, direction); error != 0) {
          return Refused(-error, interface, "clsact (removing what was left there)");
        }
        ++removed;
      }
    }
  }
  return removed;
}

}  // namespace backscatter
