#include "agent/base/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace backscatter {
namespace {

constexpr unsigned kMost = 64;

using Data = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

__user_cap_header_struct Header() { return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0}; }

absl::Status Failed(const char* what, int error) {
  return absl::InternalError(std::string("capabilities: ") + what + ": " + std::strerror(error));
}

absl::StatusOr<Data> Get() {
  __user_cap_header_struct header = Header();
  Data data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return Failed("capget", errno);
  return data;
}

std::uint64_t Join(std::uint32_t low, std::uint32_t high) {
  return std::uint64_t{high} << 32 | low;
}

std::string NameOf(unsigned number) {
  const std::string_view name = CapabilityName(static_cast<Capability>(number));
  return name.empty() ? "capability " + std::to_string(number) : std::string(name);
}

}  // namespace

std::string_view CapabilityName(Capability capability) {
  switch (capability) {
    case Capability::kNetAdmin:
      return "CAP_NET_ADMIN";
    case Capability::kNetRaw:
      return "CAP_NET_RAW";
    case Capability::kSysAdmin:
      return "CAP_SYS_ADMIN";
    case Capability::kPerfmon:
      return "CAP_PERFMON";
    case Capability::kBpf:
      return "CAP_BPF";
  }
  return {};
}

std::string CapabilitySet::Names() const {
  std::vector<std::string> names;
  for (unsigned number = 0; number < kMost; ++number) {
    if ((bits_ >> number & 1) != 0) names.push_back(NameOf(number));
  }
  if (names.empty()) return "none";
  std::string text = names.front();
  for (std::size_t i = 1; i < names.size(); ++i) {
    text += (i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return text;
}

absl::StatusOr<CapabilitySet> EffectiveCapabilities() {
  const absl::StatusOr<Data> data = Get();
  if (!data.ok()) return data.status();
  return CapabilitySet(Join((*data)[0].effective, (*data)[1].effective));
}

absl::Status KeepOnlyCapabilities(CapabilitySet kept) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("no_new_privs", errno);
  // Kernels before 4.3 know no ambient set.
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return Failed("the ambient set", errno);
  }
  for (unsigned number = 0; number < kMost; ++number) {
    if ((kept.bits() >> number & 1) != 0) continue;
    // Without CAP_SETPCAP it stays: with no_new_privs nothing can be gained from it.
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EPERM && errno != EINVAL) {
      return Failed("the bounding set", errno);
    }
  }
  absl::StatusOr<Data> data = Get();
  if (!data.ok()) return data.status();
  for (std::size_t word = 0; word < data->size(); ++word) {
    const auto bits = static_cast<std::uint32_t>(kept.bits() >> (32 * word));
    (*data)[word].permitted &= bits;
    (*data)[word].effective &= bits;
    (*data)[word].inheritable = 0;
  }
  __user_cap_header_struct header = Header();
  if (syscall(SYS_capset, &header, data->data()) != 0) return Failed("capset", errno);
  return absl::OkStatus();
}

}  // namespace backscatter
