// Reports for the API, made by the engine when somebody asks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "agent/app/pipeline.h"
#include "agent/app/snapshot_publisher.h"
#include "exporters/api_json.h"

namespace backscatter {

// Thread-safe. A report is kept for some seconds, longer the more it cost the engine, so that
// asking a thousand times costs as much as asking once; at most one is being made.
class WebReports {
 public:
  using Done = std::function<void(std::shared_ptr<const ApiReport>, std::chrono::nanoseconds cost)>;
  // Has a report made and `done` called, on whatever thread; it may never be called.
  using Ask = std::function<void(Done done)>;

  static constexpr std::chrono::seconds kKept{5};
  static constexpr int kCostsKept = 50;  // at most a fiftieth of the engine's time
  static constexpr std::chrono::seconds kLongest{3};

  explicit WebReports(Ask ask) : ask_(std::move(ask)) {}

  // Null: there was none in time, or the agent ends.
  std::shared_ptr<const ApiReport> Get();
  // Whoever waits gets null, now and later.
  void End();

 private:
  using Clock = std::chrono::steady_clock;

  // What a report that comes late still finds.
  struct Box {
    std::mutex mutex;
    std::condition_variable changed;
    std::shared_ptr<const ApiReport> report;
    Clock::time_point fresh_until{};
    bool asked = false;
    bool ended = false;
  };

  const Ask ask_;
  const std::shared_ptr<Box> box_ = std::make_shared<Box>();
};

// For the engine's thread: `pipeline`'s report, cut to what the API offers, to `done`.
void MakeApiReport(Pipeline& pipeline, RunInfo run, const TargetNamer& name,
                   const WebReports::Done& done);

// How `publisher`, which outlives it, names an address. For the engine's thread.
TargetNamer NamerOf(const SnapshotPublisher& publisher);

}  // namespace backscatter
