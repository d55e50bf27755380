// Values in the file of floods; see packed_numbers.h.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/base/packed_numbers.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood_event.h"

namespace backscatter {

inline void PutBool(std::string& out, bool value) { out += static_cast<char>(value ? 1 : 0); }
inline void PutFloat(std::string& out, float value) {
  PutU32(out, std::bit_cast<std::uint32_t>(value));
}
inline void PutDouble(std::string& out, double value) {
  PutU64(out, std::bit_cast<std::uint64_t>(value));
}
inline void PutAddress(std::string& out, const IpAddress& address) {
  out.append(address.bytes().begin(), address.bytes().end());
}
inline void PutText(std::string& out, std::string_view text) {
  PutStep(out, text.size());
  out += text;
}

inline bool TakeBool(PackedNumbers& in) {
  const std::uint8_t value = in.U8();
  if (value > 1) in.ok = false;
  return value == 1;
}
// Counts: neither negative nor infinite, and no larger than what can be added up.
template <typename Number>
Number AsCount(PackedNumbers& in, Number value) {
  if (!(value >= 0 && value <= static_cast<Number>(1e18))) in.ok = false;
  return in.ok ? value : 0;
}
inline float TakeFloat(PackedNumbers& in) { return AsCount(in, std::bit_cast<float>(in.U32())); }
inline double TakeDouble(PackedNumbers& in) { return AsCount(in, std::bit_cast<double>(in.U64())); }
inline PacketTime TakeTime(PackedNumbers& in) {
  const PacketTime time = in.I64();
  if (time < -kFarthestTime || time > kFarthestTime) in.ok = false;
  return in.ok ? time : 0;
}
inline IpAddress TakeAddress(PackedNumbers& in) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string_view taken = in.Take(bytes.size());
  if (in.ok) std::memcpy(bytes.data(), taken.data(), bytes.size());
  return IpAddress::V6(bytes);
}
inline std::string TakeText(PackedNumbers& in, std::size_t most) {
  const std::uint64_t size = in.Step();
  if (size > most) in.ok = false;
  return std::string(in.Take(in.ok ? static_cast<std::size_t>(size) : 0));
}

}  // namespace backscatter
