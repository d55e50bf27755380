// The key of hashed labels.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "exporters/metric_labels.h"

namespace backscatter {

TargetLabels LabelsOf(const Config& config);

struct LabelKey {
  std::string key = {};      // empty where labels are no hashes
  std::string warning = {};  // empty: all is well
};

// Reads labels.key_file; makes it where it is not there. Where that is not possible either the key
// is made for this run alone, and the warning says so. InvalidArgument for a file that is there and
// is wrong (ReadSecretFile).
absl::StatusOr<LabelKey> OpenLabelKey(const Config& config);

}  // namespace backscatter
