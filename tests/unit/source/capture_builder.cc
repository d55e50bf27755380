#include "tests/unit/source/capture_builder.h"

#include <unistd.h>
#include <zlib.h>

#include <bit>
#include <cstdlib>
#include <fstream>

namespace backscatter::testing {

Writer& Writer::U8(std::uint8_t value) {
  bytes_.push_back(value);
  return *this;
}

Writer& Writer::Integer(std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t shift = 8 * (order_ == Order::kLittle ? i : size - 1 - i);
    bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  return *this;
}

Writer& Writer::Raw(std::span<const std::uint8_t> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

Writer& Writer::Pad4() {
  while (bytes_.size() % 4 != 0) bytes_.push_back(0);
  return *this;
}

PcapBuilder::PcapBuilder(const PcapHeader& header) : header_(header), writer_(header.order) {
  writer_.U32(header.magic).U16(2).U16(4).U32(0).U32(0).U32(header.snaplen).U32(header.link_word);
}

PcapBuilder& PcapBuilder::Record(std::uint32_t seconds, std::uint32_t fraction, const Bytes& frame,
                                 std::optional<std::uint32_t> wire_length) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  writer_.U32(seconds).U32(fraction).U32(size).U32(wire_length.value_or(size));
  if (header_.magic == 0xa1b2cd34) writer_.U32(3).U16(0x0800).U8(0).U8(0);
  writer_.Raw(frame);
  return *this;
}

PcapngBuilder& PcapngBuilder::Block(std::uint32_t type, const Bytes& body) {
  const Bytes padded = Writer().Raw(body).Pad4().bytes();
  const auto total = static_cast<std::uint32_t>(padded.size() + 12);
  return Raw(Writer(order_).U32(type).U32(total).Raw(padded).U32(total).bytes());
}

PcapngBuilder& PcapngBuilder::Raw(const Bytes& bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return *this;
}

PcapngBuilder& PcapngBuilder::Section(std::optional<Order> order) {
  order_ = order.value_or(order_);
  return Block(0x0a0d0d0a,
               Writer(order_).U32(0x1a2b3c4d).U16(1).U16(0).U64(~std::uint64_t{0}).bytes());
}

PcapngBuilder& PcapngBuilder::Interface(std::uint16_t link_type, std::uint32_t snaplen,
                                        const Bytes& options) {
  return Block(1, Writer(order_).U16(link_type).U16(0).U32(snaplen).Raw(options).bytes());
}

PcapngBuilder& PcapngBuilder::Enhanced(std::uint32_t interface, std::uint64_t ticks,
                                       const Bytes& frame, std::optional<std::uint32_t> wire_length,
                                       const Bytes& options) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  Writer body(order_);
  body.U32(interface).U32(static_cast<std::uint32_t>(ticks >> 32));
  body.U32(static_cast<std::uint32_t>(ticks)).U32(size).U32(wire_length.value_or(size));
  return Block(6, body.Raw(frame).Pad4().Raw(options).bytes());
}

PcapngBuilder& PcapngBuilder::Obsolete(std::uint16_t interface, std::uint64_t ticks,
                                       const Bytes& frame) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  Writer body(order_);
  body.U16(interface).U16(0xffff).U32(static_cast<std::uint32_t>(ticks >> 32));
  body.U32(static_cast<std::uint32_t>(ticks)).U32(size).U32(size).Raw(frame);
  return Block(2, body.bytes());
}

PcapngBuilder& PcapngBuilder::Simple(std::uint32_t wire_length, const Bytes& data) {
  return Block(3, Writer(order_).U32(wire_length).Raw(data).bytes());
}

Bytes PcapngBuilder::Option(std::uint16_t code, const Bytes& value) const {
  const auto size = static_cast<std::uint16_t>(value.size());
  return Writer(order_).U16(code).U16(size).Raw(value).Pad4().bytes();
}

Bytes PcapngBuilder::OffsetOption(std::int64_t seconds) const {
  return Option(14, Writer(order_).U64(std::bit_cast<std::uint64_t>(seconds)).bytes());
}

Bytes Gzip(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    std::abort();
  }
  Bytes in(bytes.begin(), bytes.end());
  Bytes out(deflateBound(&stream, in.size()) + 64);
  stream.next_in = in.data();
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes Concat(const Bytes& a, const Bytes& b) { return Writer().Raw(a).Raw(b).bytes(); }

void Collector::OnPacket(const Packet& packet) {
  packets.push_back({Bytes(packet.bytes.begin(), packet.bytes.end()), packet});
  packets.back().packet.bytes = {};
}

std::vector<PacketTime> Collector::Times() const {
  std::vector<PacketTime> times;
  for (const Kept& kept : packets) times.push_back(kept.packet.captured_at);
  return times;
}

absl::Status Drain(Source& source, PacketSink& sink) {
  if (absl::Status status = source.Start(); !status.ok()) return status;
  for (;;) {
    const absl::StatusOr<PollResult> result = source.Poll(sink, 0);
    if (!result.ok()) return result.status();
    if (*result == PollResult::kEnded) return absl::OkStatus();
  }
}

TempDir::TempDir() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "backscatter_source_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::Write(std::string_view name, std::span<const std::uint8_t> bytes) const {
  const std::filesystem::path path = path_ / name;
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  return path.string();
}

}  // namespace backscatter::testing
