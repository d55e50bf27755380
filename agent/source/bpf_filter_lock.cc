#include "agent/source/bpf_filter_lock.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace backscatter {
namespace {

constexpr std::string_view kName = "backscatterd/clsact";

}  // namespace

absl::Status BpfFilterLock::Take() {
  if (held()) return absl::OkStatus();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, kName.data(), kName.size());  // abstract: a zero byte first
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kName.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.valid() &&
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) {
    socket_ = std::move(socket);
    return absl::OkStatus();
  }
  if (errno == EADDRINUSE) {
    return absl::AlreadyExistsError(
        "another backscatterd has clsact filters in this network namespace (it holds the abstract "
        "unix socket @" +
        std::string(kName) + "); stop it, or use source: pcap here");
  }
  return absl::UnavailableError("the lock of clsact filters: " + std::string(std::strerror(errno)));
}

}  // namespace backscatter
