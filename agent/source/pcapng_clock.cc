#include <algorithm>
#include <limits>

#include "agent/source/pcapng_reader.h"

namespace backscatter {
namespace {

__extension__ typedef unsigned __int128 Uint128;
__extension__ typedef __int128 Int128;

constexpr std::uint8_t kPowerOfTwo = 0x80;
constexpr std::uint32_t kNanoDigits = 9;
constexpr std::uint32_t kUint64Digits = 19;  // 10^19 fits into 64 bits, 10^20 does not
constexpr std::uint64_t kNanos = 1'000'000'000;

std::uint64_t PowerOfTen(std::uint32_t exponent) {
  std::uint64_t value = 1;
  for (std::uint32_t i = 0; i < exponent; ++i) value *= 10;
  return value;
}

}  // namespace

PcapngClock PcapngClock::FromResolution(std::uint8_t resolution) {
  const std::uint32_t exponent = resolution & 0x7f;
  PcapngClock clock;
  if ((resolution & kPowerOfTwo) != 0) {
    clock.multiply = kNanos;
    clock.shift = exponent;
  } else if (exponent <= kNanoDigits) {
    clock.multiply = PowerOfTen(kNanoDigits - exponent);
  } else {
    clock.multiply = 1;
    const std::uint32_t digits = exponent - kNanoDigits;
    clock.divide = digits <= kUint64Digits ? PowerOfTen(digits) : 0;
  }
  return clock;
}

// 64 bits of ticks times 30 bits of multiplier, and 64 bits of seconds times 30: both fit.
PacketTime PcapngClock::ToPacketTime(std::uint64_t ticks) const {
  Uint128 nanos = divide == 0 ? Uint128{0} : (Uint128{ticks} * multiply) >> shift;
  if (divide > 1) nanos /= divide;
  const Int128 time = static_cast<Int128>(nanos) + Int128{offset_seconds} * Int128{kNanos};
  using Limits = std::numeric_limits<PacketTime>;
  return static_cast<PacketTime>(std::clamp<Int128>(time, Limits::min(), Limits::max()));
}

}  // namespace backscatter
