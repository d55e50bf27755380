// What the two capture formats have in common: records in, packets out, counts kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

#include "agent/source/source.h"

namespace backscatter {

// Reads the records of one capture. Messages of errors begin with the offset and do not name the
// file, which a reader does not know.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Hands up to `limit` (at least 1) packets to the sink; the bytes of the last one stay valid
  // until the next call, so that a merge may hold on to it. Never kIdle.
  virtual absl::StatusOr<PollResult> Read(PacketSink& sink, std::size_t limit) = 0;

  // input_bytes and input_size are not the reader's business and stay 0.
  const SourceStats& stats() const { return stats_; }
  std::uint64_t truncated() const { return truncated_; }  // captured length below wire length

 protected:
  void Count(const Packet& packet) {
    if (stats_.packets++ == 0) {
      stats_.first = stats_.last = packet.captured_at;
    } else {
      stats_.first = std::min(stats_.first, packet.captured_at);
      stats_.last = std::max(stats_.last, packet.captured_at);
    }
    stats_.bytes += packet.bytes.size();
    if (packet.bytes.size() < packet.wire_length) ++truncated_;
  }

  void NoteLinkType(LinkType type) {
    auto& seen = stats_.link_types;
    const auto value = static_cast<std::uint32_t>(type);
    if (seen.size() >= SourceStats::kMaxLinkTypes) return;
    if (std::find(seen.begin(), seen.end(), value) == seen.end()) seen.push_back(value);
  }

 private:
  SourceStats stats_;
  std::uint64_t truncated_ = 0;
};

}  // namespace backscatter
