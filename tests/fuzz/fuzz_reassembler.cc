// A script of segments of a few flows, and what every consumer may rely on whatever they are.
// Input: a byte of options, then steps of 8 bytes: flow and direction, flags, sequence (2),
// acknowledgment (2), length, time. Numbers are mostly near the streams; some are far.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "agent/tcp/reassembler.h"

namespace backscatter {
namespace {

void Check(bool right) {
  if (!right) std::abort();
}

struct Seen {
  std::uint64_t end[2] = {0, 0};
  bool stopped = false;
  bool closed = false;
};

class CheckingSink final : public StreamSink {
 public:
  Speaker Judge(std::string_view payload, bool) override {
    if (payload.empty()) return Speaker::kUnknown;
    return static_cast<Speaker>(static_cast<unsigned char>(payload[0]) % 4);
  }
  StreamVerdict OnChunk(ConnectionInfo& connection, const StreamChunk& chunk) override {
    if (connection.session == 0) {
      seen_.emplace_back();
      connection.session = static_cast<std::uint32_t>(seen_.size());
    }
    Seen& seen = seen_[connection.session - 1];
    const int d = static_cast<int>(chunk.direction);
    Check(!seen.closed && !seen.stopped);
    Check(!chunk.text.empty() || chunk.gap_before > 0);
    // Urgent bytes take their place and are not told.
    const std::uint64_t expected = seen.end[d] + chunk.gap_before;
    Check(chunk.offset >= expected);
    skipped_ += chunk.offset - expected;
    Check(chunk.acked <= seen.end[1 - d] + urgent_segments);
    Check(connection.payload_seen[d]);
    seen.end[d] = chunk.offset + chunk.text.size();
    gap_bytes += chunk.gap_before;
    if (chunk.gap_before > 0) ++gaps;
    if (chunk.text.empty() || chunk.text[0] < 'w') return StreamVerdict::kContinue;
    seen.stopped = true;
    return chunk.text[0] == 'w' ? StreamVerdict::kIgnore : StreamVerdict::kRefuse;
  }
  void OnClose(ConnectionInfo& connection, CloseReason, PacketTime) override {
    if (connection.session == 0) return;
    Seen& seen = seen_[connection.session - 1];
    Check(!seen.closed);
    seen.closed = true;
    connection.session = 0;
  }
  void CheckEnd() const {
    for (const Seen& seen : seen_) Check(seen.closed);
    Check(skipped_ <= urgent_segments);
  }

  std::uint64_t gap_bytes = 0;
  std::uint64_t gaps = 0;
  std::uint64_t urgent_segments = 0;

 private:
  std::vector<Seen> seen_;
  std::uint64_t skipped_ = 0;
};

ReassemblerOptions Options(std::uint8_t mode) {
  ReassemblerOptions options;
  options.ports = {25};
  options.max_notes = 4;
  options.max_views = 4;
  options.max_connections = (mode & 1) != 0 ? 3 : 100;
  options.max_held_per_connection = (mode & 2) != 0 ? 600 : 100'000;
  options.max_held_pieces = (mode & 4) != 0 ? 4 : 64;
  options.max_held = (mode & 8) != 0 ? 1500 : 1'000'000;
  options.any_port = (mode & 16) != 0;
  return options;
}

// Near the start, around a wrap, or anywhere: the two top bits choose.
std::uint32_t Number(std::uint32_t isn, std::uint32_t value) {
  switch (value >> 14) {
    case 0:
      return isn + (value & 0x3ff);
    case 1:
      return isn + (value & 0x3fff) * 64;
    case 2:
      return isn + (value & 0x3fff) * 8192;
    default:
      return isn - (value & 0x3fff) * 131'072;
  }
}

PacketTime After(PacketTime now, std::uint8_t step) {
  const PacketTime n = step & 0x1f;
  switch (step >> 5) {
    case 0:
      return now + n;
    case 1:
      return now + n * kMillisecond * 100;
    case 2:
      return now + n * kSecond * 10;
    case 3:
      return now + n * kSecond * 400;
    case 4:
      return now - n * kSecond;
    case 5:
      return n == 0 ? INT64_MAX : now;
    case 6:
      return n == 0 ? INT64_MIN : now;
    default:
      return now;
  }
}

std::uint32_t Word(std::uint8_t high, std::uint8_t low) { return high * 256U + low; }

Segment MakeSegment(std::span<const std::uint8_t> step, std::span<const std::uint8_t> text) {
  Segment segment;
  Endpoint client{{}, static_cast<std::uint16_t>(1000 + (step[0] & 7))};
  const bool on_port = (step[0] & 0x10) == 0;
  Endpoint server{{}, static_cast<std::uint16_t>(on_port ? 25 : 8025)};
  if ((step[0] & 0x20) != 0) client.port = 25;
  const bool from_client = (step[0] & 0x08) == 0;
  segment.source = from_client ? client : server;
  segment.destination = from_client ? server : client;
  segment.flags = step[1] & 0x3f;
  if ((step[1] & 0x40) != 0) segment.flags = tcp_flags::kAck;
  const std::uint32_t isn[2] = {0xffffffc0, 5000};
  segment.sequence = Number(isn[from_client ? 0 : 1], Word(step[2], step[3]));
  segment.acknowledgment = Number(isn[from_client ? 1 : 0], Word(step[4], step[5]));
  const std::size_t wire = step[6];
  segment.payload =
      text.first(std::min(wire - std::min<std::size_t>(wire, (step[0] >> 6) * 5u), text.size()));
  segment.payload_wire_length = static_cast<std::uint32_t>(wire);
  segment.urgent_pointer = step[5];
  return segment;
}

void Run(std::span<const std::uint8_t> input) {
  if (input.empty()) return;
  const ReassemblerOptions options = Options(input[0]);
  input = input.subspan(1);
  Ledger ledger;
  CheckingSink sink;
  Reassembler reassembler(options, &ledger, &sink);
  std::vector<std::uint8_t> text(256);
  PacketTime now = 1000 * kSecond;
  std::uint8_t filler = 0;
  for (; input.size() >= 8; input = input.subspan(8)) {
    const auto step = input.first(8);
    std::fill(text.begin(), text.end(), static_cast<std::uint8_t>('a' + filler % 20));
    filler = static_cast<std::uint8_t>(filler + 1 + (step[7] & 3));
    if ((step[1] & 0x80) != 0) text[0] = static_cast<std::uint8_t>('t' + step[7] % 6);
    Segment segment = MakeSegment(step, text);
    now = After(now, step[7]);
    segment.captured_at = now;
    if (segment.has(tcp_flags::kUrg)) ++sink.urgent_segments;
    reassembler.OnSegment(segment);
    if (now < 0 || now > (PacketTime{1} << 62)) now = 1000 * kSecond;
    Check(reassembler.held_bytes() <= options.max_held);
    Check(reassembler.open_connections() <= options.max_connections);
  }
  reassembler.Finish();
  Check(reassembler.held_bytes() == 0);
  Check(reassembler.open_connections() == 0);
  Check(ledger.Get(Loss::kTcpGapBytes) == sink.gap_bytes);
  Check(ledger.Get(Loss::kTcpGaps) == sink.gaps);
  sink.CheckEnd();
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backscatter::Run({data, size});
  return 0;
}
