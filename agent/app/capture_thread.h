// The thread that takes packets from the kernel and never waits for the engine.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"

#include "agent/app/batch_queue.h"
#include "agent/app/log.h"
#include "agent/app/wake.h"
#include "agent/base/ip_address.h"
#include "agent/source/capture_rules.h"
#include "agent/source/interface_watcher.h"
#include "agent/source/live_source.h"

namespace backscatter {

// What is watched, and the host's own addresses.
struct InterfaceState {
  std::vector<std::string> watched;  // names, those that could be taken up
  std::vector<IpNetwork> addresses;  // of all interfaces, one host each
  friend bool operator==(const InterfaceState& a, const InterfaceState& b);
};

// Start attaches in the calling thread (so that capabilities can be given up between it and Run);
// the others may be called from the main thread while the capture runs.
class CaptureThread {
 public:
  struct Options {
    std::vector<std::string> interfaces;  // empty: all that are up, also later ones
    BatchQueue* queue = nullptr;          // these three outlive the thread
    Log* log = nullptr;
    const Wake* news = nullptr;  // rung where state(), ended() or failure() changed
  };

  CaptureThread(std::unique_ptr<LiveSource> source, std::unique_ptr<InterfaceWatcher> watcher,
                Options options);
  ~CaptureThread();
  CaptureThread(const CaptureThread&) = delete;
  CaptureThread& operator=(const CaptureThread&) = delete;

  // Takes up the interfaces. Fails where nothing can be watched: a listed interface is not there,
  // or not one of them could be taken up.
  absl::Status Start(const CaptureRules& rules);
  void Run();
  // Takes what the kernel still has, hands it over and closes the queue. Returns at once.
  void Stop();
  void Join();

  void Apply(const CaptureRules& rules);
  InterfaceState state() const;
  SourceStats stats() const;
  std::string_view source_name() const { return source_->Name(); }

  // The source gave up (an error), or has no more (a test).
  bool ended() const { return ended_.load(); }
  absl::Status failure() const;
  // Changes as long as the thread is alive.
  std::uint64_t heartbeat() const { return heartbeat_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void PollUntilIdle(Clock::time_point least, Clock::time_point most);
  void Loop();
  void ApplyNow(const CaptureRules& rules);
  void WaitForPackets();
  void PollInterfaces();
  void Drain();
  std::vector<HostInterface> Wanted() const;
  absl::Status TakeUp();
  void PublishState(const std::vector<HostInterface>& wanted);

  const std::unique_ptr<LiveSource> source_;
  const std::unique_ptr<InterfaceWatcher> watcher_;
  const Options options_;
  BatchWriter writer_;
  bool kept_ = false;  // by the writer, until the engine has room
  LogLimit interface_limit_{60 * kSecond};
  absl::Status rules_status_;  // as the log has it
  std::thread thread_;
  Wake wake_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> heartbeat_{0};

  mutable std::mutex mutex_;           // of what follows
  std::optional<CaptureRules> rules_;  // to be applied
  InterfaceState state_;
  SourceStats stats_;
  absl::Status failure_;
};

}  // namespace backscatter
