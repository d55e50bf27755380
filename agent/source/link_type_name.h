// Names and values of link types as capture files write them.
#pragma once

#include <cstdint>
#include <string>

#include "agent/net/packet.h"

namespace backscatter {

// The name without its LINKTYPE_ prefix ("ETHERNET", "LINUX_SLL2"), or the number ("147").
std::string LinkTypeName(std::uint32_t link_type);

// From the link-type field of a capture file. Raw IP was written as the DLT_RAW of the system at
// hand (12, on OpenBSD 14) before LINKTYPE_RAW existed; readers agree to take both for it.
LinkType LinkTypeFromFile(std::uint16_t value);

}  // namespace backscatter
