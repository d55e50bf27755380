// Where packets come from: one contract for capture files, live capture and kernel probes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/net/packet.h"
#include "agent/net/segment.h"

namespace backscatter {

class PacketSink {
 public:
  virtual ~PacketSink() = default;
  // `packet.wire_length >= packet.bytes.size()` always holds.
  virtual void OnPacket(const Packet& packet) = 0;
  // A piece of a segment that the kernel program took out of its packet already. Its payload lives
  // until the callback returns. Only that source has any, so other sinks need not take them.
  virtual void OnSegment(const Segment& /*segment*/) {}
  virtual void OnLoss(Loss loss, std::uint64_t count) = 0;
};

enum class PollResult : std::uint8_t { kProgressed, kIdle, kEnded };

// What a program of ours cost in the kernel.
struct ProgramRuns {
  std::string program;
  std::uint64_t nanoseconds = 0;
  std::uint64_t runs = 0;
};

// What has been read so far; for a file these become its entry in the report's `captures`.
struct SourceStats {
  static constexpr std::size_t kMaxLinkTypes = 64;  // no real capture comes near

  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;        // of captured frames, without record headers
  std::uint64_t input_bytes = 0;  // consumed from the input (compressed size where compressed)
  std::uint64_t input_size = 0;   // of the whole input; 0 = not known (a pipe)
  PacketTime first = 0;           // the earliest packet; 0 while packets == 0
  PacketTime last = 0;            // the latest packet
  std::vector<std::uint32_t> link_types;  // that occurred, in order of appearance, kMaxLinkTypes
  std::vector<ProgramRuns> programs;      // empty where the kernel does not measure them for us
};

// Not thread-safe: one thread starts, polls and asks for the statistics.
class Source {
 public:
  virtual ~Source() = default;
  virtual absl::Status Start() = 0;
  // Hands up to a bounded batch of packets to the sink. kEnded: there will be no more.
  // An error is final and names what, which and why; packets before it were delivered.
  // `max_wait` in nanoseconds of real time; a file never waits (a pipe does, for its writer).
  virtual absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) = 0;
  // Cheap: a few words and the short list of link types.
  virtual SourceStats Stats() const = 0;
  virtual std::string_view Name() const = 0;
};

}  // namespace backscatter
