#include "agent/mail/batv.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/base/find_octet.h"
#include "agent/mail/address_tags.h"
#include "agent/mail/path_parts.h"

namespace backscatter {
namespace {

constexpr int kDayModulus = 1000;
constexpr int kLifetime = 7;  // days
constexpr std::size_t kDayDigits = 3;
constexpr std::size_t kHashBytes = 3;
constexpr std::size_t kTagLength = 1 + kDayDigits + 2 * kHashBytes;  // KDDDSSSSSS
constexpr std::string_view kPrefix = "prvs=";

using Hash = std::array<unsigned char, kHashBytes>;

// `signed_text` is K || DDD || address. nullopt: the library offers no SHA-1.
std::optional<Hash> Sign(std::string_view secret, std::string_view signed_text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  const auto* const made = HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()),
                                reinterpret_cast<const unsigned char*>(signed_text.data()),
                                signed_text.size(), digest.data(), &length);
  if (made == nullptr || length < kHashBytes) return std::nullopt;
  return Hash{digest[0], digest[1], digest[2]};
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

struct Tag {
  int number;
  int day;
  Hash hash;
  std::string_view key_and_day;  // KDDD
  std::string_view local;        // what it was put before; not empty
};

std::optional<Tag> ParseTag(std::string_view local) {
  if (!StartsWithIgnoreCase(local, kPrefix)) return std::nullopt;
  local.remove_prefix(kPrefix.size());
  if (local.size() <= kTagLength + 1 || local[kTagLength] != '=') return std::nullopt;
  Tag tag{};
  tag.key_and_day = local.substr(0, 1 + kDayDigits);
  if (!std::ranges::all_of(tag.key_and_day, IsDigit)) return std::nullopt;
  tag.number = local[0] - '0';
  for (const char digit : local.substr(1, kDayDigits)) tag.day = tag.day * 10 + (digit - '0');
  for (std::size_t i = 0; i < kHashBytes; ++i) {
    const int high = HexValue(local[1 + kDayDigits + 2 * i]);
    const int low = HexValue(local[2 + kDayDigits + 2 * i]);
    if (high < 0 || low < 0) return std::nullopt;
    tag.hash[i] = static_cast<unsigned char>(high << 4 | low);
  }
  tag.local = local.substr(kTagLength + 1);
  return tag;
}

// UndoTag knows all dialects; SRS is the one that names a domain, and it is no BATV.
bool IsDialect(std::string_view local) {
  const std::optional<Untagged> untagged = UndoTag(local);
  return untagged && untagged->domain.empty();
}

enum class Match : std::uint8_t { kYes, kNo, kCannotSay };

Match MatchAny(const std::vector<std::string>& secrets, const Tag& tag, std::string_view text) {
  for (const std::string& secret : secrets) {
    const std::optional<Hash> hash = Sign(secret, text);
    if (!hash) return Match::kCannotSay;
    if (CRYPTO_memcmp(hash->data(), tag.hash.data(), kHashBytes) == 0) return Match::kYes;
  }
  return Match::kNo;
}

Match MatchSeenOrLower(const std::vector<std::string>& secrets, const Tag& tag,
                       std::string_view domain) {
  std::string text;
  text.append(tag.key_and_day).append(tag.local).append("@").append(domain);
  const Match seen = MatchAny(secrets, tag, text);
  if (seen != Match::kNo) return seen;
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), ToLower);
  return lower == text ? Match::kNo : MatchAny(secrets, tag, lower);
}

// Modulo 1000: a plain comparison takes day 900 for the future of day 100.
bool IsInTime(int expiry_day, PacketTime now) {
  return (expiry_day - BatvDay(now) + kDayModulus) % kDayModulus <= kLifetime;
}

}  // namespace

int BatvDay(PacketTime time) {
  const PacketTime days = time / kDay - (time % kDay < 0 ? 1 : 0);
  const auto day = static_cast<int>(days % kDayModulus);
  return day < 0 ? day + kDayModulus : day;
}

std::string MakeBatvAddress(std::string_view secret, int number, int expiry_day,
                            std::string_view address) {
  std::string key_and_day(1, static_cast<char>('0' + number));
  for (const int unit : {100, 10, 1}) {
    key_and_day += static_cast<char>('0' + expiry_day / unit % 10);
  }
  const std::optional<Hash> hash = Sign(secret, key_and_day + std::string(address));
  if (!hash) return {};
  std::string tagged = std::string(kPrefix) + key_and_day;
  for (const unsigned char byte : *hash) {
    tagged += "0123456789abcdef"[byte >> 4];
    tagged += "0123456789abcdef"[byte & 15];
  }
  return tagged.append("=").append(address);
}

void BatvKeys::Add(int number, std::string secret) {
  secrets_.at(static_cast<std::size_t>(number)).push_back(std::move(secret));
}

bool BatvKeys::empty() const {
  return std::ranges::all_of(secrets_, [](const auto& secrets) { return secrets.empty(); });
}

TagState BatvKeys::Check(std::string_view path, PacketTime now) const {
  if (FindOctet(path, '=') == path.size()) return TagState::kNone;
  const PathParts parts = SplitPath(path);
  const std::optional<Tag> tag = ParseTag(parts.local);
  if (!tag) return IsDialect(parts.local) ? TagState::kUnverified : TagState::kNone;
  const std::vector<std::string>& secrets = secrets_[static_cast<std::size_t>(tag->number)];
  if (secrets.empty()) return TagState::kUnverified;
  switch (MatchSeenOrLower(secrets, *tag, parts.domain)) {
    case Match::kCannotSay:
      return TagState::kUnverified;
    case Match::kNo:
      return TagState::kWrong;
    case Match::kYes:
      break;
  }
  return IsInTime(tag->day, now) ? TagState::kValid : TagState::kExpired;
}

}  // namespace backscatter
