#include "agent/net/link_headers.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxLabels = 16;

// 802.3 lengths end at 1500 and EtherTypes begin at 1536 (IEEE 802.3, 3.2.6).
constexpr std::uint16_t kFirstEtherType = 0x600;

StepOutcome GoTo(Layer& layer, Header header) {
  layer.header = header;
  return StepOutcome::kNext;
}

// LINKTYPE_NULL is in the byte order of the host that captured, LINKTYPE_LOOP in network order;
// AF_INET6 differs between systems: 10 Linux, 24 NetBSD, 28 FreeBSD, 30 Darwin.
StepOutcome ParseLoopback(Layer& layer) {
  if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
  const std::uint32_t big = layer.Big32(0);
  const std::uint32_t family = big > 0xffff ? __builtin_bswap32(big) : big;
  layer.Skip(4);
  switch (family) {
    case 2:
      return GoTo(layer, Header::kIpv4);
    case 10:
    case 24:
    case 28:
    case 30:
      return GoTo(layer, Header::kIpv6);
    default:
      return StepOutcome::kUnknownProtocol;
  }
}

// https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html, ..._SLL2.html
StepOutcome ParseCooked(Layer& layer, std::size_t protocol_at, std::size_t length) {
  if (const StepOutcome need = layer.Need(length); need != StepOutcome::kNext) return need;
  const std::uint16_t protocol = layer.Big16(protocol_at);
  layer.Skip(length);
  if (protocol == 0x0004) return GoTo(layer, Header::kLlc);
  if (protocol < kFirstEtherType) return StepOutcome::kNoTcp;  // Novell, CAN, IrDA, ...
  return GoTo(layer, HeaderOfEtherType(protocol));
}

// https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html: 4 bytes, then TLVs in the byte order of
// the host that captured. Types lie between 1 and 255, so the zero byte of the first one tells the
// order.
StepOutcome ParseNflog(Layer& layer) {
  constexpr std::uint16_t kPayload = 9;
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  if (layer.At(1) != 0) return StepOutcome::kUnknownProtocol;  // header version
  layer.Skip(4);
  const bool big = layer.At(2) == 0;
  while (true) {
    if (layer.wire_length == 0) return StepOutcome::kNoTcp;
    if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
    const auto field = [&](std::size_t i) {
      const std::uint16_t value = layer.Big16(i);
      return big ? value : __builtin_bswap16(value);
    };
    const std::size_t length = field(0);
    const unsigned type = field(2) & 0x3fffu;  // without NLA_F_NESTED, NLA_F_NET_BYTEORDER
    if (length < 4 || length > layer.wire_length) return StepOutcome::kMalformed;
    if (type == kPayload) {
      layer.LimitTo(length);
      layer.Skip(4);
      return GoTo(layer, Header::kIpByNibble);
    }
    const std::size_t padded = std::min((length + 3) & ~std::size_t{3}, layer.wire_length);
    if (const StepOutcome need = layer.Need(padded); need != StepOutcome::kNext) return need;
    layer.Skip(padded);
  }
}

bool BeginsWithKnownEthernet(const Layer& layer, std::size_t offset) {
  if (layer.bytes.size() < offset + 14) return false;
  const Header next = HeaderOfEtherType(layer.Big16(offset + 12));
  return next == Header::kIpv4 || next == Header::kIpv6 || next == Header::kVlan ||
         next == Header::kMpls || next == Header::kPppoe;
}

Header HeaderOfPppProtocol(std::uint16_t protocol) {
  switch (protocol) {
    case 0x0021:
      return Header::kIpv4;
    case 0x0057:
      return Header::kIpv6;
    case 0x0281:
    case 0x0283:
      return Header::kMpls;
    default:
      return protocol >= 0x8000 ? Header::kNothing : Header::kUnknown;  // control protocols
  }
}

}  // namespace

