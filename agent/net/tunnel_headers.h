// Parsers of tunnels over IP and UDP. Each takes a layer that begins with the named header and
// advances it; on any outcome but kNext the layer is left in an unspecified, valid state.
// Pure, O(header).
#pragma once

#include "agent/net/layer.h"

namespace backscatter {

// RFC 2784, RFC 2890, PPTP (RFC 2637), WCCP, ERSPAN types I, II and III. A packet with source
// routing (RFC 1701) is refused: kUnknownProtocol.
StepOutcome ParseGre(Layer& layer);

StepOutcome ParseEtherIp(Layer& layer);  // RFC 3378

// VXLAN (4789, Linux' old 8472), VXLAN-GPE (4790), Geneve (6081), GTP-U (2152); any other UDP is
// kNoTcp, and so is a control message of these.
StepOutcome ParseUdp(Layer& layer);

}  // namespace backscatter
