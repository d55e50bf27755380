// Captures made byte by byte, and what a test needs to read them back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "agent/source/source.h"

namespace backscatter::testing {

using Bytes = std::vector<std::uint8_t>;

enum class Order : std::uint8_t { kLittle, kBig };

// Appends integers in one byte order.
class Writer {
 public:
  explicit Writer(Order order = Order::kLittle) : order_(order) {}
  Writer& U8(std::uint8_t value);
  Writer& U16(std::uint16_t value) { return Integer(value, 2); }
  Writer& U32(std::uint32_t value) { return Integer(value, 4); }
  Writer& U64(std::uint64_t value) { return Integer(value, 8); }
  Writer& Raw(std::span<const std::uint8_t> bytes);
  Writer& Pad4();
  const Bytes& bytes() const { return bytes_; }

 private:
  Writer& Integer(std::uint64_t value, std::size_t size);
  Order order_;
  Bytes bytes_;
};

// A frame that can be told from others: `size` bytes of `fill`.
inline Bytes Frame(std::size_t size, std::uint8_t fill) { return Bytes(size, fill); }

struct PcapHeader {
  std::uint32_t magic = 0xa1b2c3d4;
  Order order = Order::kLittle;
  std::uint32_t snaplen = 262144;
  std::uint32_t link_word = 1;
};

// Classic pcap. Times are given in the file's own fractions.
class PcapBuilder {
 public:
  explicit PcapBuilder(const PcapHeader& header = {});
  PcapBuilder& Record(std::uint32_t seconds, std::uint32_t fraction, const Bytes& frame,
                      std::optional<std::uint32_t> wire_length = {});
  const Bytes& bytes() const { return writer_.bytes(); }

 private:
  PcapHeader header_;
  Writer writer_;
};

// pcapng. Block bodies are written with the builder's byte order; `options` are ready-made bytes.
class PcapngBuilder {
 public:
  explicit PcapngBuilder(Order order = Order::kLittle) : order_(order) {}
  PcapngBuilder& Section(std::optional<Order> order = {});
  PcapngBuilder& Interface(std::uint16_t link_type, std::uint32_t snaplen = 0,
                           const Bytes& options = {});
  PcapngBuilder& Enhanced(std::uint32_t interface, std::uint64_t ticks, const Bytes& frame,
                          std::optional<std::uint32_t> wire_length = {}, const Bytes& options = {});
  PcapngBuilder& Obsolete(std::uint16_t interface, std::uint64_t ticks, const Bytes& frame);
  PcapngBuilder& Simple(std::uint32_t wire_length, const Bytes& data);
  PcapngBuilder& Block(std::uint32_t type, const Bytes& body);
  PcapngBuilder& Raw(const Bytes& bytes);
  // One option: code, length, value, padding.
  Bytes Option(std::uint16_t code, const Bytes& value) const;
  Bytes OffsetOption(std::int64_t seconds) const;
  const Bytes& bytes() const { return bytes_; }

 private:
  Order order_;
  Bytes bytes_;
};

Bytes Gzip(std::span<const std::uint8_t> bytes);
Bytes Concat(const Bytes& a, const Bytes& b);

// Keeps copies of what it is given.
class Collector final : public PacketSink {
 public:
  struct Kept {
    Bytes bytes;
    Packet packet;  // its view is dead
  };
  void OnPacket(const Packet& packet) override;
  void OnLoss(Loss loss, std::uint64_t count) override { ledger.Add(loss, count); }
  std::vector<PacketTime> Times() const;

  std::vector<Kept> packets;
  Ledger ledger;
};

// Polls to the end; the error that ended it, or OK.
absl::Status Drain(Source& source, PacketSink& sink);

// A folder that goes away with the test.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string Write(std::string_view name, std::span<const std::uint8_t> bytes) const;
  std::string Path(std::string_view name) const { return (path_ / name).string(); }
  std::string Path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

inline std::string Text(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace backscatter::testing
