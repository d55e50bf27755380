// A network namespace of a test's own, without a name: it goes when its last user goes.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/file_descriptor.h"

namespace backscatter::support {

// While an object lives, the calling thread is in the namespace; threads and programs that it
// starts are too.
class InNamespace {
 public:
  explicit InNamespace(const FileDescriptor& name_space);
  ~InNamespace();
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  FileDescriptor before_;
};

class NetworkNamespace {
 public:
  // With its loopback interface up. nullopt where the host does not allow it: `why` says so.
  static std::optional<NetworkNamespace> Make(std::string& why);

  // Runs `ip WORDS...` in it, words parted by single blanks. False, with a test failure, where it
  // fails.
  bool Ip(std::string_view words) const;
  // A pair of interfaces, both up, with the addresses "10.0.0.1/24" and the like.
  // The second one goes to `other`, which may be this.
  bool JoinTo(const NetworkNamespace& other, const std::string& name, const std::string& address,
              const std::string& other_name, const std::string& other_address) const;

  const FileDescriptor& fd() const { return fd_; }

 private:
  explicit NetworkNamespace(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace backscatter::support
