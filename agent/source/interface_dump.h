// One dump of the interfaces of this host over rtnetlink.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/source/host_interface.h"

namespace backscatter {

struct DumpLimits {
  std::size_t interfaces;
  std::size_t addresses;  // of one interface
};

// By index, addresses sorted. Asks again, a few times, where the kernel says that the list changed
// while it was read.
absl::StatusOr<std::vector<HostInterface>> DumpInterfaces(const DumpLimits& limits);

}  // namespace backscatter
