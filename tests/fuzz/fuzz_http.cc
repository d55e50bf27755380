// What an HTTP client may send that we parse ourselves: the query of a request and its credentials.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/api_page.h"
#include "exporters/http_query.h"
#include "exporters/http_users.h"

namespace {

using backscatter::ApiPage;
using backscatter::HttpCredentials;
using backscatter::HttpQuery;

void Check(bool holds) {
  if (!holds) std::abort();
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void CheckQuery(std::string_view text) {
  const absl::StatusOr<HttpQuery> query = HttpQuery::Parse(text);
  if (!query.ok()) return;
  Check(text.size() <= HttpQuery::kMostBytes);
  Check(query->parameters().size() <= HttpQuery::kMostParameters);
  for (const auto& parameter : query->parameters()) {
    Check(!HasControl(parameter.first) && !HasControl(parameter.second));
    Check(query->Find(parameter.first) == &parameter.second);  // each name once
  }
  const absl::StatusOr<ApiPage> page = ParseApiPage(*query, {"state"});
  if (!page.ok()) return;
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{5000}}) {
    const std::size_t begin = page->Begin(size);
    const std::size_t end = page->End(size);
    Check(begin <= end && end <= size && end - begin <= backscatter::kApiMostRows);
  }
}

void CheckCredentials(std::string_view text) {
  const std::optional<HttpCredentials> credentials = backscatter::ParseBasicCredentials(text);
  if (!credentials) return;
  Check(credentials->user.find(':') == std::string::npos);
  Check((credentials->user + credentials->password).find('\0') == std::string::npos);
  Check(credentials->user.size() + credentials->password.size() < text.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckQuery(text);
  CheckCredentials(text);
  CheckCredentials("Basic " + std::string(text));
  (void)backscatter::BcryptCost(text);
  return 0;
}
