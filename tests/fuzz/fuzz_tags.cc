// A path, or an address that is tagged first: the first byte says which. A tag that we made holds
// whatever its address is, and not with any one bit of its hash flipped.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/mail/batv.h"
#include "agent/mail/srs.h"
#include "agent/mail/verp.h"

namespace {

using backscatter::BatvKeys;
using backscatter::TagState;

constexpr backscatter::PacketTime kToday = 20'781LL * 86'400 * backscatter::kSecond;
constexpr std::size_t kHashAt = std::string_view("prvs=0788").size();
constexpr int kNumber = 3;

void Check(bool holds) {
  if (!holds) std::abort();
}

int HexValue(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

void CheckTagged(std::string_view address) {
  const std::size_t at = address.rfind('@');
  // A tag comes before a local part, which a route or a quoted one would hide.
  if (at == 0 || at == std::string_view::npos) return;
  BatvKeys keys;
  keys.Add(kNumber, "a key");
  const std::string tagged = backscatter::MakeBatvAddress("a key", kNumber, 788, address);
  Check(keys.Check(tagged, kToday) == TagState::kValid);
  // With capitals the flipped hash may be that of the address in lower case, once in 700,000 times.
  const bool one_hash = std::ranges::none_of(address, [](char c) { return c >= 'A' && c <= 'Z'; });
  for (std::size_t i = 0; one_hash && i < 6; ++i) {
    for (int bit = 1; bit < 16; bit <<= 1) {
      std::string flipped = tagged;
      flipped[kHashAt + i] =
          "0123456789abcdef"[static_cast<std::size_t>(HexValue(tagged[kHashAt + i]) ^ bit)];
      Check(keys.Check(flipped, kToday) == TagState::kWrong);
    }
  }
  Check(keys.Check(tagged, kToday + 30LL * 86'400 * backscatter::kSecond) == TagState::kExpired);
  Check(BatvKeys().Check(tagged, kToday) == TagState::kUnverified);
}

void CheckPath(std::string_view path) {
  const BatvKeys none;
  const TagState state = none.Check(path, kToday);
  Check(state == TagState::kNone || state == TagState::kUnverified);
  // One address is of one kind.
  const backscatter::SrsDomains srs({"fwd.example"});
  if (srs.Contains(path)) Check(state == TagState::kNone);
  Check(!backscatter::SrsDomains().Contains(path));
  // A path matches itself where it has no star, and what it matches is no surprise with one.
  Check(backscatter::GlobMatches("*", path));
  Check(backscatter::GlobMatches(path, path));
  Check(backscatter::GlobMatches("*" + std::string(path) + "*", path));
  const backscatter::VerpPatterns patterns({"bounce*@*", "*+*"});
  if (patterns.Match(path)) Check(path.find_first_of("@+") != std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 2000) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  CheckPath(text);
  if ((data[0] & 1) != 0) CheckTagged(text);
  return 0;
}
