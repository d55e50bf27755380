// Packet time: the only clock below app/.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace backscatter {

// Nanoseconds since 1970-01-01T00:00:00Z, as the capture says. Never the wall clock.
using PacketTime = std::int64_t;

inline constexpr PacketTime kMicrosecond = 1'000;
inline constexpr PacketTime kMillisecond = 1'000'000;
inline constexpr PacketTime kSecond = 1'000'000'000;
inline constexpr PacketTime kMinute = 60 * kSecond;
inline constexpr PacketTime kHour = 60 * kMinute;
inline constexpr PacketTime kDay = 24 * kHour;

// `later - earlier`, negative where the clock went back, held to what fits: a capture may say any
// time at all.
constexpr PacketTime TimeBetween(PacketTime earlier, PacketTime later) {
  PacketTime between = 0;
  if (!__builtin_sub_overflow(later, earlier, &between)) return between;
  using Limits = std::numeric_limits<PacketTime>;
  return later < earlier ? Limits::min() : Limits::max();
}

// RFC 3339 in UTC with nine fractional digits, e.g. "2026-11-24T23:10:27.123456789Z".
// Any value is accepted; times before 1970 are formatted too.
std::string FormatRfc3339(PacketTime time);

}  // namespace backscatter
