#include "agent/source/pcapng_reader.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "absl/strings/str_format.h"

#include "agent/source/link_type_name.h"

namespace backscatter {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;  // the same in both byte orders
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;

constexpr std::size_t kBlockHead = 8;    // type, total length
constexpr std::size_t kBlockFrame = 12;  // and the total length again
constexpr std::size_t kSectionBody = 16;
constexpr std::size_t kInterfaceBody = 8;
constexpr std::size_t kPacketBody = 20;
constexpr std::size_t kSimpleBody = 4;
constexpr std::size_t kOptionHead = 4;

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kTimeResolution = 9;
constexpr std::uint16_t kTimeOffset = 14;

bool IsKept(std::uint32_t type) {
  return type == kSectionHeader || type == kInterfaceDescription || type == kObsoletePacket ||
         type == kSimplePacket || type == kEnhancedPacket;
}

}  // namespace

bool PcapngReader::IsMagic(std::span<const std::uint8_t> head) {
  return head.size() >= 4 && FileOrder().U32(head.data()) == kSectionHeader;
}

absl::Status PcapngReader::Damaged(std::string_view what) const {
  return absl::DataLossError(absl::StrFormat("%s: %s", stream_.Where(block_offset_), what));
}

absl::Status PcapngReader::CutOff(std::uint64_t total, std::uint64_t present) const {
  if (!stream_.status().ok()) return stream_.status();
  return Damaged(absl::StrFormat("the file ends %d bytes into a block of %d", present, total));
}

absl::StatusOr<PollResult> PcapngReader::End() const {
  if (!stream_.status().ok()) return stream_.status();
  if (unknown_interface_packets_ == 0) return PollResult::kEnded;
  return absl::DataLossError(absl::StrFormat(
      "%s: here and later, packets name an interface that their section does not describe; %d "
      "such packets were skipped",
      stream_.Where(unknown_interface_offset_), unknown_interface_packets_));
}

absl::StatusOr<PollResult> PcapngReader::Read(PacketSink& sink, std::size_t limit) {
  const std::uint64_t goal = stats().packets + limit;
  while (stats().packets < goal) {
    absl::StatusOr<bool> more = ReadBlock(sink);
    if (!more.ok()) return more.status();
    if (!*more) return End();
  }
  return PollResult::kProgressed;
}

// False at the end of the input. A block that is kept is looked at only once it is whole and its
// two lengths agree, so that nothing is delivered from a place where the framing is lost.
absl::StatusOr<bool> PcapngReader::ReadBlock(PacketSink& sink) {
  stream_.Consume(held_);
  held_ = 0;
  block_offset_ = stream_.offset();
  Bytes block = stream_.Fill(kBlockFrame);
  if (block.empty()) return false;
  if (block.size() < kBlockFrame) return CutOff(kBlockFrame, block.size());

  std::uint32_t type = order_.U32(block.data());
  if (type == kSectionHeader) {
    const std::uint32_t mark = FileOrder().U32(block.data() + kBlockHead);
    if (mark != kByteOrderMagic && mark != __builtin_bswap32(kByteOrderMagic)) {
      return Damaged(absl::StrFormat("a section header with the byte-order magic 0x%08x", mark));
    }
    order_ = FileOrder(mark != kByteOrderMagic);
  } else if (!in_section_) {
    return Damaged("does not begin with a section header");
  }

  const std::uint32_t total = order_.U32(block.data() + 4);
  if (total < kBlockFrame) {
    return Damaged(absl::StrFormat("a block claims a length of %d bytes; 12 is the least", total));
  }
  if (!IsKept(type)) {
    if (absl::Status status = SkipBlock(total); !status.ok()) return status;
    return true;
  }
  if (total > kMaxBlock) {
    return Damaged(absl::StrFormat("a block of type %d claims %d bytes; the limit is %d", type,
                                   total, kMaxBlock));
  }
  block = stream_.Fill(total);
  if (block.size() < total) return CutOff(total, block.size());
  const std::uint32_t trailer = order_.U32(block.data() + total - 4);
  if (trailer != total) {
    return Damaged(absl::StrFormat("a block of %d bytes ends with the length %d", total, trailer));
  }
  held_ = total;
  const Bytes body = block.subspan(kBlockHead, total - kBlockFrame);
  if (absl::Status status = ReadBody(type, body, sink); !status.ok()) return status;
  return true;
}

absl::Status PcapngReader::SkipBlock(std::uint32_t total) {
  const std::uint64_t skipped = stream_.Skip(total - 4);
  const Bytes end = stream_.Fill(4);
  if (end.size() < 4) return CutOff(total, skipped + end.size());
  const std::uint32_t trailer = order_.U32(end.data());
  stream_.Consume(4);
  if (trailer == total) return absl::OkStatus();
  return Damaged(absl::StrFormat("a block of %d bytes ends with the length %d", total, trailer));
}

absl::Status PcapngReader::ReadBody(std::uint32_t type, Bytes body, PacketSink& sink) {
  switch (type) {
    case kSectionHeader:
      return BeginSection(body);
    case kInterfaceDescription:
      return AddInterface(body);
    case kSimplePacket:
      return ReadSimplePacket(body, sink);
    default:
      return ReadPacket(type, body, sink);
  }
}

