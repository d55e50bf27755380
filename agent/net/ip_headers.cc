#include "agent/net/ip_headers.h"

#include "agent/net/checksum.h"

namespace backscatter {
namespace {

constexpr std::uint8_t kJumboPayload = 0xc2;  // RFC 2675, section 2
constexpr std::uint8_t kHomeAddress = 0xc9;   // RFC 6275, section 6.3

StepOutcome GoTo(Layer& layer, Header header) {
  layer.header = header;
  return StepOutcome::kNext;
}

// The IP packet is `length` bytes by its own word. More than the frame had: then the record lost
// its wire length (or a mirror cut it), and the missing bytes are missing from the payload.
void BoundBy(Layer& layer, std::size_t length) {
  if (length > layer.wire_length) {
    ++layer.lengths_beyond_frame;
    layer.wire_length = length;
    return;
  }
  layer.LimitTo(length);
}

IpAddress V6At(const Layer& layer, std::size_t offset) {
  return IpAddress::V6(std::span<const std::uint8_t, 16>(layer.bytes.data() + offset, 16));
}
IpAddress V4At(const Layer& layer, std::size_t offset) {
  return IpAddress::V4(std::span<const std::uint8_t, 4>(layer.bytes.data() + offset, 4));
}

// The data of the first option of `type` and `length` in an options header, or null.
const std::uint8_t* FindOption(std::span<const std::uint8_t> header, std::uint8_t type,
                               std::size_t length) {
  std::size_t i = 2;
  while (i + 2 <= header.size()) {
    if (header[i] == 0) {  // Pad1
      ++i;
      continue;
    }
    const std::size_t size = header[i + 1];
    if (i + 2 + size > header.size()) return nullptr;
    if (header[i] == type && size == length) return header.data() + i + 2;
    i += 2 + size;
  }
  return nullptr;
}

// RFC 2675: with a payload length of 0 the hop-by-hop header may hold the real one. 0: it does not.
std::uint32_t JumboLength(const Layer& layer) {
  const auto rest = layer.bytes.subspan(40);
  if (layer.At(6) != 0 || rest.size() < 2) return 0;
  const std::size_t length = (std::size_t{rest[1]} + 1) * 8;
  if (rest.size() < length) return 0;
  const std::uint8_t* const option = FindOption(rest.first(length), kJumboPayload, 4);
  return option != nullptr ? LoadBig32(option) : 0;
}

// Length in bytes of the extension header at the start, or how it fails.
StepOutcome MeasureExtension(const Layer& layer, std::size_t& length) {
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  length = (std::size_t{layer.At(1)} + 1) * 8;
  return layer.Need(length);
}

StepOutcome SkipExtension(Layer& layer, std::size_t length) {
  const std::uint8_t next = layer.At(0);
  layer.Skip(length);
  return GoTo(layer, HeaderOfIpProtocol(next, layer.is_v6));
}

}  // namespace

Header HeaderOfIpProtocol(std::uint8_t protocol, bool is_v6) {
  switch (protocol) {
    case 6:
      return Header::kTcp;
    case 17:
      return Header::kUdp;
    case 4:
      return Header::kIpv4;
    case 41:
      return Header::kIpv6;
    case 47:
      return Header::kGre;
    case 51:
      return Header::kAuthentication;
    case 97:
      return Header::kEtherIp;
    case 137:
      return Header::kMpls;
    case 143:
      return Header::kEthernet;  // RFC 8986
    case 0:
    case 60:
      return is_v6 ? Header::kIpv6Options : Header::kNothing;
    case 43:
      return is_v6 ? Header::kIpv6Routing : Header::kNothing;
    case 44:
      return is_v6 ? Header::kIpv6Fragment : Header::kNothing;
    case 135:
    case 139:
    case 140:
      return is_v6 ? Header::kIpv6Other : Header::kNothing;
    default:
      return Header::kNothing;
  }
}

StepOutcome ParseIpv4(Layer& layer) {
  if (const StepOutcome need = layer.Need(20); need != StepOutcome::kNext) return need;
  if (layer.At(0) >> 4 != 4) return StepOutcome::kMalformed;
  const std::size_t header_length = (layer.At(0) & 0x0fu) * 4u;
  if (header_length < 20) return StepOutcome::kMalformed;
  const std::size_t total = layer.Big16(2);
  if (total == 0) {
    ++layer.zero_lengths;
  } else if (total < header_length) {
    return StepOutcome::kMalformed;
  } else {
    BoundBy(layer, total);
  }
  if (const StepOutcome need = layer.Need(header_length); need != StepOutcome::kNext) return need;
  if (FoldChecksum(AddToChecksum(0, layer.bytes.data(), header_length)) != 0xffff) {
    ++layer.bad_ip_checksums;
  }
  layer.is_v6 = false;
  layer.source = V4At(layer, 12);
  layer.destination = V4At(layer, 16);
  const std::uint16_t fragment = layer.Big16(6);
  const std::uint8_t protocol = layer.At(9);
  const std::uint16_t id = layer.Big16(4);
  layer.Skip(header_length);
  if ((fragment & 0x3fff) == 0) return GoTo(layer, HeaderOfIpProtocol(protocol, false));
  layer.fragment = {.id = id,
                    .offset = (fragment & 0x1fffu) * 8u,
                    .protocol = protocol,
                    .more = (fragment & 0x2000) != 0};
  return GoTo(layer, Header::kFragment);
}

StepOutcome ParseIpv6(Layer& layer) {
  if (const StepOutcome need = layer.Need(40); need != StepOutcome::kNext) return need;
  if (layer.At(0) >> 4 != 6) return StepOutcome::kMalformed;
  std::size_t payload = layer.Big16(4);
  if (payload == 0) {
    const std::uint32_t jumbo = JumboLength(layer);
    // A jumbogram exists only inside hosts, where the frame's own length is known.
    if (jumbo != 0 && (jumbo <= 0xffff || 40 + std::size_t{jumbo} > layer.wire_length)) {
      return StepOutcome::kMalformed;
    }
    payload = jumbo;
  }
  if (payload != 0) {
    BoundBy(layer, 40 + payload);
  } else if (layer.At(6) != 59) {  // 59: no next header, where length 0 is right
    ++layer.zero_lengths;
  }
  layer.is_v6 = true;
  layer.source = V6At(layer, 8);
  layer.destination = V6At(layer, 24);
  const std::uint8_t next = layer.At(6);
  layer.Skip(40);
  return GoTo(layer, HeaderOfIpProtocol(next, true));
}

StepOutcome ParseIpv6Options(Layer& layer) {
  std::size_t length = 0;
  if (const StepOutcome got = MeasureExtension(layer, length); got != StepOutcome::kNext)
    return got;
  const std::uint8_t* const home = FindOption(layer.bytes.first(length), kHomeAddress, 16);
  if (home != nullptr) layer.source = IpAddress::V6(std::span<const std::uint8_t, 16>(home, 16));
  return SkipExtension(layer, length);
}

StepOutcome ParseIpv6Routing(Layer& layer) {
  std::size_t length = 0;
  if (const StepOutcome got = MeasureExtension(layer, length); got != StepOutcome::kNext)
    return got;
  const std::uint8_t type = layer.At(2);
  const std::uint8_t segments_left = layer.At(3);
  if (segments_left > 0 && length >= 24) {
    if (type == 0 || type == 2) {  // RFC 2460, 4.4 and RFC 6275, 6.4: the last address
      layer.destination = V6At(layer, 8 + ((length - 8) / 16 - 1) * 16);
    } else if (type == 4) {  // RFC 8754, section 2: the list is reversed
      layer.destination = V6At(layer, 8);
    }
  }
  return SkipExtension(layer, length);
}

StepOutcome ParseIpv6Fragment(Layer& layer) {
  if (const StepOutcome need = layer.Need(8); need != StepOutcome::kNext) return need;
  const std::uint16_t field = layer.Big16(2);
  const std::uint8_t next = layer.At(0);
  layer.fragment = {
      .id = layer.Big32(4), .offset = field & 0xfff8u, .protocol = next, .more = (field & 1) != 0};
  layer.Skip(8);
  if (layer.fragment.offset == 0 && !layer.fragment.more) {
    return GoTo(layer, HeaderOfIpProtocol(next, true));
  }
  return GoTo(layer, Header::kFragment);
}

StepOutcome ParseIpv6Other(Layer& layer) {
  std::size_t length = 0;
  if (const StepOutcome got = MeasureExtension(layer, length); got != StepOutcome::kNext)
    return got;
  return SkipExtension(layer, length);
}

StepOutcome ParseAuthentication(Layer& layer) {
  if (const StepOutcome need = layer.Need(12); need != StepOutcome::kNext) return need;
  const std::size_t length = (std::size_t{layer.At(1)} + 2) * 4;
  if (length < 12) return StepOutcome::kMalformed;
  if (const StepOutcome need = layer.Need(length); need != StepOutcome::kNext) return need;
  return SkipExtension(layer, length);
}

}  // namespace backscatter
