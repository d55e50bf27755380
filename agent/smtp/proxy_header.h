// The PROXY protocol's header, versions 1 and 2 (haproxy, proxy-protocol.txt), and XCLIENT's ADDR.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/ip_address.h"

namespace backscatter {

enum class ProxyParse : std::uint8_t {
  kNone,        // no PROXY header begins here
  kIncomplete,  // the text so far is the start of one
  kHeader,      // a header, well-formed
  kBroken,      // a header that cannot be
};

struct ProxyHeader {
  std::size_t length = 0;            // of the header, to be skipped
  std::optional<IpAddress> address;  // nullopt for UNKNOWN, LOCAL and other families
};

// The longest header that is waited for: v1 is at most 107 bytes, v2 16 + its own length.
inline constexpr std::size_t kMaxProxyHeader = 16 + 2048;

ProxyParse ParseProxyHeader(std::string_view text, ProxyHeader& header);

// The value of ADDR= in the arguments of XCLIENT (Postfix XCLIENT_README); nullopt where it is
// missing, [UNAVAILABLE], [TEMPUNAVAIL] or no address.
std::optional<IpAddress> XclientAddress(std::string_view rest);

}  // namespace backscatter
