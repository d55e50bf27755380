#include "exporters/http_users.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr std::size_t kMostHeader = 1024;
constexpr std::size_t kBcryptLength = 60;

// -1: no letter of base64.
int Sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = Sextet(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>((bits >> held) & 0xff);
  }
  return out;
}

bool SameBytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && gnutls_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool CheckBcrypt(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* const made = crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool right = made != nullptr && SameBytes(made, hash);
  gnutls_memset(data.get(), 0, sizeof(crypt_data));
  return right;
}

}  // namespace

std::optional<HttpCredentials> ParseBasicCredentials(std::string_view header) {
  constexpr std::string_view kScheme = "basic ";
  if (header.size() > kMostHeader || header.size() < kScheme.size()) return std::nullopt;
  if (!EqualsIgnoreCase(header.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  header.remove_prefix(kScheme.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  const std::optional<std::string> text = DecodeBase64(header);
  if (!text || text->find('\0') != std::string::npos) return std::nullopt;
  const std::size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return HttpCredentials{text->substr(0, colon), text->substr(colon + 1)};
}

std::optional<int> BcryptCost(std::string_view hash) {
  if (hash.size() != kBcryptLength || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$')
    return std::nullopt;
  if (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y') return std::nullopt;
  if (!IsDigit(hash[4]) || !IsDigit(hash[5])) return std::nullopt;
  const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  if (cost < 4 || cost > 31) return std::nullopt;
  // The alphabet of bcrypt's own base64.
  const bool right = std::ranges::all_of(
      hash.substr(7), [](char c) { return c == '.' || (Sextet(c) >= 0 && c != '+'); });
  return right ? std::optional(cost) : std::nullopt;
}

HttpUsers::HttpUsers(std::vector<HttpUser> users) {
  int cost = 0;
  for (HttpUser& user : users) {
    const int its = BcryptCost(user.hash).value_or(0);
    if (its > cost) {
      cost = its;
      // Its cost and salt, and a digest that no password has: bcrypt is asked for all the same.
      nobody_ = user.hash.substr(0, 29) + std::string(31, '.');
    }
    users_.emplace(std::move(user.name), std::move(user.hash));
  }
  if (gnutls_rnd(GNUTLS_RND_KEY, key_.data(), key_.size()) != 0) std::abort();
}

HttpUsers::Digest HttpUsers::DigestOf(const HttpCredentials& credentials) const {
  // A name holds no colon, so that no two pairs look the same.
  const std::string text = credentials.user + ":" + credentials.password;
  Digest digest{};
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, key_.data(), key_.size(), text.data(), text.size(),
                   digest.data());
  return digest;
}

bool HttpUsers::Remembers(const HttpCredentials& credentials) const {
  const Digest digest = DigestOf(credentials);
  const std::lock_guard lock(mutex_);
  const auto found = verified_.find(credentials.user);
  const Digest other = found == verified_.end() ? key_ : found->second;
  return gnutls_memcmp(digest.data(), other.data(), digest.size()) == 0 && found != verified_.end();
}

bool HttpUsers::Verify(const HttpCredentials& credentials) {
  const auto user = users_.find(credentials.user);
  const bool known = user != users_.end();
  if (!CheckBcrypt(credentials.password, known ? user->second : nobody_) || !known) return false;
  const Digest digest = DigestOf(credentials);
  const std::lock_guard lock(mutex_);
  verified_[credentials.user] = digest;
  return true;
}

}  // namespace backscatter
