// The signals of a service, as something that can be waited for.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"

namespace backscatter {

// Takes SIGTERM, SIGINT, SIGHUP and SIGUSR1 out of their usual ways for this thread and those that
// it starts from now on; SIGPIPE is ignored. Make it before any other thread.
class ControlSignals {
 public:
  static absl::StatusOr<ControlSignals> Open();

  // Readable when Next has one.
  int fd() const { return fd_.get(); }
  // The number of the next signal; 0: none for now.
  int Next();

  // From now on SIGTERM and SIGINT end the process at once.
  static void LetStopSignalsKill();

 private:
  explicit ControlSignals(FileDescriptor fd) : fd_(std::move(fd)) {}

  FileDescriptor fd_;
};

}  // namespace backscatter
