// pcapng (draft-ietf-opsawg-pcapng), read by ourselves: libpcap refuses files whose interfaces
// differ in link type or time resolution.
//
//   section  := SHB { IDB | EPB | SPB | PB | other }*        a file is one or more sections
//   block    := type:u32 total:u32 body total:u32            `total` counts the whole block
//   SHB      := 0x0a0d0d0a: order:u32 major:u16 minor:u16 section_length:i64 options
//   IDB      := 1: link_type:u16 reserved:u16 snaplen:u32 options
//   EPB      := 6: interface:u32 time_high:u32 time_low:u32 captured:u32 wire:u32 data pad options
//   SPB      := 3: wire:u32 data pad                          interface 0, no time
//   PB       := 2: interface:u16 drops:u16 time_high:u32 ...  as EPB; obsolete, still written
//   options  := { code:u16 length:u16 value pad }* [ 0:u16 0:u16 ]
//
// Each section has its own byte order and its own list of interfaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/source/byte_order.h"
#include "agent/source/byte_stream.h"
#include "agent/source/record_reader.h"

namespace backscatter {

// How an interface counts time: nanoseconds = ticks * multiply / 2^shift / divide + offset.
struct PcapngClock {
  std::uint64_t multiply = 1'000;  // microseconds unless the interface says otherwise
  std::uint64_t divide = 1;        // 0: finer than 64 bits of ticks can matter, always 0
  std::uint32_t shift = 0;
  std::int64_t offset_seconds = 0;

  // `resolution` as in if_tsresol: 10^-n, or 2^-n with the top bit set.
  static PcapngClock FromResolution(std::uint8_t resolution);
  // Never overflows: what PacketTime cannot hold becomes its nearest value.
  PacketTime ToPacketTime(std::uint64_t ticks) const;
};

class PcapngReader final : public RecordReader {
 public:
  // One block that has to be in memory at once. A packet may be as long.
  static constexpr std::uint32_t kMaxBlock = std::uint32_t{16} << 20;
  static constexpr std::size_t kMaxInterfaces = 65'536;  // in a section

  static bool IsMagic(std::span<const std::uint8_t> head);  // at least 4 bytes

  // `stream` stands at the first section header and must outlive the reader.
  PcapngReader(ByteStream* stream, std::uint32_t origin) : stream_(*stream) {
    packet_.origin = origin;
  }

  // Blocks of other types are skipped, whatever their length. A packet that names an interface
  // which its section has not described is skipped too, since the blocks around it are sound; but
  // its link type is unknown, so the file is reported as damaged once everything was read.
  // A packet without a time (SPB) gets that of the packet before it.
  absl::StatusOr<PollResult> Read(PacketSink& sink, std::size_t limit) override;

 private:
  struct Interface {
    PcapngClock clock;
    std::uint32_t snaplen = 0;  // 0 = no limit
    LinkType link_type = LinkType::kEthernet;
    bool seen = false;  // its link type is in the statistics
  };
  using Bytes = std::span<const std::uint8_t>;

  absl::StatusOr<bool> ReadBlock(PacketSink& sink);
  absl::Status ReadBody(std::uint32_t type, Bytes body, PacketSink& sink);
  absl::Status BeginSection(Bytes body);
  absl::Status AddInterface(Bytes body);
  absl::Status ReadInterfaceOptions(Bytes options, Interface& interface);
  absl::Status ReadPacket(std::uint32_t type, Bytes body, PacketSink& sink);
  absl::Status ReadSimplePacket(Bytes body, PacketSink& sink);
  absl::Status SkipBlock(std::uint32_t total);
  void Deliver(Interface& interface, Bytes data, std::uint32_t wire_length, PacketTime time,
               PacketSink& sink);
  absl::StatusOr<PollResult> End() const;
  absl::Status Damaged(std::string_view what) const;
  absl::Status CutOff(std::uint64_t total, std::uint64_t present) const;

  ByteStream& stream_;
  FileOrder order_;
  std::uint64_t block_offset_ = 0;
  bool in_section_ = false;
  std::vector<Interface> interfaces_;
  Packet packet_;
  std::size_t held_ = 0;  // bytes of the last packet's block, still in the window
  std::uint64_t unknown_interface_packets_ = 0;
  std::uint64_t unknown_interface_offset_ = 0;  // of the first such block
};

}  // namespace backscatter