Header HeaderOfEtherType(std::uint16_t ether_type) {
  switch (ether_type) {
    case 0x0800:
      return Header::kIpv4;
    case 0x86dd:
      return Header::kIpv6;
    case 0x8100:  // 802.1Q
    case 0x88a8:  // 802.1ad
    case 0x9100:  // QinQ before the standard
    case 0x9200:
    case 0x9300:
      return Header::kVlan;
    case 0x8847:
    case 0x8848:
      return Header::kMpls;
    case 0x8864:
      return Header::kPppoe;
    case 0x880b:
      return Header::kPpp;
    case 0x6558:
      return Header::kEthernet;  // transparent Ethernet bridging, in GRE and Geneve
    case 0x88e7:
      return Header::kBackboneTag;
    case 0x8926:
      return Header::kVnTag;
    case 0x893f:
      return Header::kETag;
    case 0x0806:  // ARP
    case 0x8035:  // RARP
    case 0x8808:  // pause frames
    case 0x8809:  // LACP
    case 0x8863:  // PPPoE discovery
    case 0x888e:  // EAPOL
    case 0x88cc:  // LLDP
    case 0x88f7:  // PTP
    case 0x8902:  // CFM
    case 0x9000:  // configuration test
      return Header::kNothing;
    default:
      return Header::kUnknown;
  }
}

std::optional<StepOutcome> ParseLinkType(LinkType type, Layer& layer) {
  // 12 and 14 are DLT_RAW in files of programs that wrote their own number.
  if (type == LinkType{12} || type == LinkType{14}) type = LinkType::kRaw;
  switch (type) {
    case LinkType::kEthernet:
      return ParseEthernet(layer);
    case LinkType::kNull:
    case LinkType::kLoop:
      return ParseLoopback(layer);
    case LinkType::kRaw:
      return GoTo(layer, Header::kIpByNibble);
    case LinkType::kIpv4:
      return GoTo(layer, Header::kIpv4);
    case LinkType::kIpv6:
      return GoTo(layer, Header::kIpv6);
    case LinkType::kPpp:
    case LinkType::kPppHdlc:
      return ParsePpp(layer);
    case LinkType::kPppEther:
      return ParsePppoe(layer);
    case LinkType::kLinuxSll:
      return ParseCooked(layer, 14, 16);
    case LinkType::kLinuxSll2:
      return ParseCooked(layer, 0, 20);
    case LinkType::kNflog:
      return ParseNflog(layer);
  }
  return std::nullopt;
}

StepOutcome ParseEthernet(Layer& layer) {
  if (const StepOutcome need = layer.Need(14); need != StepOutcome::kNext) return need;
  const std::uint16_t type = layer.Big16(12);
  layer.Skip(14);
  if (type >= kFirstEtherType) return GoTo(layer, HeaderOfEtherType(type));
  layer.LimitTo(type);
  return GoTo(layer, Header::kLlc);
}

StepOutcome ParseLlc(Layer& layer) {
  if (const StepOutcome need = layer.Need(3); need != StepOutcome::kNext) return need;
  const std::uint8_t dsap = layer.At(0);
  const std::uint8_t control = layer.At(2);
  if (dsap == 0x06 && layer.At(1) == 0x06 && control == 0x03) {  // IP in plain LLC
    layer.Skip(3);
    return GoTo(layer, Header::kIpv4);
  }
  if (dsap != 0xaa || layer.At(1) != 0xaa || control != 0x03)
    return StepOutcome::kNoTcp;  // STP, ...
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  const std::uint32_t organisation = layer.Big32(2) & 0xffffff;
  const std::uint16_t type = layer.Big16(6);
  layer.Skip(8);
  // RFC 1042, and the bridge tunnel encapsulation of IEEE 802.1H.
  if (organisation != 0 && organisation != 0x0000f8) return StepOutcome::kNoTcp;  // CDP, PVST, ...
  return GoTo(layer, HeaderOfEtherType(type));
}

