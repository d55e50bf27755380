// Who may ask: users with bcrypt passwords (HTTP basic authentication, RFC 7617).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backscatter {

struct HttpUser {
  std::string name;
  std::string hash;  // of crypt(3): "$2y$10$..."

  friend bool operator==(const HttpUser&, const HttpUser&) = default;
};

struct HttpCredentials {
  std::string user;
  std::string password;
};

// Of a header "Authorization: Basic ...". nullopt: it is none, or not within bounds.
std::optional<HttpCredentials> ParseBasicCredentials(std::string_view header);

// The cost of a bcrypt hash: 4 to 31; nullopt: it is none of $2a$, $2b$, $2y$.
std::optional<int> BcryptCost(std::string_view hash);

// Thread-safe. A check with bcrypt takes as long as its cost says (10: 60 ms): not on a thread that
// serves others. What was verified once is remembered, so that a scraper pays once.
class HttpUsers {
 public:
  explicit HttpUsers(std::vector<HttpUser> users);

  bool empty() const { return users_.empty(); }
  // True: these were verified before. Takes as long whether the user is known or not.
  bool Remembers(const HttpCredentials& credentials) const;
  // By bcrypt; for a user that is not known too, against a hash of nobody.
  bool Verify(const HttpCredentials& credentials);

 private:
  using Digest = std::array<std::uint8_t, 32>;  // HMAC-SHA-256

  Digest DigestOf(const HttpCredentials& credentials) const;

  std::map<std::string, std::string, std::less<>> users_;
  std::string nobody_;  // a hash of the highest cost among them
  Digest key_;
  mutable std::mutex mutex_;
  std::map<std::string, Digest, std::less<>> verified_;  // one a user
};

}  // namespace backscatter
