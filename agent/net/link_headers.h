// Parsers of everything below IP. Each takes a layer that begins with the named header and advances
// it; on any outcome but kNext the layer is left in an unspecified, valid state. Pure, O(header).
#pragma once

#include <cstdint>
#include <optional>

#include "agent/net/layer.h"
#include "agent/net/packet.h"

namespace backscatter {

// What follows an EtherType (https://standards-oui.ieee.org/ethertype/eth.txt).
Header HeaderOfEtherType(std::uint16_t ether_type);

// Starts the walk at a frame's first byte; kNext for a known link type. nullopt: not known here.
std::optional<StepOutcome> ParseLinkType(LinkType type, Layer& layer);

StepOutcome ParseEthernet(Layer& layer);
StepOutcome ParseLlc(Layer& layer);    // IEEE 802.2, SNAP
StepOutcome ParseVlan(Layer& layer);   // IEEE 802.1Q, 802.1ad, QinQ: one tag a call
StepOutcome ParseMpls(Layer& layer);   // RFC 3032, RFC 4385
StepOutcome ParsePppoe(Layer& layer);  // RFC 2516
StepOutcome ParsePpp(Layer& layer);    // RFC 1661, RFC 1662, Cisco HDLC
StepOutcome ParseIpByNibble(Layer& layer);
StepOutcome ParseBackboneTag(Layer& layer);  // IEEE 802.1ah: I-TAG, then the customer's frame
// `length` bytes, an EtherType in the last two of them.
StepOutcome ParseOpaqueTag(Layer& layer, std::size_t length);

}  // namespace backscatter
