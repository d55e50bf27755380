// The network interfaces of this host and their addresses, kept up to date by rtnetlink.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/source/host_interface.h"

namespace backscatter {

// Needs no capability. The kernel's messages about links and addresses only say that something
// changed: the list itself is always dumped anew, so messages that were lost (an overrun) cost
// nothing but a dump. Sees the network namespace of the thread that calls.
// Not thread-safe.
class InterfaceWatcher {
 public:
  // More interfaces than this, or addresses of one, are left out.
  static constexpr std::size_t kMaxInterfaces = 8192;
  static constexpr std::size_t kMaxAddresses = 4096;

  // With the first list. Fails where the kernel has no netlink.
  static absl::StatusOr<std::unique_ptr<InterfaceWatcher>> Open();

  // Readable when Poll has something to do.
  int fd() const { return events_.get(); }

  // Never waits for a change; takes up to a second where the kernel does not answer. True: the list
  // is another one than before. An error leaves the list as it was, and the next call dumps again.
  absl::StatusOr<bool> Poll();

  // By index. Valid until the next Poll.
  const std::vector<HostInterface>& interfaces() const { return interfaces_; }

 private:
  explicit InterfaceWatcher(FileDescriptor events) : events_(std::move(events)) {}
  bool TakeEvents();

  FileDescriptor events_;
  bool stale_ = true;
  std::vector<HostInterface> interfaces_;
};

}  // namespace backscatter
