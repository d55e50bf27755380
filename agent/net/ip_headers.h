// Parsers of IPv4, IPv6, its extension headers, and AH. Each takes a layer that begins with the
// named header and advances it; on any outcome but kNext the layer is left in an unspecified, valid
// state. Pure, O(header). Checksums are judged and never obeyed: a bad one only counts.
#pragma once

#include <cstdint>

#include "agent/net/layer.h"

namespace backscatter {

// What follows a protocol or next-header number (IANA protocol numbers).
Header HeaderOfIpProtocol(std::uint8_t protocol, bool is_v6);

// Sets addresses and bounds. A fragment gives Header::kFragment and fills layer.fragment.
// Length 0 (segmentation offload): everything that was captured belongs to it.
StepOutcome ParseIpv4(Layer& layer);  // RFC 791
StepOutcome ParseIpv6(Layer& layer);  // RFC 8200, RFC 2675

// Hop-by-hop and destination options. A home address (RFC 6275) replaces the source.
StepOutcome ParseIpv6Options(Layer& layer);
// With segments left the final destination replaces that of the header (types 0, 2, 4).
StepOutcome ParseIpv6Routing(Layer& layer);
StepOutcome ParseIpv6Fragment(Layer& layer);  // an atomic fragment (RFC 6946) is just skipped
StepOutcome ParseIpv6Other(Layer& layer);
StepOutcome ParseAuthentication(Layer& layer);  // RFC 4302

}  // namespace backscatter
