#include "agent/source/interface_dump.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "agent/base/file_descriptor.h"

namespace backscatter {
namespace {

constexpr int kAttempts = 5;
constexpr std::size_t kBufferBytes = 64 << 10;  // the kernel fills at most 32 KiB at a time

absl::Status Failed(std::string_view what) {
  return absl::UnavailableError("network interfaces: " + std::string(what) + ": " +
                                std::strerror(errno));
}

LinkKind KindOf(unsigned short hardware) {
  switch (hardware) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return LinkKind::kEthernet;
    case ARPHRD_NONE:
    case ARPHRD_RAWIP:
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
      return LinkKind::kIp;
    default:
      return LinkKind::kOther;
  }
}

// Calls `take(type, bytes)` for each attribute of a message whose fixed part is `header` long.
template <typename Take>
void ForEachAttribute(std::span<const std::uint8_t> message, std::size_t header, Take take) {
  std::size_t at = NLMSG_ALIGN(header);
  while (at + sizeof(rtattr) <= message.size()) {
    rtattr attribute;
    std::memcpy(&attribute, message.data() + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > message.size()) return;
    take(attribute.rta_type,
         message.subspan(at + sizeof attribute, attribute.rta_len - sizeof attribute));
    at += RTA_ALIGN(attribute.rta_len);
  }
}

class Dump {
 public:
  explicit Dump(const DumpLimits& limits) : limits_(limits), buffer_(kBufferBytes) {}

  absl::Status Open() {
    socket_ = FileDescriptor(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket_.valid()) return Failed("no netlink socket");
    const timeval limit{.tv_sec = 1, .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return absl::OkStatus();
  }

  // `changed` becomes true where the kernel says that it changed while it was read.
  absl::Status Read(std::uint16_t type, bool& changed) {
    struct {
      nlmsghdr header;
      rtgenmsg family;
    } request{};
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.family);
    request.header.nlmsg_type = type;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.header.nlmsg_seq = ++sequence_;
    request.family.rtgen_family = AF_UNSPEC;
    if (send(socket_.get(), &request, request.header.nlmsg_len, 0) < 0) return Failed("no dump");
    bool done = false;
    while (!done) {
      const ssize_t got = recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return Failed("no answer");
      if (absl::Status status = Take(static_cast<std::size_t>(got), changed, done); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  std::vector<HostInterface> Interfaces() && {
    std::vector<HostInterface> list;
    for (auto& [index, interface] : by_index_) {
      std::ranges::sort(interface.addresses);
      list.push_back(std::move(interface));
    }
    return list;
  }

 private:
  absl::Status Take(std::size_t length, bool& changed, bool& done) {
    std::size_t at = 0;
    while (at + sizeof(nlmsghdr) <= length) {
      nlmsghdr header;
      std::memcpy(&header, buffer_.data() + at, sizeof header);
      if (header.nlmsg_len < sizeof header || at + header.nlmsg_len > length) break;
      const std::span<const std::uint8_t> body(buffer_.data() + at + sizeof header,
                                               header.nlmsg_len - sizeof header);
      at += NLMSG_ALIGN(header.nlmsg_len);
      if (header.nlmsg_seq != sequence_) continue;  // of an attempt before this one
      changed |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (header.nlmsg_type == NLMSG_DONE) {
        done = true;
      } else if (header.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        std::memcpy(&error, body.data(), std::min(body.size(), sizeof error.error));
        errno = -error.error;
        return Failed("the kernel refused");
      } else if (header.nlmsg_type == RTM_NEWLINK) {
        TakeLink(body);
      } else if (header.nlmsg_type == RTM_NEWADDR) {
        TakeAddress(body);
      }
    }
    return absl::OkStatus();
  }

  void TakeLink(std::span<const std::uint8_t> message) {
    ifinfomsg info;
    if (message.size() < sizeof info || by_index_.size() >= limits_.interfaces) return;
    std::memcpy(&info, message.data(), sizeof info);
    HostInterface& interface = by_index_[info.ifi_index];
    interface.index = info.ifi_index;
    interface.up = (info.ifi_flags & IFF_UP) != 0;
    interface.loopback = (info.ifi_flags & IFF_LOOPBACK) != 0;
    interface.kind = KindOf(info.ifi_type);
    ForEachAttribute(message, sizeof info, [&](unsigned type, std::span<const std::uint8_t> value) {
      if (type != IFLA_IFNAME) return;
      const auto* const text = reinterpret_cast<const char*>(value.data());
      interface.name.assign(text, strnlen(text, value.size()));
    });
  }

  void TakeAddress(std::span<const std::uint8_t> message) {
    ifaddrmsg info;
    if (message.size() < sizeof info) return;
    std::memcpy(&info, message.data(), sizeof info);
    const auto found = by_index_.find(static_cast<int>(info.ifa_index));
    if (found == by_index_.end()) return;
    if (found->second.addresses.size() >= limits_.addresses) return;
    const auto read = [&](std::span<const std::uint8_t> value, IpAddress& address) {
      if (info.ifa_family == AF_INET && value.size() == 4) {
        address = IpAddress::V4(value.first<4>());
        return true;
      }
      if (info.ifa_family != AF_INET6 || value.size() != 16) return false;
      address = IpAddress::V6(value.first<16>());
      return true;
    };
    // Of a point-to-point link IFA_ADDRESS is the peer's, IFA_LOCAL ours; else they are the same,
    // or there is only the former (IPv6).
    IpAddress address;
    IpAddress local;
    bool has_address = false;
    bool has_local = false;
    ForEachAttribute(message, sizeof info, [&](unsigned type, std::span<const std::uint8_t> value) {
      if (type == IFA_ADDRESS) has_address |= read(value, address);
      if (type == IFA_LOCAL) has_local |= read(value, local);
    });
    if (has_local || has_address) {
      found->second.addresses.push_back(has_local ? local : address);
    }
  }

  const DumpLimits limits_;
  FileDescriptor socket_;
  std::vector<std::uint8_t> buffer_;
  std::map<int, HostInterface> by_index_;
  std::uint32_t sequence_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<HostInterface>> DumpInterfaces(const DumpLimits& limits) {
  for (int attempt = 1;; ++attempt) {
    Dump dump(limits);
    bool changed = false;
    if (absl::Status status = dump.Open(); !status.ok()) return status;
    for (const std::uint16_t type : {RTM_GETLINK, RTM_GETADDR}) {
      if (absl::Status status = dump.Read(type, changed); !status.ok()) return status;
    }
    // What changed meanwhile is announced too, so the last attempt is taken as it is.
    if (!changed || attempt == kAttempts) return std::move(dump).Interfaces();
  }
}

}  // namespace backscatter
