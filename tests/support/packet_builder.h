// A fluent builder of frames, header by header from the outside in:
//   PacketBuilder().Ethernet().Vlan(7).Ipv4("192.0.2.1", "192.0.2.2").Tcp(40000,
//   25).Payload("QUIT")
// Lengths, checksums and next-protocol fields are filled in from what follows, unless a field was
// set by hand. Built for tests: clear rather than fast.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/net/packet.h"

namespace backscatter::support {

struct Ipv4Fields {
  std::string options = {};  // a multiple of 4 bytes
  std::uint16_t id = 1;
  std::uint32_t fragment_offset = 0;  // in bytes
  bool more_fragments = false;
  int protocol = -1;      // -1: of what follows
  int total_length = -1;  // -1: the right one
  bool bad_checksum = false;
};

struct Ipv6Fields {
  int next_header = -1;     // -1: of what follows
  int payload_length = -1;  // -1: the right one
};

struct TcpFields {
  std::uint32_t sequence = 1;
  std::uint32_t acknowledgment = 1;
  std::uint8_t flags = 0x18;  // PSH, ACK
  std::uint16_t urgent_pointer = 0;
  std::string options = {};  // a multiple of 4 bytes
  int data_offset = -1;      // in words; -1: the right one
  enum class Checksum : std::uint8_t { kRight, kWrong, kOffloaded } checksum = Checksum::kRight;
};

struct GreFields {
  bool checksum = false;
  bool key = false;
  bool sequence = false;
  bool routing = false;
  int protocol = -1;  // -1: of what follows
};

class PacketBuilder {
 public:
  // Link layers.
  PacketBuilder& Ethernet(int ether_type = -1);
  PacketBuilder& Dot3();  // 802.3 with a length; LLC follows
  PacketBuilder& Snap();
  PacketBuilder& Vlan(std::uint16_t id, std::uint16_t tag_type = 0x8100);
  PacketBuilder& Mpls(std::uint32_t label);  // the bottom bit is set on the last of a row
  PacketBuilder& PseudoWireControlWord();
  PacketBuilder& Pppoe();
  PacketBuilder& Ppp(bool address_and_control, bool compressed);
  PacketBuilder& CiscoHdlc();
  PacketBuilder& Null(std::uint32_t family, bool big_endian);
  PacketBuilder& Sll();
  PacketBuilder& Sll2();
  PacketBuilder& Nflog(bool big_endian);

  // IP.
  PacketBuilder& Ipv4(std::string_view source, std::string_view destination,
                      Ipv4Fields fields = {});
  PacketBuilder& Ipv6(std::string_view source, std::string_view destination,
                      Ipv6Fields fields = {});
  // `body` is what follows next header and length, padded to a multiple of 8.
  PacketBuilder& Ipv6Extension(std::uint8_t type, std::string body = std::string(6, '\0'));
  PacketBuilder& Ipv6Fragment(std::uint32_t id, std::uint32_t offset, bool more, int next = -1);
  PacketBuilder& Authentication();

  // Tunnels.
  PacketBuilder& Gre(GreFields fields = {});
  PacketBuilder& Erspan1();  // GRE without a sequence number, nothing else
  PacketBuilder& Erspan2();  // GRE included
  PacketBuilder& Erspan3(bool subheader);
  PacketBuilder& Udp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& Vxlan();
  PacketBuilder& Geneve(std::string options = {});
  PacketBuilder& GtpU(bool optional_fields = false, int extensions = 0);

  // What is carried.
  PacketBuilder& Tcp(std::uint16_t source_port, std::uint16_t destination_port,
                     TcpFields fields = {});
  PacketBuilder& Payload(std::string_view bytes);  // also any header that is not known here
  PacketBuilder& Trailer(std::string_view bytes);  // behind everything, known to no length field

  std::string Build() const;

 private:
  // How a header is named by the one before it.
  struct Names {
    int ether_type = -1;
    int ip_protocol = -1;
    int ppp_protocol = -1;
  };
  struct Addresses {
    std::string source;
    std::string destination;
  };
  // Gives the header with everything behind it, `inner`, attached. `next` names what follows.
  using Wrap = std::function<std::string(const std::string& inner, const Names& next,
                                         const Addresses& addresses)>;
  struct Part {
    Names names;
    Wrap wrap;
  };
  PacketBuilder& Add(Names names, Wrap wrap);

  std::vector<Part> parts_;
  std::vector<Addresses> addresses_;  // of the innermost IP header at or before each part
  std::string trailer_;
};

// `frame` as a packet that was captured whole; it views `frame`.
Packet AsPacket(const std::string& frame, LinkType link_type, PacketTime at = 0);

// Big-endian integers.
std::string Big16(std::uint32_t value);
std::string Big32(std::uint32_t value);

}  // namespace backscatter::support
