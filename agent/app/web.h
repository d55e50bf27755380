// What the agent serves by HTTP: which pages there are, and where their content comes from.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/app/log.h"
#include "agent/app/wake.h"
#include "exporters/http_server.h"

namespace backscatter {

// Made and used by the main thread; handlers run on threads of the server.
class Web {
 public:
  struct Options {
    std::vector<std::string> listen;  // at least one address
    bool lifecycle = false;           // POST /-/reload is allowed
    Log* log = nullptr;               // these outlive it
    const Wake* news = nullptr;       // rung when a reload is wanted
    // The text of /metrics; called by any thread.
    std::function<std::string()> metrics;
  };

  // Takes the addresses: needs the rights that ports below 1024 want. Starts no thread.
  static absl::StatusOr<std::unique_ptr<Web>> Listen(Options options);
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  absl::Status Serve();
  // From the first call on until End, /-/ready says yes. `state` is a line for people.
  void Capturing(std::string state);
  // Whoever waits for an answer of the agent gets none.
  void End();

  // Answers whoever asked for a reload since the last call: `reload` runs if there is one, and
  // what it returns is the answer.
  void TakeReload(const std::function<absl::StatusOr<std::string>()>& reload);

 private:
  enum class Stage : std::uint8_t { kStarting, kCapturing, kEnding };
  struct Reload {
    bool wanted = false;
    std::optional<absl::StatusOr<std::string>> result;
  };

  explicit Web(Options options) : options_(std::move(options)) {}

  std::vector<HttpRoute> Routes();
  HttpResponse Landing() const;
  HttpResponse Ready() const;
  HttpResponse Reloaded();

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stage stage_ = Stage::kStarting;
  std::string state_ = "starting";
  Reload reload_;
  std::unique_ptr<HttpServer> server_;  // ends first: its threads use the rest
};

}  // namespace backscatter
