// Any bytes as a capture file, by its magic: pcap through libpcap, pcapng, either in gzip.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "agent/source/capture_file.h"

namespace backscatter {
namespace {

constexpr std::size_t kBuffer = 512;  // small, so that short inputs cross its edges too

void Require(bool condition) {
  if (!condition) std::abort();
}

class Counter final : public PacketSink {
 public:
  void OnPacket(const Packet& packet) override {
    Require(packet.wire_length >= packet.bytes.size());
    ++packets;
    bytes += packet.bytes.size();
    if (packet.bytes.size() < packet.wire_length) ++cut;
    for (const std::uint8_t byte : packet.bytes) sum += byte;  // for the address sanitizer
  }
  void OnLoss(Loss loss, std::uint64_t count) override {
    Require(loss == Loss::kSourceTruncatedPackets);
    cut_reported += count;
  }

  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t cut = 0;
  std::uint64_t cut_reported = 0;
  std::uint64_t sum = 0;
};

void ReadAll(CaptureFile& file, bool compressed, std::size_t size) {
  Counter counter;
  for (;;) {
    const auto result = file.Poll(counter, 0);
    const SourceStats stats = file.Stats();
    Require(stats.packets == counter.packets);
    Require(stats.bytes == counter.bytes);
    Require(counter.cut == counter.cut_reported);
    Require(stats.first <= stats.last);
    Require(stats.input_bytes <= stats.input_size && stats.input_size == size);
    if (!compressed) Require(stats.bytes + 16 * stats.packets <= size);
    if (!result.ok()) {
      Require(file.Poll(counter, 0).status() == result.status());
      return;
    }
    if (*result == PollResult::kEnded) {
      Require(file.Poll(counter, 0).value() == PollResult::kEnded);
      return;
    }
  }
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace backscatter;  // NOLINT
  auto stream = ByteStream::FromMemory({data, size}, kBuffer);
  const bool compressed = stream->compressed();
  auto file = CaptureFile::FromStream("x", std::move(stream), 0, kBuffer);
  if (file.ok()) {
    ReadAll(**file, compressed, size);
  } else {
    Require(file.status().message().size() > 3);
  }
  return 0;
}
