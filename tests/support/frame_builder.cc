#include "tests/support/frame_builder.h"

#include <bit>
#include <cstring>

#include "agent/net/segment.h"

namespace backscatter::support {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::uint8_t kTcpProtocol = 6;

void Put16(std::uint8_t* out, std::uint32_t value) {
  out[0] = static_cast<std::uint8_t>(value >> 8);
  out[1] = static_cast<std::uint8_t>(value);
}

void Put32(std::uint8_t* out, std::uint32_t value) {
  Put16(out, value >> 16);
  Put16(out + 2, value);
}

}  // namespace

std::uint32_t ChecksumPart(const std::uint8_t* bytes, std::size_t length) {
  std::uint64_t sum = 0;
  std::size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes + i, sizeof word);
    sum += word;
  }
  std::uint8_t tail[4] = {0, 0, 0, 0};
  std::memcpy(tail, bytes + i, length - i);
  std::uint32_t word;
  std::memcpy(&word, tail, sizeof word);
  sum += word;
  // 32-bit words summed in the machine's order fold to the 16-bit sum in the same order.
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  auto folded = static_cast<std::uint16_t>(sum);
  if constexpr (std::endian::native == std::endian::little) {
    folded = static_cast<std::uint16_t>((folded << 8) | (folded >> 8));
  }
  return folded;
}

std::uint16_t FoldChecksum(std::uint32_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void FrameBuilder::PrepareSide(Side& side, const Endpoint& from, const Endpoint& to) {
  side = Side{};
  side.source_port = from.port;
  side.destination_port = to.port;
  std::uint8_t* ethernet = side.header.data();
  std::uint8_t* ip = ethernet + kEthernet;
  // Locally administered addresses that tell the two machines apart.
  Put32(ethernet, 0x02000000);
  ethernet[5] = &side == &sides_[0] ? 2 : 1;
  Put32(ethernet + 6, 0x02000000);
  ethernet[11] = &side == &sides_[0] ? 1 : 2;
  Put16(ethernet + 12, v6_ ? 0x86dd : 0x0800);
  if (v6_) {
    ip[0] = 0x60;
    ip[6] = kTcpProtocol;
    ip[7] = 57;
    std::memcpy(ip + 8, from.address.bytes().data(), 16);
    std::memcpy(ip + 24, to.address.bytes().data(), 16);
    side.pseudo_sum = ChecksumPart(ip + 8, 32) + kTcpProtocol;
  } else {
    ip[0] = 0x45;
    ip[6] = 0x40;  // do not fragment
    ip[8] = 57;
    ip[9] = kTcpProtocol;
    std::memcpy(ip + 12, from.address.bytes().data() + 12, 4);
    std::memcpy(ip + 16, to.address.bytes().data() + 12, 4);
    side.pseudo_sum = ChecksumPart(ip + 12, 8) + kTcpProtocol;
  }
}

void FrameBuilder::Reset(const ConnectionEnds& ends) {
  v6_ = !ends.client.address.is_v4();
  ip_length_ = v6_ ? 40 : 20;
  PrepareSide(sides_[0], ends.client, ends.server);
  PrepareSide(sides_[1], ends.server, ends.client);
  for (std::size_t i = 0; i < 2; ++i) {
    sides_[i].initial_sequence = ends.initial_sequence[i];
    sides_[i].identification = static_cast<std::uint16_t>(ends.initial_sequence[i]);
  }
}

std::size_t FrameBuilder::PutTcpHeader(Side& side, const Side& other, const PlannedPacket& packet,
                                       std::uint8_t* tcp) {
  const bool syn = (packet.flags & tcp_flags::kSyn) != 0;
  const bool ack = (packet.flags & tcp_flags::kAck) != 0;
  const std::size_t length = syn ? 40 : 32;
  Put16(tcp, side.source_port);
  Put16(tcp + 2, side.destination_port);
  Put32(tcp + 4, side.initial_sequence + (syn ? 0 : 1) + packet.offset);
  Put32(tcp + 8, ack ? other.initial_sequence + 1 + packet.acknowledged : 0);
  tcp[12] = static_cast<std::uint8_t>(length << 2);
  tcp[13] = packet.flags;
  Put16(tcp + 14, syn ? 64240 : 502);
  Put32(tcp + 16, 0);  // checksum, urgent pointer
  std::uint8_t* option = tcp + 20;
  if (syn) {
    static constexpr std::uint8_t kSynOptions[8] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10};
    std::memcpy(option, kSynOptions, sizeof kSynOptions);
    option += 8;
  } else {
    static constexpr std::uint8_t kTimestamp[4] = {1, 1, 8, 10};
    std::memcpy(option, kTimestamp, sizeof kTimestamp);
    option += 4;
  }
  side.last_timestamp =
      side.initial_sequence + static_cast<std::uint32_t>(packet.at / kMillisecond);
  Put32(option, side.last_timestamp);
  Put32(option + 4, ack ? other.last_timestamp : 0);
  if (syn) {
    static constexpr std::uint8_t kWindowScale[4] = {1, 3, 3, 7};
    std::memcpy(option + 8, kWindowScale, sizeof kWindowScale);
  }
  return length;
}

std::size_t FrameBuilder::Build(const SessionScript& script, const PlannedPacket& packet,
                                char* out) {
  Side& side = sides_[Index(packet.from)];
  auto* frame = reinterpret_cast<std::uint8_t*>(out);
  std::uint8_t* ip = frame + kEthernet;
  std::uint8_t* tcp = ip + ip_length_;
  std::memcpy(frame, side.header.data(), kEthernet + ip_length_);
  const std::size_t header = PutTcpHeader(side, sides_[Index(Opposite(packet.from))], packet, tcp);
  script.CopyOut(packet.from, packet.offset, packet.length, side.piece,
                 reinterpret_cast<char*>(tcp + header));
  const auto tcp_length = static_cast<std::uint32_t>(header + packet.length);
  Put16(tcp + 16, FoldChecksum(side.pseudo_sum + tcp_length + ChecksumPart(tcp, tcp_length)));
  if (v6_) {
    Put16(ip + 4, tcp_length);
  } else {
    Put16(ip + 2, 20 + tcp_length);
    Put16(ip + 4, side.identification++);
    Put16(ip + 10, FoldChecksum(ChecksumPart(ip, 20)));
  }
  return kEthernet + ip_length_ + tcp_length;
}

}  // namespace backscatter::support
