// From memory.max to the bound of each table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/config.h"

namespace backscatter {

struct MemoryPart {
  std::string_view name;  // in an operator's words
  std::uint64_t bytes;    // at the most
};

struct MemoryPlan {
  Config config;  // with capacities that fit together
  std::vector<MemoryPart> parts = {};
  std::uint64_t total = 0;  // with what a table takes twice while it grows
};

// The tables of `run` at their bounds, each as large as its default where that fits; else the
// largest are halved until the sum does. Capacities that were given (targets.capacity,
// sources.capacity, sent.capacity) are kept: where they do not fit InvalidArgument says what they
// need. Kernel memory (bpf.ring_bytes) and the program itself are not in it, nor is a report while
// it is written.
absl::StatusOr<MemoryPlan> PlanMemory(const LoadedConfig& loaded);

}  // namespace backscatter
