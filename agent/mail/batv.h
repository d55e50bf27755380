// BATV tags (draft-levine-smtp-batv-01): `prvs=KDDDSSSSSS=local@domain`, made by our mail servers
// for the sender of what we send, and checked here where a bounce comes back to it.
//   K       key number
//   DDD     the day on which the tag expires, days since 1970-01-01 modulo 1000
//   SSSSSS  the first three octets of HMAC-SHA1(key, K || DDD || "local@domain"), in hex
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/packet_time.h"

namespace backscatter {

enum class TagState : std::uint8_t {
  kNone,
  kValid,
  kWrong,       // we hold keys of that number, and none of them made this hash for this address
  kExpired,     // the hash is ours, the day is past (or too far ahead)
  kUnverified,  // a tag, but no key of ours can judge it: not our number, or another's dialect
};

inline constexpr int kBatvKeyNumbers = 10;

// The keys of our mail servers. Const use from several threads is safe. Keys are not shown
// anywhere.
class BatvKeys {
 public:
  // `number` is 0 to 9; a number may have several keys, as while they are changed.
  void Add(int number, std::string secret);
  bool empty() const;

  // `path` as sent, without angle brackets. The address is tried as seen and in lower case; `prvs`
  // and the hash in any case. A 24-bit hash: a guess passes once in 16.7 million times and key.
  // Without an `=` allocates nothing; a tag of ours costs one or two HMACs a key of its number.
  TagState Check(std::string_view path, PacketTime now) const;

 private:
  std::array<std::vector<std::string>, kBatvKeyNumbers> secrets_;
};

// Days since 1970-01-01 modulo 1000, of any time, also before 1970.
int BatvDay(PacketTime time);

// The tagged form of `address` ("local@domain"). `expiry_day` is 0 to 999: seven days after
// BatvDay(now) by custom. Empty where the library offers no SHA-1.
std::string MakeBatvAddress(std::string_view secret, int number, int expiry_day,
                            std::string_view address);

}  // namespace backscatter
