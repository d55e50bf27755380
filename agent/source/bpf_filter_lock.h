// Which process has clsact filters of ours in a network namespace.
#pragma once

#include "absl/status/status.h"

#include "agent/base/file_descriptor.h"

namespace backscatter {

// Filters stay when their process is killed, and look the same whether it lives or not. So one
// process of a network namespace holds this lock while it has any, and what is there when nobody
// held it is stale. The kernel gives it back with the process: it is the name of an abstract unix
// socket (unix(7)). Not thread-safe.
class BpfFilterLock {
 public:
  // In the network namespace of the calling thread; nothing where it is held already.
  // kAlreadyExists: another process holds it.
  absl::Status Take();
  void Release() { socket_ = FileDescriptor(); }
  bool held() const { return socket_.valid(); }

 private:
  FileDescriptor socket_;
};

}  // namespace backscatter
