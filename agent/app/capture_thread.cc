#include "agent/app/capture_thread.h"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/app/words.h"
#include "agent/base/abseil_bridge.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr int kKeptWaitMs = 5;                         // where a batch waits for the engine
constexpr int kMaxWaitMs = 250;                        // heartbeats and rules
constexpr std::chrono::milliseconds kSettle{100};      // blocks of libpcap, and its merge by time
constexpr std::chrono::milliseconds kDrainFor{500};    // what the kernel still has
constexpr std::chrono::milliseconds kLossesFor{1000};  // for a free batch at the end

IpNetwork HostNetwork(const IpAddress& address) { return *IpNetwork::Parse(address.ToString()); }

bool IsOn(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool operator==(const InterfaceState& a, const InterfaceState& b) {
  return a.watched == b.watched && a.addresses == b.addresses;
}

CaptureThread::CaptureThread(std::unique_ptr<LiveSource> source,
                             std::unique_ptr<InterfaceWatcher> watcher, Options options)
    : source_(std::move(source)),
      watcher_(std::move(watcher)),
      options_(std::move(options)),
      writer_(options_.queue) {}

CaptureThread::~CaptureThread() {
  Stop();
  Join();
}

std::vector<HostInterface> CaptureThread::Wanted() const {
  std::vector<HostInterface> wanted;
  for (const HostInterface& interface : watcher_->interfaces()) {
    const bool chosen = options_.interfaces.empty() || IsOn(options_.interfaces, interface.name);
    if (interface.up && chosen) wanted.push_back(interface);
  }
  return wanted;
}

absl::Status CaptureThread::TakeUp() {
  const std::vector<HostInterface> wanted = Wanted();
  absl::Status status = source_->SetInterfaces(wanted);
  PublishState(wanted);
  return status;
}

void CaptureThread::PublishState(const std::vector<HostInterface>& wanted) {
  InterfaceState now;
  for (const HostInterface& interface : wanted) {
    if (source_->IsWatched(interface.index)) now.watched.push_back(interface.name);
  }
  for (const HostInterface& interface : watcher_->interfaces()) {
    for (const IpAddress& address : interface.addresses) {
      now.addresses.push_back(HostNetwork(address));
    }
  }
  const std::lock_guard lock(mutex_);
  if (now == state_) return;
  state_ = std::move(now);
  options_.news->Ring();
}

absl::Status CaptureThread::Start(const CaptureRules& rules) {
  for (const std::string& name : options_.interfaces) {
    const auto& known = watcher_->interfaces();
    const auto found = std::ranges::find(known, name, &HostInterface::name);
    if (found == known.end()) {
      std::vector<std::string> names;
      for (const HostInterface& other : known) names.push_back(EscapeForTerminal(other.name));
      return absl::NotFoundError("interface " + EscapeForTerminal(name) +
                                 " is not there; this host has " + JoinWords(names));
    }
  }
  ApplyNow(rules);
  if (const absl::Status status = source_->Start(); !status.ok()) return status;
  const absl::Status status = TakeUp();
  if (!status.ok() && state().watched.empty()) return status;
  if (!status.ok()) {
    options_.log->Warn("some interfaces cannot be watched", {{"why", ToStd(status.message())}});
  }
  return absl::OkStatus();
}

void CaptureThread::ApplyNow(const CaptureRules& rules) {
  source_->Apply(rules);
  absl::Status status = source_->rules_status();
  if (status == rules_status_) return;  // said before
  rules_status_ = std::move(status);
  if (rules_status_.ok()) return;
  options_.log->Warn("not all of the configuration reaches the kernel",
                     {{"why", ToStd(rules_status_.message())}});
}

void CaptureThread::Run() {
  thread_ = std::thread([this] { Loop(); });
}

void CaptureThread::Stop() {
  stop_.store(true);
  wake_.Ring();
}

void CaptureThread::Join() {
  if (thread_.joinable()) thread_.join();
}

void CaptureThread::Apply(const CaptureRules& rules) {
  {
    const std::lock_guard lock(mutex_);
    rules_ = rules;
  }
  wake_.Ring();
}

InterfaceState CaptureThread::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}
SourceStats CaptureThread::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}
absl::Status CaptureThread::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void CaptureThread::WaitForPackets() {
  pollfd fds[3] = {
      {source_->fd(), POLLIN, 0}, {watcher_->fd(), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
  if (poll(fds, 3, kept_ ? kKeptWaitMs : kMaxWaitMs) <= 0) return;
  if (fds[1].revents != 0) PollInterfaces();
  if (fds[2].revents == 0) return;
  wake_.Take();
  std::optional<CaptureRules> rules;
  {
    const std::lock_guard lock(mutex_);
    rules = std::exchange(rules_, std::nullopt);
  }
  if (rules) ApplyNow(*rules);
}

void CaptureThread::PollInterfaces() {
  const absl::StatusOr<bool> changed = watcher_->Poll();
  if (!changed.ok()) {
    options_.log->Write(interface_limit_, LogLevel::kWarn, "changes of interfaces are not seen",
                        {{"why", ToStd(changed.status().message())}});
    return;
  }
  if (!*changed) return;
  const absl::Status status = TakeUp();
  if (status.ok()) return;
  // With a list of interfaces all rights are gone by now.
  const bool gave_up = absl::IsPermissionDenied(status) && !options_.interfaces.empty();
  options_.log->Write(
      interface_limit_, LogLevel::kWarn,
      gave_up ? "an interface that came back needs a restart" : "some interfaces cannot be watched",
      {{"why", ToStd(status.message())}});
}

void CaptureThread::Loop() {
  while (!stop_.load()) {
    heartbeat_.fetch_add(1, std::memory_order_relaxed);
    WaitForPackets();
    const PacketTime before = Log::SystemTime();
    const absl::StatusOr<PollResult> result = source_->Poll(writer_, 0);
    kept_ = !writer_.Flush();
    if (!kept_ && result.ok() && *result == PollResult::kIdle) {
      options_.queue->MarkCaughtUp(before);
    }
    const std::lock_guard lock(mutex_);
    stats_ = source_->Stats();
    if (result.ok() && *result != PollResult::kEnded) continue;
    if (!result.ok()) failure_ = result.status();
    break;
  }
  Drain();
  ended_.store(true);
  options_.news->Ring();
}

// Until nothing comes any more, at least until `least`, at most until `most`.
void CaptureThread::PollUntilIdle(Clock::time_point least, Clock::time_point most) {
  while (Clock::now() < most) {
    const absl::StatusOr<PollResult> result = source_->Poll(writer_, 0);
    writer_.FlushAll();
    if (!result.ok() || *result == PollResult::kEnded) return;
    if (*result == PollResult::kProgressed) continue;
    if (Clock::now() >= least) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// Nothing that the kernel counted is lost at the end, and no count of losses either.
void CaptureThread::Drain() {
  const Clock::time_point start = Clock::now();
  writer_.FlushAll();  // what was kept back
  if (failure().ok()) {
    (void)source_->SetInterfaces({});
    // What was captured before may still wait in the kernel.
    PollUntilIdle(start + kSettle, start + kDrainFor);
  }
  while (writer_.HasLosses() && Clock::now() - start < kLossesFor) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    writer_.FlushAll();
  }
  {
    const std::lock_guard lock(mutex_);
    stats_ = source_->Stats();
  }
  options_.queue->Close();
}

}  // namespace backscatter
