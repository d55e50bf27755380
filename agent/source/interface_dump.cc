#include "agent/source/interface_dump.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "agent/source/netlink_dump.h"

namespace backscatter {
namespace {

constexpr int kAttempts = 5;

absl::Status Failed(const std::string& what) {
  return absl::UnavailableError("network interfaces: " + what);
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

// The attributes behind the fixed part of a message.
NetlinkBytes Behind(NetlinkBytes message, std::size_t fixed) {
  return message.subspan(std::min<std::size_t>(message.size(), NLMSG_ALIGN(fixed)));
}

class Dump {
 public:
  explicit Dump(const DumpLimits& limits) : limits_(limits) {}

  // `changed` becomes true where the kernel says that it changed while it was read.
  absl::Status Read(std::uint16_t type, bool& changed) {
    const rtgenmsg family{.rtgen_family = AF_UNSPEC};
    const absl::StatusOr<NetlinkEnd> end =
        DumpNetlink(type, {&family.rtgen_family, sizeof family},
                    [this](std::uint16_t answer, NetlinkBytes body) {
                      if (answer == RTM_NEWLINK) TakeLink(body);
                      if (answer == RTM_NEWADDR) TakeAddress(body);
                    });
    if (!end.ok()) return Failed(std::string(end.status().message()));
    changed |= end->changed;
    if (end->error == 0) return absl::OkStatus();
    return Failed(std::string("the kernel refused: ") + std::strerror(end->error));
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
  void TakeLink(NetlinkBytes message) {
    ifinfomsg info;
    if (message.size() < sizeof info || by_index_.size() >= limits_.interfaces) return;
    std::memcpy(&info, message.data(), sizeof info);
    HostInterface& interface = by_index_[info.ifi_index];
    interface.index = info.ifi_index;
    interface.up = (info.ifi_flags & IFF_UP) != 0;
    interface.loopback = (info.ifi_flags & IFF_LOOPBACK) != 0;
    interface.kind = KindOf(info.ifi_type);
    ForEachAttribute(Behind(message, sizeof info), [&](int type, NetlinkBytes value) {
      if (type == IFLA_IFNAME) interface.name = NetlinkText(value);
    });
  }

  void TakeAddress(NetlinkBytes message) {
    ifaddrmsg info;
    if (message.size() < sizeof info) return;
    std::memcpy(&info, message.data(), sizeof info);
    const auto found = by_index_.find(static_cast<int>(info.ifa_index));
    if (found == by_index_.end()) return;
    if (found->second.addresses.size() >= limits_.addresses) return;
    const auto read = [&](NetlinkBytes value, IpAddress& address) {
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
    ForEachAttribute(Behind(message, sizeof info), [&](int type, NetlinkBytes value) {
      if (type == IFA_ADDRESS) has_address |= read(value, address);
      if (type == IFA_LOCAL) has_local |= read(value, local);
    });
    if (has_local || has_address) {
      found->second.addresses.push_back(has_local ? local : address);
    }
  }

  const DumpLimits limits_;
  std::map<int, HostInterface> by_index_;
};

}  // namespace

absl::StatusOr<std::vector<HostInterface>> DumpInterfaces(const DumpLimits& limits) {
  for (int attempt = 1;; ++attempt) {
    Dump dump(limits);
    bool changed = false;
    for (const std::uint16_t type : {RTM_GETLINK, RTM_GETADDR}) {
      if (absl::Status status = dump.Read(type, changed); !status.ok()) return status;
    }
    // What changed meanwhile is announced too, so the last attempt is taken as it is.
    if (!changed || attempt == kAttempts) return std::move(dump).Interfaces();
  }
}

}  // namespace backscatter
