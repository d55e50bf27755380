// The configuration of a running agent, from its start through its reloads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/app/config.h"

namespace backscatter {

// One thread.
class RunConfig {
 public:
  // With its tables planned (memory_plan.h).
  explicit RunConfig(LoadedConfig at_start)
      : at_start_(std::move(at_start)), now_(at_start_.config) {}

  // What holds.
  const Config& now() const { return now_; }
  // From now on that of `loaded`, but for what holds from a start on only. Returns the keys that
  // `loaded` wants otherwise than they were at the start, in order.
  std::vector<std::string> Take(const LoadedConfig& loaded);

 private:
  const LoadedConfig at_start_;
  Config now_;
};

}  // namespace backscatter
