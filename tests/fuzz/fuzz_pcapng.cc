// Any bytes as pcapng: what is delivered was there, is counted, and does not depend on the buffer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "agent/source/pcapng_reader.h"

namespace backscatter {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  std::size_t size;
  std::uint8_t edges;  // the first byte and the last
  std::uint32_t wire_length;
  PacketTime time;
  LinkType link_type;
  bool operator==(const Seen&) const = default;
};

class Checker final : public PacketSink {
 public:
  explicit Checker(std::size_t input) : input_(input) {}

  void OnPacket(const Packet& packet) override {
    Require(packet.bytes.size() <= input_);
    Require(packet.wire_length >= packet.bytes.size());
    captured_ += packet.bytes.size() + 16;  // the least that a packet's block adds
    Require(captured_ <= input_);
    std::uint8_t edges = 0;
    if (!packet.bytes.empty()) {
      edges = static_cast<std::uint8_t>(packet.bytes.front() ^ packet.bytes.back());
    }
    seen.push_back(
        {packet.bytes.size(), edges, packet.wire_length, packet.captured_at, packet.link_type});
  }
  void OnLoss(Loss, std::uint64_t) override {}

  std::vector<Seen> seen;

 private:
  std::size_t input_;
  std::size_t captured_ = 0;
};

std::string ReadAll(std::span<const std::uint8_t> input, std::size_t buffer, std::size_t limit,
                    Checker& checker) {
  const auto stream = ByteStream::FromMemory(input, buffer);
  if (stream->compressed()) return "";  // bounds of the input say nothing; fuzz_capture_file does
  PcapngReader reader(stream.get(), 0);
  for (std::size_t calls = 0;; ++calls) {
    Require(calls <= input.size() / 16 + 1);
    const auto result = reader.Read(checker, limit);
    const SourceStats& stats = reader.stats();
    Require(stats.packets == checker.seen.size());
    Require(stats.first <= stats.last);
    Require(reader.truncated() <= stats.packets);
    Require(stats.link_types.size() <= SourceStats::kMaxLinkTypes);
    Require(stats.link_types.empty() == (stats.packets == 0));
    Require(stream->offset() <= input.size());
    if (!result.ok()) return result.status().ToString();
    if (*result == PollResult::kEnded) return "";
  }
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace backscatter;  // NOLINT
  const std::span<const std::uint8_t> input(data, size);
  Checker small(size);
  Checker large(size);
  const std::string small_status = ReadAll(input, 1, 1, small);
  const std::string large_status = ReadAll(input, 4096, 1000, large);
  Require(small.seen == large.seen);
  Require(small_status == large_status);
  return 0;
}
