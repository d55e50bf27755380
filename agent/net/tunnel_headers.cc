#include "agent/net/tunnel_headers.h"

#include "agent/net/link_headers.h"

namespace backscatter {
namespace {

constexpr int kMaxGtpExtensions = 16;

StepOutcome GoTo(Layer& layer, Header header) {
  layer.header = header;
  return StepOutcome::kNext;
}

// draft-foschiano-erspan. Type I has no header at all: it is known by the missing sequence number.
StepOutcome ParseErspan2(Layer& layer, bool has_sequence) {
  if (!has_sequence) return GoTo(layer, Header::kEthernet);
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  if (layer.At(0) >> 4 != 1) return StepOutcome::kUnknownProtocol;
  layer.Skip(8);
  return GoTo(layer, Header::kEthernet);
}

StepOutcome ParseErspan3(Layer& layer) {
  if (const StepOutcome need = layer.Need(12); need != StepOutcome::kNext) return need;
  if (layer.At(0) >> 4 != 2) return StepOutcome::kUnknownProtocol;
  const unsigned frame_type = (layer.Big16(10) >> 10) & 0x1fu;
  const bool has_subheader = (layer.At(11) & 1) != 0;
  const std::size_t length = has_subheader ? 20 : 12;
  if (const StepOutcome need = layer.Need(length); need != StepOutcome::kNext) return need;
  layer.Skip(length);
  return GoTo(layer, frame_type == 2 ? Header::kIpByNibble : Header::kEthernet);
}

// WCCP version 2 puts 4 bytes before the IPv4 header, version 1 none.
StepOutcome ParseWccp(Layer& layer) {
  if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
  if (layer.At(0) >> 4 != 4) layer.Skip(4);
  return GoTo(layer, Header::kIpv4);
}

// RFC 7348. Reserved bits are ignored, as receivers must.
StepOutcome ParseVxlan(Layer& layer) {
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  if ((layer.At(0) & 0x08) == 0) return StepOutcome::kNoTcp;  // no valid network identifier
  layer.Skip(8);
  return GoTo(layer, Header::kEthernet);
}

// draft-ietf-nvo3-vxlan-gpe: the P flag says that the fourth byte names what follows.
StepOutcome ParseVxlanGpe(Layer& layer) {
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  if ((layer.At(0) & 0x04) == 0) return ParseVxlan(layer);
  const std::uint8_t next = layer.At(3);
  layer.Skip(8);
  switch (next) {
    case 1:
      return GoTo(layer, Header::kIpv4);
    case 2:
      return GoTo(layer, Header::kIpv6);
    case 3:
      return GoTo(layer, Header::kEthernet);
    case 5:
      return GoTo(layer, Header::kMpls);
    default:
      return StepOutcome::kUnknownProtocol;
  }
}

// RFC 8926.
StepOutcome ParseGeneve(Layer& layer) {
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  const std::uint8_t first = layer.At(0);
  if (first >> 6 != 0 || (layer.At(1) & 0x80) != 0) return StepOutcome::kNoTcp;  // version, control
  const std::uint16_t type = layer.Big16(2);
  const std::size_t length = 8u + (first & 0x3fu) * 4u;
  if (const StepOutcome need = layer.Need(length); need != StepOutcome::kNext) return need;
  layer.Skip(length);
  return GoTo(layer, HeaderOfEtherType(type));
}

// 3GPP TS 29.281, section 5: version 1, T-PDU only.
StepOutcome ParseGtpU(Layer& layer) {
  constexpr std::uint8_t kTPdu = 0xff;
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  const std::uint8_t flags = layer.At(0);
  if (flags >> 4 != 0x3 || layer.At(1) != kTPdu) return StepOutcome::kNoTcp;
  const std::uint16_t length = layer.Big16(2);
  layer.Skip(8);
  layer.LimitTo(length);
  if ((flags & 0x07) == 0) return GoTo(layer, Header::kIpByNibble);
  if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
  std::uint8_t extension = (flags & 0x04) != 0 ? layer.At(3) : std::uint8_t{0};
  layer.Skip(4);
  for (int i = 0; extension != 0; ++i) {
    if (i == kMaxGtpExtensions) return StepOutcome::kTooDeep;
    if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
    const std::size_t size = layer.At(0) * 4u;
    if (size == 0) return StepOutcome::kMalformed;
    if (const StepOutcome need = layer.Need(size); need != StepOutcome::kNext) return need;
    extension = layer.At(size - 1);
    layer.Skip(size);
  }
  return GoTo(layer, Header::kIpByNibble);
}

}  // namespace

StepOutcome ParseGre(Layer& layer) {
  if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
  const std::uint16_t flags = layer.Big16(0);
  const std::uint16_t type = layer.Big16(2);
  const bool has_checksum = (flags & 0x8000) != 0;
  const bool has_routing = (flags & 0x4000) != 0;
  const bool has_key = (flags & 0x2000) != 0;
  const bool has_sequence = (flags & 0x1000) != 0;
  const unsigned version = flags & 0x7u;
  const bool has_acknowledgment = version == 1 && (flags & 0x0080) != 0;
  if (has_routing || version > 1) return StepOutcome::kUnknownProtocol;
  const std::size_t length = 4u + (has_checksum ? 4u : 0u) + (has_key ? 4u : 0u) +
                             (has_sequence ? 4u : 0u) + (has_acknowledgment ? 4u : 0u);
  if (const StepOutcome need = layer.Need(length); need != StepOutcome::kNext) return need;
  layer.Skip(length);
  if (version == 1 && layer.wire_length == 0) return StepOutcome::kNoTcp;  // a bare acknowledgment
  switch (type) {
    case 0x88be:
      return ParseErspan2(layer, has_sequence);
    case 0x22eb:
      return ParseErspan3(layer);
    case 0x883e:
      return ParseWccp(layer);
    case 0x0000:
      return StepOutcome::kNoTcp;  // a keep-alive
    default:
      return GoTo(layer, HeaderOfEtherType(type));
  }
}

StepOutcome ParseEtherIp(Layer& layer) {
  if (const StepOutcome need = layer.Need(2); need != StepOutcome::kNext) return need;
  if (layer.At(0) >> 4 != 3) return StepOutcome::kMalformed;
  layer.Skip(2);
  return GoTo(layer, Header::kEthernet);
}

StepOutcome ParseUdp(Layer& layer) {
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  const std::uint16_t source = layer.Big16(0);
  const std::uint16_t destination = layer.Big16(2);
  layer.Skip(8);
  switch (destination) {
    case 4789:
    case 8472:
      return ParseVxlan(layer);
    case 4790:
      return ParseVxlanGpe(layer);
    case 6081:
      return ParseGeneve(layer);
    case 2152:
      return ParseGtpU(layer);
    default:
      return source == 2152 ? ParseGtpU(layer) : StepOutcome::kNoTcp;
  }
}

}  // namespace backscatter
