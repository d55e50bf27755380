// The thread that owns everything that counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/app/batch_queue.h"
#include "agent/app/log.h"
#include "agent/app/pipeline.h"
#include "agent/base/packet_time.h"
#include "agent/mail/sent_feed_socket.h"

namespace backscatter {

// Takes batches off the queue until it is closed and empty, then settles what is open and saves
// what is kept. Once a second it lets time pass: the later of packet time and the moment up to
// which everything captured has been handed over, less a second (the clock of the host where
// nothing waits), so that time-outs come when traffic stops. Everything else it is asked to do
// comes by Post and is done between two batches.
class EngineThread {
 public:
  struct Options {
    Pipeline* pipeline = nullptr;  // these outlive the thread
    BatchQueue* queue = nullptr;
    Log* log = nullptr;
    const OutputFile* lines = nullptr;     // what the pipeline writes; null: nothing
    std::unique_ptr<SentFeedSocket> feed;  // null: none
    // Tells the world how things are, once a second; `now` is the time up to which packets are
    // counted. Null: nobody.
    std::function<void(Pipeline&, PacketTime now)> publish;
  };
  using Task = std::function<void(Pipeline&)>;

  explicit EngineThread(Options options);
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  void Run();
  // The queue must have been closed, or will be.
  void Join();
  bool ended() const { return ended_.load(); }

  // From any thread. Tasks are done in order; those that come too late are not done.
  void Post(Task task);

  std::uint64_t heartbeat() const { return heartbeat_.load(std::memory_order_relaxed); }

 private:
  void Loop();
  void RunTasks();
  void Tick();
  void Publish(PacketTime now);
  void PollFeed();
  void Save();
  void LogLosses();
  void LogLostLines();

  Options options_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> heartbeat_{0};
  PacketTime next_minute_ = 0;  // monotonic
  Ledger told_;                 // losses that a line has told of
  std::uint64_t told_lines_ = 0;
  LogLimit lines_limit_{60 * kSecond};

  std::mutex mutex_;
  std::vector<Task> tasks_;
};

}  // namespace backscatter