StepOutcome ParseVlan(Layer& layer) {
  if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
  const std::uint16_t type = layer.Big16(2);
  layer.Skip(4);
  if (type >= kFirstEtherType) return GoTo(layer, HeaderOfEtherType(type));
  layer.LimitTo(type);
  return GoTo(layer, Header::kLlc);
}

StepOutcome ParseOpaqueTag(Layer& layer, std::size_t length) {
  if (const StepOutcome need = layer.Need(length); need != StepOutcome::kNext) return need;
  const std::uint16_t type = layer.Big16(length - 2);
  layer.Skip(length);
  return GoTo(layer, HeaderOfEtherType(type));
}

StepOutcome ParseBackboneTag(Layer& layer) {
  if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
  layer.Skip(4);
  return GoTo(layer, Header::kEthernet);
}

StepOutcome ParseMpls(Layer& layer) {
  bool bottom = false;
  for (std::size_t labels = 0; !bottom; ++labels) {
    if (labels == kMaxLabels) return StepOutcome::kTooDeep;
    if (const StepOutcome need = layer.Need(4); need != StepOutcome::kNext) return need;
    bottom = (layer.At(2) & 1) != 0;
    layer.Skip(4);
  }
  if (const StepOutcome need = layer.Need(1); need != StepOutcome::kNext) return need;
  switch (layer.At(0) >> 4) {
    case 4:
      return GoTo(layer, Header::kIpv4);
    case 6:
      return GoTo(layer, Header::kIpv6);
    case 1:
      return StepOutcome::kNoTcp;  // an associated channel (RFC 5586)
    default:
      break;
  }
  // A pseudo-wire: nothing says so on the wire, hence only where a known EtherType is in place.
  if (layer.At(0) >> 4 == 0 && BeginsWithKnownEthernet(layer, 4)) {
    layer.Skip(4);  // the control word
    return GoTo(layer, Header::kEthernet);
  }
  if (BeginsWithKnownEthernet(layer, 0)) return GoTo(layer, Header::kEthernet);
  return StepOutcome::kUnknownProtocol;
}

StepOutcome ParsePppoe(Layer& layer) {
  if (const StepOutcome need = layer.Need(6); need != StepOutcome::kNext) return need;
  if (layer.At(0) != 0x11) return StepOutcome::kMalformed;
  if (layer.At(1) != 0) return StepOutcome::kNoTcp;  // discovery
  const std::uint16_t length = layer.Big16(4);
  layer.Skip(6);
  layer.LimitTo(length);
  return GoTo(layer, Header::kPpp);
}

StepOutcome ParsePpp(Layer& layer) {
  if (const StepOutcome need = layer.Need(2); need != StepOutcome::kNext) return need;
  if (layer.At(0) == 0x0f || layer.At(0) == 0x8f) return ParseOpaqueTag(layer, 4);  // Cisco HDLC
  if (layer.At(0) == 0xff && layer.At(1) == 0x03) {
    layer.Skip(2);
    if (const StepOutcome need = layer.Need(1); need != StepOutcome::kNext) return need;
  }
  // The low bit ends the field: an odd first byte is the whole of a compressed one.
  const bool compressed = (layer.At(0) & 1) != 0;
  if (const StepOutcome need = layer.Need(compressed ? 1 : 2); need != StepOutcome::kNext)
    return need;
  const std::uint16_t protocol = compressed ? layer.At(0) : layer.Big16(0);
  layer.Skip(compressed ? 1 : 2);
  return GoTo(layer, HeaderOfPppProtocol(protocol));
}

StepOutcome ParseIpByNibble(Layer& layer) {
  if (const StepOutcome need = layer.Need(1); need != StepOutcome::kNext) return need;
  switch (layer.At(0) >> 4) {
    case 4:
      return GoTo(layer, Header::kIpv4);
    case 6:
      return GoTo(layer, Header::kIpv6);
    default:
      return StepOutcome::kMalformed;
  }
}

}  // namespace backscatter
