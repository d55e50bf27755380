// How addresses are named outside: by a keyed hash, by their domain alone, or in clear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/report/live_snapshot.h"

namespace backscatter {

enum class TargetLabels : std::uint8_t { kHash, kDomain, kPlain };

inline constexpr std::size_t kTargetHashDigits = 16;

// HMAC-SHA256 of the canonical address with the key, its first 64 bits in hex. Of the whole
// address, so that info@ of one domain and of another have nothing in common.
std::string TargetHash(std::string_view key, std::string_view address);

// Immutable, thread-safe.
class Labeller {
 public:
  // `key` (labels.key_file) matters for hashes only.
  Labeller(TargetLabels how, std::string key) : how_(how), key_(std::move(key)) {}

  // `address` in canonical form; empty or "-" are no address and stay. `domain` is that of the
  // label, empty where it is not ours. About a microsecond.
  TargetLabel Label(std::string_view address, std::string_view domain) const;
  TargetLabels how() const { return how_; }

 private:
  TargetLabels how_;
  std::string key_;
};

// The longest label value, in bytes. No address reaches it, also where each of its kMaxTargetLength
// bytes is shown as \u{7f}: two that were cut off could be one series twice, which Prometheus
// drops.
inline constexpr std::size_t kMaxLabelValue = 2048;

// `text` as the value of a label, before the escaping of the format: valid UTF-8, without what
// moves a cursor or reorders a line (those characters as \u{202e}), at most kMaxLabelValue bytes.
std::string LabelValue(std::string_view text);

}  // namespace backscatter
