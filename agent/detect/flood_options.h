// What the detector of floods is told of the site, and how large it may get.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/base/keyed_hash.h"
#include "agent/detect/flood.h"
#include "agent/mail/canonical_target.h"

namespace backscatter {

struct FloodOptions {
  FloodThresholds thresholds = {};
  TargetOptions target = {};
  std::uint64_t prefix_v4 = 24;  // bits of a source network
  std::uint64_t prefix_v6 = 48;
  std::size_t targets_capacity = 8192;  // also of networks; an eighth of it for domains
  std::size_t baselines_capacity = 8192;
  std::size_t sketches = 4096;         // of 2 KB each
  std::size_t recent_capacity = 4096;  // RCPTs that a new flood can be told from
  std::size_t open_capacity = 256;     // a quarter of it of one kind
  std::size_t ended_capacity = 1024;
  HashKey hash_key = {};
};

}  // namespace backscatter
