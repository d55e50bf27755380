// A server on a free port of loopback, with some routes.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

#include "exporters/http_server.h"
#include "tests/support/http_socket.h"

namespace backscatter {

class HttpServerTest : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kShort{300};

  void Serve(HttpSettings settings = {}) {
    HttpOptions options{.routes = routes_, .limits = limits_};
    auto server = HttpServer::Listen({"127.0.0.1:0"}, std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    const absl::Status served = server_->Serve(std::move(settings));
    ASSERT_TRUE(served.ok()) << served;
  }
  std::uint16_t port() const { return server_->endpoints().front().port; }
  HttpCounts counts() const { return server_->figures().connections; }

  // Within ten seconds.
  template <typename Condition>
  static bool Becomes(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  static HttpHandler Says(std::string text) {
    return [text](const HttpRequest&) { return MakeResponse(200, kPlainText, text); };
  }

  HttpLimits limits_;
  std::string long_text_ = std::string(5000, 'x') + "end\n";
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  std::vector<HttpRoute> routes_ = {
      {"/", Says("hello\n")},
      {"/long", Says(long_text_)},
      {"/query",
       [](const HttpRequest& request) {
         std::string text;
         for (const auto& [name, value] : request.query.parameters()) {
           text += name + "=" + value + ";";
         }
         return MakeResponse(200, kPlainText, text);
       }},
      {.path = "/act", .handler = Says("done\n"), .post = true},
      {.path = "/slow",
       .handler =
           [this](const HttpRequest&) {
             released_.wait();
             return MakeResponse(200, kPlainText, "at last\n");
           },
       .lane = HttpLane::kPatient},
  };
  std::unique_ptr<HttpServer> server_;
};

}  // namespace backscatter
