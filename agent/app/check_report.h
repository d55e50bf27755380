// What follows from the facts of a host: findings in the words of an operator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/exit_code.h"
#include "agent/app/host_facts.h"
#include "agent/app/memory_plan.h"

namespace backscatter {

struct CheckFinding {
  enum class State : std::uint8_t { kYes, kNo, kNote };
  State state = State::kNote;
  std::string_view section;  // "kernel", "rights", "interfaces", "servers", "encrypted", "memory"
  std::string text;
  std::string fix = {};  // the command or the line that changes it; empty: none is needed
};

struct CheckReport {
  bool would_see_mail = false;
  bool can_capture = false;                 // false: `run` would not start
  ExitCode exit_code = ExitCode::kRefused;  // kUsage and kRefused as `run` would end
  std::string verdict;                      // one sentence
  PacketTime looked_for = 0;
  std::vector<CheckFinding> findings;
};

// Pure: everything it says comes from its arguments.
CheckReport ConcludeCheck(const HostFacts& facts, const Config& config,
                          const absl::StatusOr<MemoryPlan>& memory);

// For people: lines of at most 100 columns, nothing unescaped.
std::string RenderCheckTable(const CheckReport& report);
// For machines: schema backscatter.check/1.
std::string RenderCheckJson(const CheckReport& report);

}  // namespace backscatter
