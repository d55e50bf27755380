#include "tests/support/packet_builder.h"

#include <cstdlib>
#include <span>

#include "agent/base/ip_address.h"

namespace backscatter::support {
namespace {

std::string Byte(std::uint32_t value) { return std::string(1, static_cast<char>(value & 0xff)); }

std::string Swapped(std::string text) { return {text.rbegin(), text.rend()}; }

// RFC 1071, byte pair by byte pair.
std::uint16_t Checksum(const std::string& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint32_t byte = static_cast<std::uint8_t>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

std::string AddressBytes(std::string_view text, bool v6) {
  const auto address = IpAddress::Parse(text);
  if (!address) std::abort();
  const auto& bytes = address->bytes();
  return {bytes.begin() + (v6 ? 0 : 12), bytes.end()};
}

std::uint32_t Or(int value, int otherwise) {
  return static_cast<std::uint32_t>(value >= 0 ? value : otherwise);
}

std::uint32_t Size(const std::string& text) { return static_cast<std::uint32_t>(text.size()); }

const std::string kMacs("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);

}  // namespace

std::string Big16(std::uint32_t value) { return Byte(value >> 8) + Byte(value); }
std::string Big32(std::uint32_t value) { return Big16(value >> 16) + Big16(value); }

Packet AsPacket(const std::string& frame, LinkType link_type, PacketTime at) {
  Packet packet;
  packet.bytes = {reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()};
  packet.wire_length = Size(frame);
  packet.link_type = link_type;
  packet.captured_at = at;
  return packet;
}

PacketBuilder& PacketBuilder::Add(Names names, Wrap wrap) {
  parts_.push_back({names, std::move(wrap)});
  addresses_.push_back(addresses_.empty() ? Addresses{} : addresses_.back());
  return *this;
}

std::string PacketBuilder::Build() const {
  std::string bytes;
  Names next;
  for (std::size_t i = parts_.size(); i-- > 0;) {
    bytes = parts_[i].wrap(bytes, next, addresses_[i]);
    next = parts_[i].names;
  }
  return bytes + trailer_;
}

PacketBuilder& PacketBuilder::Ethernet(int ether_type) {
  return Add({.ether_type = 0x6558, .ip_protocol = 143},
             [=](const std::string& inner, const Names& next, const Addresses&) {
               return kMacs + Big16(Or(ether_type, next.ether_type)) + inner;
             });
}

PacketBuilder& PacketBuilder::Dot3() {
  return Add({.ether_type = 0x6558}, [](const std::string& inner, const Names&, const Addresses&) {
    return kMacs + Big16(Size(inner)) + inner;
  });
}

PacketBuilder& PacketBuilder::Snap() {
  return Add({.ether_type = 0x0004},
             [](const std::string& inner, const Names& next, const Addresses&) {
               return std::string("\xaa\xaa\x03\0\0\0", 6) + Big16(Or(next.ether_type, 0)) + inner;
             });
}

PacketBuilder& PacketBuilder::Vlan(std::uint16_t id, std::uint16_t tag_type) {
  return Add({.ether_type = tag_type},
             [=](const std::string& inner, const Names& next, const Addresses&) {
               return Big16(id) + Big16(Or(next.ether_type, 0)) + inner;
             });
}

PacketBuilder& PacketBuilder::Mpls(std::uint32_t label) {
  return Add({.ether_type = 0x8847, .ip_protocol = 137, .ppp_protocol = 0x0281},
             [=](const std::string& inner, const Names& next, const Addresses&) {
               const std::uint32_t bottom = next.ether_type == 0x8847 ? 0 : 1;
               return Big32((label << 12) | (bottom << 8) | 64) + inner;
             });
}

PacketBuilder& PacketBuilder::PseudoWireControlWord() {
  return Add({}, [](const std::string& inner, const Names&, const Addresses&) {
    return Big32(0) + inner;
  });
}

PacketBuilder& PacketBuilder::Pppoe() {
  return Add({.ether_type = 0x8864},
             [](const std::string& inner, const Names& next, const Addresses&) {
               return Big16(0x1100) + Big16(1) + Big16(Size(inner) + 2) +
                      Big16(Or(next.ppp_protocol, 0)) + inner;
             });
}

PacketBuilder& PacketBuilder::Ppp(bool address_and_control, bool compressed) {
  return Add({.ether_type = 0x880b},
             [=](const std::string& inner, const Names& next, const Addresses&) {
               const std::uint32_t protocol = Or(next.ppp_protocol, 0);
               return (address_and_control ? Big16(0xff03) : "") +
                      (compressed && protocol < 0x100 ? Byte(protocol) : Big16(protocol)) + inner;
             });
}

PacketBuilder& PacketBuilder::CiscoHdlc() {
  return Add({}, [](const std::string& inner, const Names& next, const Addresses&) {
    return Big16(0x0f00) + Big16(Or(next.ether_type, 0)) + inner;
  });
}

PacketBuilder& PacketBuilder::Null(std::uint32_t family, bool big_endian) {
  return Add({}, [=](const std::string& inner, const Names&, const Addresses&) {
    return (big_endian ? Big32(family) : Swapped(Big32(family))) + inner;
  });
}

PacketBuilder& PacketBuilder::Sll() {
  return Add({}, [](const std::string& inner, const Names& next, const Addresses&) {
    return Big16(0) + Big16(1) + Big16(6) + std::string("\x02\0\0\0\0\x01\0\0", 8) +
           Big16(Or(next.ether_type, 0)) + inner;
  });
}

PacketBuilder& PacketBuilder::Sll2() {
  return Add({}, [](const std::string& inner, const Names& next, const Addresses&) {
    return Big16(Or(next.ether_type, 0)) + Big16(0) + Big32(3) + Big16(1) + Big16(0x0006) +
           std::string("\x02\0\0\0\0\x01\0\0", 8) + inner;
  });
}

PacketBuilder& PacketBuilder::Nflog(bool big_endian) {
  return Add({}, [=](const std::string& inner, const Names&, const Addresses&) {
    const auto field = [=](std::uint32_t value) {
      return big_endian ? Big16(value) : Swapped(Big16(value));
    };
    const std::string prefix = std::string("in: ") + '\0';  // 5 bytes: three of padding follow
    return std::string("\x02\0\0\x07", 4) + field(8) + field(1) + Big32(0x08000100) +
           field(4 + Size(prefix)) + field(10) + prefix + std::string(3, '\0') +
           field(4 + Size(inner)) + field(9) + inner;
  });
}

PacketBuilder& PacketBuilder::Ipv4(std::string_view source, std::string_view destination,
                                   Ipv4Fields fields) {
  const Addresses own{AddressBytes(source, false), AddressBytes(destination, false)};
  Add({.ether_type = 0x0800, .ip_protocol = 4, .ppp_protocol = 0x0021},
      [=](const std::string& inner, const Names& next, const Addresses&) {
        const std::uint32_t words = 5 + Size(fields.options) / 4;
        const int right = static_cast<int>(words * 4 + Size(inner));
        const std::string before =
            Byte(0x40 | words) + Byte(0) + Big16(Or(fields.total_length, right)) +
            Big16(fields.id) +
            Big16((fields.more_fragments ? 0x2000u : 0u) | (fields.fragment_offset / 8)) +
            Byte(64) + Byte(Or(fields.protocol, next.ip_protocol));
        const std::string after = own.source + own.destination + fields.options;
        const std::uint32_t sum = Checksum(before + Big16(0) + after);
        return before + Big16(fields.bad_checksum ? sum ^ 0x5555u : sum) + after + inner;
      });
  addresses_.back() = own;
  return *this;
}

PacketBuilder& PacketBuilder::Ipv6(std::string_view source, std::string_view destination,
                                   Ipv6Fields fields) {
  const Addresses own{AddressBytes(source, true), AddressBytes(destination, true)};
  Add({.ether_type = 0x86dd, .ip_protocol = 41, .ppp_protocol = 0x0057},
      [=](const std::string& inner, const Names& next, const Addresses&) {
        return Big32(0x60000000) +
               Big16(Or(fields.payload_length, static_cast<int>(inner.size()))) +
               Byte(Or(fields.next_header, next.ip_protocol)) + Byte(64) + own.source +
               own.destination + inner;
      });
  addresses_.back() = own;
  return *this;
}

PacketBuilder& PacketBuilder::Ipv6Extension(std::uint8_t type, std::string body) {
  while ((body.size() + 2) % 8 != 0) body += '\0';
  return Add(
      {.ip_protocol = type}, [=](const std::string& inner, const Names& next, const Addresses&) {
        return Byte(Or(next.ip_protocol, 59)) + Byte((Size(body) + 2) / 8 - 1) + body + inner;
      });
}

PacketBuilder& PacketBuilder::Ipv6Fragment(std::uint32_t id, std::uint32_t offset, bool more,
                                           int next_header) {
  return Add({.ip_protocol = 44},
             [=](const std::string& inner, const Names& next, const Addresses&) {
               return Byte(Or(next_header, next.ip_protocol)) + Byte(0) +
                      Big16(offset | (more ? 1u : 0u)) + Big32(id) + inner;
             });
}

PacketBuilder& PacketBuilder::Authentication() {
  return Add({.ip_protocol = 51},
             [](const std::string& inner, const Names& next, const Addresses&) {
               return Byte(Or(next.ip_protocol, 59)) + Byte(4) + Big16(0) + Big32(7) + Big32(1) +
                      std::string(12, '\x5a') + inner;
             });
}

PacketBuilder& PacketBuilder::Gre(GreFields fields) {
  return Add({.ip_protocol = 47}, [=](const std::string& inner, const Names& next,
                                      const Addresses&) {
    const std::uint32_t flags = (fields.checksum ? 0x8000u : 0u) | (fields.routing ? 0x4000u : 0u) |
                                (fields.key ? 0x2000u : 0u) | (fields.sequence ? 0x1000u : 0u);
    return Big16(flags) + Big16(Or(fields.protocol, next.ether_type)) +
           (fields.checksum || fields.routing ? Big32(0) : "") + (fields.key ? Big32(99) : "") +
           (fields.sequence ? Big32(5) : "") + inner;
  });
}

PacketBuilder& PacketBuilder::Erspan1() { return Gre({.protocol = 0x88be}); }

PacketBuilder& PacketBuilder::Erspan2() {
  Gre({.sequence = true, .protocol = 0x88be});
  return Add({}, [](const std::string& inner, const Names&, const Addresses&) {
    return Big32(0x10000001) + Big32(0) + inner;
  });
}

PacketBuilder& PacketBuilder::Erspan3(bool subheader) {
  Gre({.sequence = true, .protocol = 0x22eb});
  return Add({}, [=](const std::string& inner, const Names&, const Addresses&) {
    return Big32(0x20000001) + Big32(12345) + Big16(0) + Big16(subheader ? 1 : 0) +
           (subheader ? std::string(8, '\x11') : "") + inner;
  });
}

PacketBuilder& PacketBuilder::Udp(std::uint16_t source, std::uint16_t destination) {
  return Add({.ip_protocol = 17}, [=](const std::string& inner, const Names&, const Addresses&) {
    return Big16(source) + Big16(destination) + Big16(8 + Size(inner)) + Big16(0) + inner;
  });
}

PacketBuilder& PacketBuilder::Vxlan() {
  return Add({}, [](const std::string& inner, const Names&, const Addresses&) {
    return Big32(0x08000000) + Big32(42 << 8) + inner;
  });
}

PacketBuilder& PacketBuilder::Geneve(std::string options) {
  return Add({}, [=](const std::string& inner, const Names& next, const Addresses&) {
    return Byte(Size(options) / 4) + Byte(0) + Big16(Or(next.ether_type, 0)) + Big32(42 << 8) +
           options + inner;
  });
}

PacketBuilder& PacketBuilder::GtpU(bool optional_fields, int extensions) {
  return Add({}, [=](const std::string& inner, const Names&, const Addresses&) {
    std::string rest;
    if (optional_fields) rest += Big16(1) + Byte(0) + Byte(extensions > 0 ? 0x85 : 0);
    for (int left = extensions; left > 0; --left) {
      rest += Byte(1) + Big16(0x0109) + Byte(left > 1 ? 0x85 : 0);
    }
    rest += inner;
    const std::uint32_t flags = 0x30u | (optional_fields ? 2u : 0u) | (extensions > 0 ? 4u : 0u);
    return Byte(flags) + Byte(0xff) + Big16(Size(rest)) + Big32(7) + rest;
  });
}

PacketBuilder& PacketBuilder::Tcp(std::uint16_t source_port, std::uint16_t destination_port,
                                  TcpFields fields) {
  return Add({.ip_protocol = 6},
             [=](const std::string& inner, const Names&, const Addresses& addresses) {
               const int words = 5 + static_cast<int>(fields.options.size() / 4);
               const std::string before = Big16(source_port) + Big16(destination_port) +
                                          Big32(fields.sequence) + Big32(fields.acknowledgment) +
                                          Byte(Or(fields.data_offset, words) << 4) +
                                          Byte(fields.flags) + Big16(8192);
               const std::string after = Big16(fields.urgent_pointer) + fields.options + inner;
               const std::string pseudo = addresses.source + addresses.destination + Big32(6) +
                                          Big32(Size(before) + 2 + Size(after));
               const std::uint32_t right = Checksum(pseudo + before + Big16(0) + after);
               switch (fields.checksum) {
                 case TcpFields::Checksum::kRight:
                   return before + Big16(right) + after;
                 case TcpFields::Checksum::kWrong:
                   return before + Big16(right ^ 0x1234u) + after;
                 case TcpFields::Checksum::kOffloaded:
                   return before + Big16(Checksum(pseudo) ^ 0xffffu) + after;
               }
               std::abort();
             });
}

PacketBuilder& PacketBuilder::Payload(std::string_view bytes) {
  return Add({}, [text = std::string(bytes)](const std::string& inner, const Names&,
                                             const Addresses&) { return text + inner; });
}

PacketBuilder& PacketBuilder::Trailer(std::string_view bytes) {
  trailer_ = bytes;
  return *this;
}

}  // namespace backscatter::support
