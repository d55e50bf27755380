// One request of the HTTP server, from its first line to its answer; and what all requests share.
#pragma once

#include <microhttpd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "exporters/http_connections.h"
#include "exporters/http_lane.h"
#include "exporters/http_message.h"
#include "exporters/http_server.h"
#include "exporters/http_users.h"

namespace backscatter {

// Settings that hold, and who was verified under them.
struct HttpRules {
  HttpSettings settings;
  std::shared_ptr<HttpUsers> users;
};

// Clients, the latest ones. Thread-safe.
class KnownClients {
 public:
  explicit KnownClients(std::size_t most) : most_(most) {}

  void Add(const IpAddress& client) {
    const std::lock_guard lock(mutex_);
    std::erase(clients_, client);
    clients_.push_back(client);
    if (clients_.size() > most_) clients_.pop_front();
  }
  bool Has(const IpAddress& client) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(clients_, client) != clients_.end();
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::deque<IpAddress> clients_;
};

// What outlives every request.
struct HttpShared {
  explicit HttpShared(HttpOptions from) : options(std::move(from)), connections(options.limits) {}

  std::shared_ptr<const HttpRules> Rules() const {
    const std::lock_guard lock(mutex);
    return rules;
  }

  const HttpOptions options;
  HttpConnections connections;
  HttpLaneThread checks{256, 2};  // of passwords
  KnownClients known{256};        // who gave a right password
  HttpLaneThread quick{256, 64};
  HttpLaneThread patient{64, 8};
  mutable std::mutex mutex;
  std::shared_ptr<const HttpRules> rules;
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> wrong_passwords{0};
  std::atomic<std::uint64_t> busy{0};
  std::atomic<std::size_t> answer_bytes{0};  // made and not yet sent
};

// Lives on the thread that moves bytes. While the connection is suspended a lane has it.
class HttpExchange {
 public:
  HttpExchange(HttpShared* shared, MHD_Connection* connection, HttpConnections::Connection* known,
               std::string target)
      : shared_(*shared), connection_(connection), known_(*known), target_(std::move(target)) {}
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Of MHD_AccessHandlerCallback: once for the headers, once for each piece of the body, once when
  // the request is whole, and again each time that a lane gave it back.
  MHD_Result OnCall(const char* method, const char* version, std::size_t* upload_size);

 private:
  enum class Step : std::uint8_t { kHeaders, kBody, kVerified, kAnswered };

  MHD_Result OnHeaders(std::string_view method, std::string_view version);
  MHD_Result OnWhole();
  MHD_Result Handle();
  // Suspends the connection until `work` has been done there.
  MHD_Result GoTo(HttpLaneThread& lane, std::function<void()> work, bool first = false);
  MHD_Result Refuse(int status, std::string_view text, bool close = true);
  MHD_Result RefuseBusy();
  MHD_Result Answer();
  std::string_view BadFraming(std::string_view version) const;
  std::string_view Header(const char* name) const;
  MHD_Response* MakeMhdResponse() const;

  HttpShared& shared_;
  MHD_Connection* const connection_;
  HttpConnections::Connection& known_;
  const std::string target_;
  Step step_ = Step::kHeaders;
  HttpRequest request_;
  std::string_view method_;  // a constant, or empty for one that is not known
  bool gzip_ = false;
  bool close_ = false;
  std::size_t uploaded_ = 0;
  bool verified_ = false;
  HttpResponse response_;
  std::size_t charged_ = 0;
};

}  // namespace backscatter
