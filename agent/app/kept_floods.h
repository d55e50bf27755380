// What the detector of floods knows, from one run to the next.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/kept_file.h"
#include "agent/detect/flood_state.h"

namespace backscatter {

class KeptFloods {
 public:
  // Without a path it lives in memory only. A file that is damaged, or is none of ours, is moved to
  // PATH.damaged and nothing is known: `warning` says so. An error where the file cannot be read or
  // moved.
  static absl::StatusOr<KeptFloods> Open(const std::string& path, const FloodOptions& options);

  // What was read. Once.
  FloodState Take() { return std::move(*read_); }
  const std::string& warning() const { return warning_; }
  // Replaces the file, whole. Does nothing without a path. Blocks for the disk.
  absl::Status Save(const FloodState& state);

 private:
  KeptFloods() = default;

  std::unique_ptr<KeptFile> file_;
  std::unique_ptr<FloodState> read_;
  std::string warning_;
};

}  // namespace backscatter
