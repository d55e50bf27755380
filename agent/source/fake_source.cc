#include "agent/source/fake_source.h"

#include <algorithm>

namespace backscatter {

absl::StatusOr<PollResult> FakeSource::Poll(PacketSink& sink, std::int64_t /*max_wait*/) {
  if (next_ == packets_.size()) {
    if (!final_status_.ok()) return final_status_;
    return PollResult::kEnded;
  }
  const std::size_t stop = std::min(packets_.size(), next_ + std::max<std::size_t>(batch_, 1));
  for (; next_ < stop; ++next_) {
    const FakePacket& fake = packets_[next_];
    const auto length = static_cast<std::uint32_t>(fake.bytes.size());
    const Packet packet{.bytes = fake.bytes,
                        .captured_at = fake.captured_at,
                        .wire_length = std::max(fake.wire_length, length),
                        .link_type = fake.link_type,
                        .origin = fake.origin,
                        .weight = fake.weight};
    stats_.first =
        stats_.packets == 0 ? fake.captured_at : std::min(stats_.first, fake.captured_at);
    stats_.last = stats_.packets == 0 ? fake.captured_at : std::max(stats_.last, fake.captured_at);
    ++stats_.packets;
    stats_.bytes += length;
    const auto type = static_cast<std::uint32_t>(fake.link_type);
    if (std::find(stats_.link_types.begin(), stats_.link_types.end(), type) ==
        stats_.link_types.end()) {
      stats_.link_types.push_back(type);
    }
    sink.OnPacket(packet);
    if (packet.wire_length > length) sink.OnLoss(Loss::kSourceTruncatedPackets, 1);
  }
  return PollResult::kProgressed;
}

}  // namespace backscatter
