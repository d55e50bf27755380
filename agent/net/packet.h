// One captured frame.
#pragma once

#include <cstdint>
#include <span>

#include "agent/base/packet_time.h"

namespace backscatter {

// LINKTYPE_ values as in capture files (https://www.tcpdump.org/linktypes.html). An enum with a
// fixed width: any value may arrive; those not named here are counted as unknown.
enum class LinkType : std::uint32_t {
  kNull = 0,
  kEthernet = 1,
  kPpp = 9,
  kPppHdlc = 50,
  kPppEther = 51,
  kRaw = 101,
  kLoop = 108,
  kLinuxSll = 113,
  kIpv4 = 228,
  kIpv6 = 229,
  kNflog = 239,
  kLinuxSll2 = 276,
};

struct Packet {
  std::span<const std::uint8_t> bytes;  // as captured; valid until the callback returns
  PacketTime captured_at = 0;
  std::uint32_t wire_length = 0;  // as it was on the wire, >= bytes.size() in a sane record
  LinkType link_type = LinkType::kEthernet;
  bool cut = false;          // what is missing of it was left out on purpose (a body), not lost
  std::uint32_t origin = 0;  // index of the interface or file it came from
  double weight = 1.0;       // 1/p of the sampling
};

}  // namespace backscatter
