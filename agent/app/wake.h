// Lets one thread end another's poll(2).
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "agent/base/file_descriptor.h"

namespace backscatter {

// Thread-safe.
class Wake {
 public:
  Wake() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  bool valid() const { return fd_.valid(); }
  // Readable from Ring until Take.
  int fd() const { return fd_.get(); }
  void Ring() const {
    const std::uint64_t one = 1;
    (void)!write(fd_.get(), &one, sizeof one);
  }
  void Take() const {
    std::uint64_t count;
    (void)!read(fd_.get(), &count, sizeof count);
  }

 private:
  FileDescriptor fd_;
};

}  // namespace backscatter
