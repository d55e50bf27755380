#include "agent/source/interface_watcher.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "agent/source/interface_dump.h"

namespace backscatter {
namespace {

// Messages taken a Poll; what is left shows in the next one.
constexpr int kMaxEvents = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<InterfaceWatcher>> InterfaceWatcher::Open() {
  FileDescriptor events(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (!events.valid() ||
      bind(events.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return absl::UnavailableError(
        std::string("network interfaces: cannot listen for changes (netlink): ") +
        std::strerror(errno) + "; name them with --interface");
  }
  std::unique_ptr<InterfaceWatcher> watcher(new InterfaceWatcher(std::move(events)));
  if (absl::StatusOr<bool> polled = watcher->Poll(); !polled.ok()) return polled.status();
  return watcher;
}

// True if there was any, or if some were lost.
bool InterfaceWatcher::TakeEvents() {
  std::array<char, 16 << 10> buffer;
  bool any = false;
  for (int i = 0; i < kMaxEvents; ++i) {
    // What is cut off does not matter: that there is a message is all we want to know.
    const ssize_t got = recv(events_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ENOBUFS) break;
    any = true;
  }
  return any;
}

absl::StatusOr<bool> InterfaceWatcher::Poll() {
  stale_ |= TakeEvents();  // before the dump: what comes while it is read is for the next call
  if (!stale_) return false;
  absl::StatusOr<std::vector<HostInterface>> list =
      DumpInterfaces({.interfaces = kMaxInterfaces, .addresses = kMaxAddresses});
  if (!list.ok()) return list.status();
  stale_ = false;
  if (*list == interfaces_) return false;
  interfaces_ = *std::move(list);
  return true;
}

}  // namespace backscatter
