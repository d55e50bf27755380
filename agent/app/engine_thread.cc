#include "agent/app/engine_thread.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "agent/app/words.h"
#include "agent/base/abseil_bridge.h"

namespace backscatter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::milliseconds kFeedTick{200};

PacketTime Monotonic() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

}  // namespace

EngineThread::EngineThread(Options options) : options_(std::move(options)) {}

EngineThread::~EngineThread() { Join(); }

void EngineThread::Run() {
  next_minute_ = Monotonic() + kMinute;
  thread_ = std::thread([this] { Loop(); });
}

void EngineThread::Join() {
  if (thread_.joinable()) thread_.join();
}

void EngineThread::Post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  options_.queue->Wake();
}

void EngineThread::RunTasks() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const Task& task : tasks) task(*options_.pipeline);
}

void EngineThread::Loop() {
  Pipeline& pipeline = *options_.pipeline;
  Publish(pipeline.latest());
  Clock::time_point next_tick = Clock::now() + kTick;
  Clock::time_point next_feed = Clock::now();
  while (!options_.queue->ended()) {
    const Clock::time_point now = Clock::now();
    if (now >= next_tick) {
      Tick();
      next_tick = now + kTick;
    }
    if (options_.feed != nullptr && now >= next_feed) {
      PollFeed();
      next_feed = now + kFeedTick;
    }
    const Clock::time_point until =
        options_.feed != nullptr ? std::min(next_tick, next_feed) : next_tick;
    Batch* const batch =
        options_.queue->Pop(std::max(until - Clock::now(), Clock::duration::zero()));
    if (batch != nullptr) {
      batch->DeliverTo(pipeline);
      options_.queue->Return(batch);
      pipeline.Flush();
    }
    RunTasks();
  }
  PollFeed();
  pipeline.Finish();
  pipeline.Flush();
  RunTasks();
  Publish(pipeline.latest());
  Save();
  ended_.store(true);
}

void EngineThread::Tick() {
  heartbeat_.fetch_add(1, std::memory_order_relaxed);
  Pipeline& pipeline = *options_.pipeline;
  const std::optional<PacketTime> caught_up = options_.queue->CaughtUpAt();
  // Packets have the time of the host's clock: they cannot be later than it.
  if (caught_up && TimeBetween(*caught_up, pipeline.latest()) > kMinute) {
    options_.log->Warn("the clock was set back");
    pipeline.SetBack(*caught_up);
  }
  PacketTime now = pipeline.latest();
  if (caught_up) {
    now = std::max(now, *caught_up - kSecond);
    pipeline.AdvanceTo(now);
  }
  Publish(now);
  LogLostLines();
  if (Monotonic() < next_minute_) return;
  next_minute_ = Monotonic() + kMinute;
  Save();
  LogLosses();
}

void EngineThread::Publish(PacketTime now) {
  if (options_.publish) options_.publish(*options_.pipeline, now);
}

void EngineThread::PollFeed() {
  if (options_.feed == nullptr) return;
  options_.feed->Poll([this](const SentMail& mail) { options_.pipeline->LearnSent(mail); });
}

void EngineThread::Save() {
  const absl::Status sent = options_.pipeline->SaveSent();
  if (!sent.ok()) options_.log->Warn("sent mail not saved", {{"why", ToStd(sent.message())}});
  const absl::Status floods = options_.pipeline->SaveFloods();
  if (!floods.ok()) options_.log->Warn("floods not saved", {{"why", ToStd(floods.message())}});
}

void EngineThread::LogLosses() {
  const Ledger losses = options_.pipeline->Losses();
  std::vector<std::string> fresh_losses;
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const auto loss = static_cast<Loss>(i);
    const std::uint64_t fresh = losses.Get(loss) - told_.Get(loss);
    if (fresh == 0) continue;
    fresh_losses.push_back(std::string(LossName(loss)) + ":" + std::to_string(fresh));
  }
  told_ = losses;
  if (fresh_losses.empty()) return;
  options_.log->Warn("losses in the last minute", {{"losses", JoinWords(fresh_losses, " ")}});
}

// A full disk loses thousands a second.
void EngineThread::LogLostLines() {
  if (options_.lines == nullptr || options_.lines->reader_gone()) return;
  const std::uint64_t lost = options_.lines->lost_lines();
  if (lost == std::exchange(told_lines_, lost)) return;
  options_.log->Write(lines_limit_, LogLevel::kWarn,
                      "transactions are lost until a reload finds room for them",
                      {{"lost", lost}, {"why", ToStd(options_.lines->status().message())}});
}

}  // namespace backscatter
