// The TC filters of an interface, as the kernel lists them (rtnetlink); no capability is needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace backscatter {

enum class TcDirection : std::uint8_t { kIngress, kEgress };

struct TcFilter {
  std::uint32_t handle = 0;
  std::uint16_t priority = 0;
  std::string kind;  // "bpf", "flower", ...
  std::string name;  // of a bpf filter: its program's name and number
};

// Filters of the clsact (or ingress) qdisc; empty where there is none.
absl::StatusOr<std::vector<TcFilter>> ListTcFilters(int interface, TcDirection direction);

// Filters of ours, of this process or another, are known by all three.
inline constexpr std::uint32_t kBpfFilterHandle = 0x6273;  // "bs"
inline constexpr std::uint16_t kBpfFilterPriority = 0x6273;
inline bool IsOurs(const TcFilter& filter) {
  return filter.handle == kBpfFilterHandle && filter.priority == kBpfFilterPriority &&
         filter.name.starts_with("bs_");
}

}  // namespace backscatter
