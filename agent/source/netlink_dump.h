// One dump over rtnetlink, and the attributes of what it answers.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace backscatter {

using NetlinkBytes = std::span<const std::uint8_t>;

struct NetlinkEnd {
  int error = 0;         // an errno value that the kernel answered with; 0: the dump is whole
  bool changed = false;  // while it was read
};

// Sends `request`, what stands behind the header, in the network namespace of the calling thread.
// `take` gets the type and the body of each message; a body is as long as its message says, no
// more is checked. Needs no capability. Unavailable where there is no socket, or no answer within
// a second.
absl::StatusOr<NetlinkEnd> DumpNetlink(
    std::uint16_t type, NetlinkBytes request,
    const std::function<void(std::uint16_t type, NetlinkBytes body)>& take);

// Calls `take(type, value)` for each attribute, up to the first that reaches past the end.
template <typename Take>
void ForEachAttribute(NetlinkBytes bytes, const Take& take) {
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > bytes.size()) return;
    take(attribute.rta_type & NLA_TYPE_MASK,
         bytes.subspan(sizeof attribute, attribute.rta_len - sizeof attribute));
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), RTA_ALIGN(attribute.rta_len)));
  }
}

// Of an attribute that is a text, with or without its zero.
inline std::string NetlinkText(NetlinkBytes value) {
  const auto* const text = reinterpret_cast<const char*>(value.data());
  return {text, strnlen(text, value.size())};
}

}  // namespace backscatter
