// Which of eight slices of the window a packet time falls into, and when the slices turn.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/base/packet_time.h"

namespace backscatter {

inline constexpr int kSentSlices = 8;

// A slice is an eighth of the window, numbered since the epoch: with 8 days these are UTC days.
// Packet time alone moves it, and one packet with a wrong time must not forget a week:
//  - into the next slice it moves at once;
//  - farther ahead only after three calls of Place in a row said so, and then only to the earliest
//    slice of the three; until then they belong to the current slice;
//  - a time before the oldest slice has no place. After a thousand such in a row the clock itself
//    was wrong: everything starts again from there.
// Not thread-safe. Cost: a comparison, as long as the slice stays.
class SentClock {
 public:
  // `window_ns` is held to at least eight seconds.
  explicit SentClock(std::int64_t window_ns);

  // The slice for something that happened at `at`; nullopt where it is too old. May turn.
  std::optional<std::int64_t> Place(PacketTime at);
  // `now` is to be trusted (the host's own clock): turns at once, however far, never back.
  void AdvanceTo(PacketTime now);
  // For what was loaded: as if the clock had always been there.
  void Restore(std::int64_t current_slice);

  bool started() const { return started_; }
  std::int64_t current() const { return current_; }
  std::int64_t oldest() const { return current_ - (kSentSlices - 1); }
  std::int64_t slice_ns() const { return slice_ns_; }
  std::int64_t SliceOf(PacketTime at) const;
  PacketTime StartOf(std::int64_t slice) const { return slice * slice_ns_; }

 private:
  std::int64_t slice_ns_;
  bool started_ = false;
  std::int64_t current_ = 0;
  PacketTime current_start_ = 0;
  PacketTime current_end_ = 0;
  int ahead_ = 0;                    // calls in a row beyond the next slice
  std::int64_t ahead_earliest_ = 0;  // of these
  int behind_ = 0;                   // calls in a row before the oldest slice
};

}  // namespace backscatter
