// What a handler of the HTTP server gets and gives.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/ip_address.h"
#include "exporters/http_query.h"

namespace backscatter {

enum class HttpMethod : std::uint8_t { kGet, kHead, kPost };

struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  std::string path;  // as it came, without the query
  HttpQuery query;
  IpAddress client;
};

// Text that many answers may share, compressed at most once. Thread-safe.
class HttpBody {
 public:
  // A shared one is kept by its maker; it does not count as memory of the answers.
  explicit HttpBody(std::string text, bool shared = false)
      : text_(std::move(text)), shared_(shared) {}

  const std::string& text() const { return text_; }
  bool shared() const { return shared_; }
  // Empty where compression failed, or would not make it smaller.
  const std::string& gzip() const;

 private:
  const std::string text_;
  const bool shared_;
  mutable std::once_flag compressed_;
  mutable std::string gzip_;
};

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
inline constexpr std::string_view kHtmlText = "text/html; charset=utf-8";
inline constexpr std::string_view kJsonText = "application/json";

struct HttpResponse {
  int status = 200;
  std::string_view content_type = kPlainText;  // a constant of the program
  std::shared_ptr<const HttpBody> body;        // null: empty
  std::vector<std::pair<std::string, std::string>> headers = {};
};

inline HttpResponse MakeResponse(int status, std::string_view content_type, std::string text) {
  return {.status = status,
          .content_type = content_type,
          .body = std::make_shared<const HttpBody>(std::move(text))};
}

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// Which thread a handler runs on: it may delay others of its lane, no other.
enum class HttpLane : std::uint8_t {
  kQuick,    // answers at once from what is there
  kPatient,  // may wait for another thread
};

struct HttpRoute {
  std::string path;  // compared whole
  HttpHandler handler;
  bool post = false;  // POST alone; else GET and HEAD
  HttpLane lane = HttpLane::kQuick;
};

}  // namespace backscatter
