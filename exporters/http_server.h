// An HTTP server for a few machines and people among hostile clients. It knows no mail.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/ip_address.h"
#include "exporters/http_connections.h"
#include "exporters/http_message.h"
#include "exporters/http_tls.h"
#include "exporters/http_users.h"

namespace backscatter {

// What may change while it serves.
struct HttpSettings {
  std::optional<HttpTls> tls = {};   // nullopt: plain HTTP
  std::vector<HttpUser> users = {};  // empty: everyone may ask
  // Over those that every answer has.
  std::vector<std::pair<std::string, std::string>> headers = {};

  friend bool operator==(const HttpSettings&, const HttpSettings&) = default;
};

struct HttpOptions {
  std::vector<HttpRoute> routes;
  HttpLimits limits = {};
  // The answer to what no handler sees: 400, 401, 404, 405, 413, 503. `text` is one sentence.
  std::function<HttpResponse(const std::string& path, int status, std::string_view text)> error =
      {};
  std::string realm = "http";
};

struct HttpFigures {
  HttpCounts connections;
  std::uint64_t requests = 0;
  std::uint64_t wrong_passwords = 0;
  std::uint64_t busy = 0;  // answered with 503: too much waits
};

// One thread accepts and enforces the times of HttpLimits, one moves the bytes of all connections
// (neither ever waits for a client), one checks passwords, and one runs the handlers of each lane.
// Thread-safe but for its beginning and end.
class HttpServer {
 public:
  // Takes the addresses, and starts no thread. Connections that come wait until Serve.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(
      const std::vector<std::string>& addresses, HttpOptions options);
  // Handlers are called no more when it returns; answers that are not sent yet are cut off.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  absl::Status Serve(HttpSettings settings);
  // All of it or nothing: InvalidArgument leaves what was. Users and headers hold from the next
  // request on, TLS from the next connection on; open ones end soon. Unavailable:
  // too many such changes at once, or the system refused; to be tried again.
  absl::Status Apply(HttpSettings settings);

  // With the ports that were taken, in the order of the addresses.
  std::vector<Endpoint> endpoints() const;
  HttpFigures figures() const;

 private:
  class Impl;

  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace backscatter