absl::Status PcapngReader::BeginSection(Bytes body) {
  if (body.size() < kSectionBody) return Damaged("a section header that is too short");
  const std::uint16_t major = order_.U16(body.data() + 4);
  const std::uint16_t minor = order_.U16(body.data() + 6);
  if (major != 1 || (minor != 0 && minor != 2)) {  // 1.2 is 1.0 by another name
    return Damaged(absl::StrFormat("a section of version %d.%d; 1.0 is understood", major, minor));
  }
  in_section_ = true;
  interfaces_.clear();
  return absl::OkStatus();
}

absl::Status PcapngReader::AddInterface(Bytes body) {
  if (body.size() < kInterfaceBody) return Damaged("an interface description that is too short");
  if (interfaces_.size() >= kMaxInterfaces) {
    return Damaged(absl::StrFormat("more than %d interfaces in a section", kMaxInterfaces));
  }
  Interface interface;
  interface.link_type = LinkTypeFromFile(order_.U16(body.data()));
  interface.snaplen = order_.U32(body.data() + 4);
  absl::Status status = ReadInterfaceOptions(body.subspan(kInterfaceBody), interface);
  if (status.ok()) interfaces_.push_back(interface);
  return status;
}

// The end-of-options mark may be absent. Wrong lengths are errors: a resolution that was not
// understood would put every packet of the interface at a wrong time.
absl::Status PcapngReader::ReadInterfaceOptions(Bytes options, Interface& interface) {
  std::int64_t offset_seconds = 0;
  while (options.size() >= kOptionHead) {
    const std::uint16_t code = order_.U16(options.data());
    const std::uint16_t length = order_.U16(options.data() + 2);
    options = options.subspan(kOptionHead);
    if (code == kEndOfOptions) break;
    if (length > options.size()) return Damaged("an interface option that reaches past its block");
    if (code == kTimeResolution) {
      if (length != 1) return Damaged("an if_tsresol option that is not 1 byte long");
      interface.clock = PcapngClock::FromResolution(options[0]);
    } else if (code == kTimeOffset) {
      if (length != 8) return Damaged("an if_tsoffset option that is not 8 bytes long");
      offset_seconds = std::bit_cast<std::int64_t>(order_.U64(options.data()));
    }
    const std::size_t padded = (std::size_t{length} + 3) & ~std::size_t{3};
    options = options.subspan(std::min(padded, options.size()));
  }
  interface.clock.offset_seconds = offset_seconds;
  return absl::OkStatus();
}

absl::Status PcapngReader::ReadPacket(std::uint32_t type, Bytes body, PacketSink& sink) {
  if (body.size() < kPacketBody) return Damaged("a packet block that is too short");
  const std::uint8_t* at = body.data();
  const std::uint32_t index = type == kObsoletePacket ? order_.U16(at) : order_.U32(at);
  const std::uint64_t ticks = std::uint64_t{order_.U32(at + 4)} << 32 | order_.U32(at + 8);
  const std::uint32_t captured = order_.U32(at + 12);
  const std::uint32_t wire_length = order_.U32(at + 16);
  body = body.subspan(kPacketBody);
  if (captured > body.size()) {
    return Damaged(absl::StrFormat("a packet claims %d captured bytes in a block with %d", captured,
                                   body.size()));
  }
  if (index >= interfaces_.size()) {
    if (unknown_interface_packets_++ == 0) unknown_interface_offset_ = block_offset_;
    return absl::OkStatus();
  }
  Interface& interface = interfaces_[index];
  Deliver(interface, body.first(captured), wire_length, interface.clock.ToPacketTime(ticks), sink);
  return absl::OkStatus();
}

absl::Status PcapngReader::ReadSimplePacket(Bytes body, PacketSink& sink) {
  if (body.size() < kSimpleBody) return Damaged("a simple packet block that is too short");
  if (interfaces_.empty()) {
    if (unknown_interface_packets_++ == 0) unknown_interface_offset_ = block_offset_;
    return absl::OkStatus();
  }
  const std::uint32_t wire_length = order_.U32(body.data());
  body = body.subspan(kSimpleBody);
  Interface& interface = interfaces_.front();
  std::uint32_t captured = wire_length;
  if (interface.snaplen != 0) captured = std::min(captured, interface.snaplen);
  if (captured > body.size()) {
    return Damaged(absl::StrFormat("a packet claims %d captured bytes in a block with %d", captured,
                                   body.size()));
  }
  Deliver(interface, body.first(captured), wire_length, packet_.captured_at, sink);
  return absl::OkStatus();
}

void PcapngReader::Deliver(Interface& interface, Bytes data, std::uint32_t wire_length,
                           PacketTime time, PacketSink& sink) {
  packet_.bytes = data;
  packet_.captured_at = time;
  packet_.wire_length = std::max(wire_length, static_cast<std::uint32_t>(data.size()));
  packet_.link_type = interface.link_type;
  if (!interface.seen) {
    interface.seen = true;
    NoteLinkType(interface.link_type);
  }
  Count(packet_);
  sink.OnPacket(packet_);
}

}  // namespace backscatter
