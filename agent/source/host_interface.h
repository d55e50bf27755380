// A network interface of this host, as a live source needs to know it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/ip_address.h"

namespace backscatter {

// What its frames begin with.
enum class LinkKind : std::uint8_t {
  kEthernet,  // also the loopback interface
  kIp,        // tunnels and point-to-point links without a link header
  kOther,
};

struct HostInterface {
  int index = 0;  // of the kernel; never given to two interfaces at a time
  std::string name = {};
  bool up = false;  // by the administrator; a cable need not be plugged in
  bool loopback = false;
  LinkKind kind = LinkKind::kOther;
  std::vector<IpAddress> addresses = {};  // sorted

  friend bool operator==(const HostInterface&, const HostInterface&) = default;
};

}  // namespace backscatter
