// What the agent serves by HTTP: which pages there are, and where their content comes from.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/app/config_web.h"
#include "agent/app/log.h"
#include "agent/app/snapshot_box.h"
#include "agent/app/wake.h"
#include "agent/app/web_reports.h"
#include "agent/app/web_transactions.h"
#include "exporters/http_server.h"

namespace backscatter {

// Made and used by the main thread; handlers run on threads of the server.
class Web {
 public:
  struct Options {
    std::vector<std::string> listen;  // empty: nothing is served, and nothing below does anything
    std::string config_file = {};     // empty: plain HTTP, for everyone
    bool lifecycle = false;           // POST /-/reload is allowed
    Log* log = nullptr;               // all that follows outlives it
    const Wake* news = nullptr;       // rung when a reload is wanted
    SnapshotBox* snapshots = nullptr;
    const RecentTransactions* transactions = nullptr;
    WebReports::Ask report = {};
  };

  // Reads the web configuration and takes the addresses: needs the rights that ports below 1024
  // want. Starts no thread.
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
  // Reads the web configuration again: its files change without a word, as certificates do.
  absl::Status Reread();
  // What is in those files holds: the last reading of them was taken.
  bool holds() const { return holds_; }
  // The same as part of a reload whose other part went as `told` says: what to tell of both.
  absl::StatusOr<std::string> RereadBeside(absl::StatusOr<std::string> told);
  // To be called every now and then: looks whether those files have changed, takes them once they
  // change no more, and says what became of clients.
  void Tick();
  static constexpr std::chrono::seconds kTick{1};

 private:
  enum class Stage : std::uint8_t { kStarting, kCapturing, kEnding };
  struct Reload {
    bool wanted = false;
    std::optional<absl::StatusOr<std::string>> result;
  };

  explicit Web(Options options) : options_(std::move(options)), reports_(options_.report) {}

  void WarnOfOpenDoors() const;
  void LogTurnedAway();
  bool FilesHaveSettled();

  std::vector<HttpRoute> Routes();
  HttpResponse Landing() const;
  HttpResponse Ready() const;
  HttpResponse Metrics();
  std::string_view StageName() const;
  HttpResponse Status(const HttpRequest& request) const;
  HttpResponse Floods(const HttpRequest& request) const;
  HttpResponse Transactions(const HttpRequest& request) const;
  HttpResponse Rows(const HttpRequest& request,
                    std::string (*render)(const ApiReport&, const ApiPage&));
  HttpResponse Reloaded();

  const Options options_;
  WebConfig config_;                  // what holds, and the files as they were read last
  std::vector<FileStamp> looked_at_;  // the same files, as they were a tick ago
  bool retry_ = false;                // the last ones were right but came too fast
  bool holds_ = true;
  std::chrono::steady_clock::time_point next_look_{};
  std::uint64_t told_wrong_passwords_ = 0;
  std::uint64_t told_turned_away_ = 0;
  LogLimit passwords_limit_{60 * kSecond};
  LogLimit turned_away_limit_{60 * kSecond};
  WebReports reports_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stage stage_ = Stage::kStarting;
  std::string state_ = "starting";
  Reload reload_;
  // Of the quick lane, which is one thread: however often it is asked for, a page is made once.
  std::shared_ptr<const LiveSnapshot> rendered_;
  std::shared_ptr<const HttpBody> page_;
  std::unique_ptr<HttpServer> server_;  // ends first: its threads use the rest
};

}  // namespace backscatter
