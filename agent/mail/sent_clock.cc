#include "agent/mail/sent_clock.h"

#include <algorithm>

namespace backscatter {
namespace {

constexpr int kBelieveAhead = 3;
constexpr int kBelieveBehind = 1000;
// 146 years around the epoch: no sum of times overflows.
constexpr PacketTime kFarthest = PacketTime{1} << 62;

}  // namespace

SentClock::SentClock(std::int64_t window_ns)
    : slice_ns_(std::clamp<std::int64_t>(window_ns / kSentSlices, kSecond, kFarthest / 8)) {}

std::int64_t SentClock::SliceOf(PacketTime at) const {
  at = std::clamp(at, -kFarthest, kFarthest);
  const std::int64_t slice = at / slice_ns_;
  return at % slice_ns_ < 0 ? slice - 1 : slice;
}

void SentClock::Restore(std::int64_t current_slice) {
  started_ = true;
  current_ = current_slice;
  current_start_ = StartOf(current_slice);
  current_end_ = current_start_ + slice_ns_;
  ahead_ = behind_ = 0;
}

void SentClock::AdvanceTo(PacketTime now) {
  const std::int64_t slice = SliceOf(now);
  if (!started_ || slice > current_) Restore(slice);
}

std::optional<std::int64_t> SentClock::Place(PacketTime at) {
  if (!started_) Restore(SliceOf(at));
  if (at >= current_start_ && at < current_end_) {
    ahead_ = behind_ = 0;
    return current_;
  }
  const std::int64_t slice = SliceOf(at);
  if (slice > current_ + 1) {
    behind_ = 0;
    ahead_earliest_ = ahead_ == 0 ? slice : std::min(ahead_earliest_, slice);
    if (++ahead_ >= kBelieveAhead) Restore(ahead_earliest_);
    return std::min(slice, current_);
  }
  ahead_ = 0;
  if (slice < oldest()) {
    if (++behind_ < kBelieveBehind) return std::nullopt;
    Restore(slice);
  } else if (slice == current_ + 1) {
    Restore(slice);
  }
  behind_ = 0;
  return slice;
}

}  // namespace backscatter
