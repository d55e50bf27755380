#include "agent/source/bpf_source.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace backscatter {
namespace {

constexpr std::size_t kBatch = 4096;  // records a Poll
constexpr std::int64_t kPatience = 50 * kMillisecond;
constexpr std::int64_t kCountEvery = kSecond;
constexpr std::int64_t kReadClocksEvery = 10 * kSecond;

std::int64_t Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * kSecond + now.tv_nsec;
}

// Of a few tries the one with the least between the two readings.
std::int64_t RealMinusMonotonic() {
  std::int64_t best = 0;
  std::int64_t least = -1;
  for (int i = 0; i < 5; ++i) {
    const std::int64_t before = Now(CLOCK_MONOTONIC);
    const std::int64_t real = Now(CLOCK_REALTIME);
    const std::int64_t after = Now(CLOCK_MONOTONIC);
    if (least >= 0 && after - before >= least) continue;
    least = after - before;
    best = real - (before + (after - before) / 2);
  }
  return best;
}

absl::Status SystemError(const char* what) {
  return absl::UnavailableError(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BpfSource>> BpfSource::Open(const BpfSourceOptions& options) {
  std::unique_ptr<BpfSource> source(new BpfSource(options));
  auto program = BpfProgram::Open(BpfKind::kEthernet, options.program);
  if (!program.ok()) return program.status();
  source->ethernet_ = *std::move(program);
  source->Apply(options.rules);
  if (absl::Status status = source->OpenEvents(); !status.ok()) return status;
  if (options.run_stats) {
    absl::StatusOr<FileDescriptor> stats = EnableBpfRunStats();
    source->run_stats_status_ = stats.status();
    if (stats.ok()) source->run_stats_ = *std::move(stats);
  }
  return source;
}

absl::Status BpfSource::OpenEvents() {
  events_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  timer_ = FileDescriptor(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!events_.valid() || !timer_.valid()) return SystemError("waiting for the kernel program");
  // Edges: the ring is readable whenever it holds a record, and that is not when to wake up.
  for (const int fd : {ethernet_->ring_fd(), timer_.get()}) {
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = fd;
    if (epoll_ctl(events_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return SystemError("waiting for the kernel program");
    }
  }
  return absl::OkStatus();
}

absl::Status BpfSource::Start() {
  to_packet_time_ = RealMinusMonotonic();
  clocks_read_at_ = counted_at_ = Now(CLOCK_MONOTONIC);
  // Where another agent holds the lock, what is there is its own.
  if (lock_.Take().ok()) {
    auto removed = RemoveStaleBpfFilters(lock_);
    ReleaseUnusedLock();
    if (!removed.ok()) return removed.status();
    stale_filters_ = *removed;
  }
  SetTimer();
  return absl::OkStatus();
}

void BpfSource::Apply(const CaptureRules& rules) { rules_status_ = ethernet_->Apply(rules); }

absl::StatusOr<int> BpfSource::ProgramFor(LinkKind kind) {
  switch (kind) {
    case LinkKind::kEthernet:
      return ethernet_->fd();
    case LinkKind::kIp: {
      if (ip_ == nullptr) {
        auto program = ethernet_->OpenBeside(BpfKind::kIp);
        if (!program.ok()) return program.status();
        ip_ = *std::move(program);
      }
      return ip_->fd();
    }
    case LinkKind::kOther:
      break;
  }
  return absl::UnimplementedError("its frames begin with neither an Ethernet header nor IP");
}

absl::Status BpfSource::AttachTo(const HostInterface& interface) {
  const auto program = ProgramFor(interface.kind);
  if (!program.ok()) return program.status();
  // lo shows each packet twice, going out and coming in.
  auto attachment =
      BpfAttachment::Attach(interface.index, *program, options_.attach, interface.loopback, lock_);
  if (!attachment.ok()) return attachment.status();
  attached_.emplace(interface.index, *std::move(attachment));
  return absl::OkStatus();
}

absl::Status BpfSource::SetInterfaces(const std::vector<HostInterface>& interfaces) {
  std::erase_if(attached_, [&interfaces](const auto& entry) {
    return std::none_of(interfaces.begin(), interfaces.end(), [&entry](const HostInterface& each) {
      return each.index == entry.first && each.up;
    });
  });
  std::string failed;
  absl::StatusCode code = absl::StatusCode::kOk;
  for (const HostInterface& interface : interfaces) {
    if (!interface.up || attached_.contains(interface.index)) continue;
    const absl::Status status = AttachTo(interface);
    if (status.ok()) continue;
    if (code == absl::StatusCode::kOk) code = status.code();
    failed += (failed.empty() ? "" : "; ") + interface.name + ": " + std::string(status.message());
  }
  ReleaseUnusedLock();
  return failed.empty() ? absl::OkStatus() : absl::Status(code, failed);
}

void BpfSource::ReleaseUnusedLock() {
  const bool used = std::any_of(attached_.begin(), attached_.end(), [](const auto& entry) {
    return entry.second.mode() == BpfAttachMode::kClsact;
  });
  if (!used) lock_.Release();
}

BpfAttachMode BpfSource::attached_by() const {
  return attached_.empty() ? BpfAttachMode::kAuto : attached_.begin()->second.mode();
}

// Until there is a share of the ring to read, or time is up.
void BpfSource::Wait(std::int64_t most) {
  const std::int64_t until = std::min(most, kPatience);
  epoll_event events[2];
  epoll_wait(events_.get(), events, 2,
             static_cast<int>(std::max<std::int64_t>(until, 0) / kMillisecond));
}

// Whoever waits for fd() is to come back also for what is too little to wake up for.
void BpfSource::SetTimer() {
  itimerspec soon = {};
  soon.it_value.tv_nsec = more_ ? 1 : kPatience;
  timerfd_settime(timer_.get(), 0, &soon, nullptr);
}

std::size_t BpfSource::DrainRing(PacketSink& sink) {
  records_.Begin(&sink, to_packet_time_);
  return ethernet_->ring().Drain(records_, kBatch);
}

absl::StatusOr<PollResult> BpfSource::Poll(PacketSink& sink, std::int64_t max_wait) {
  const std::int64_t began = Now(CLOCK_MONOTONIC);
  std::int64_t now = began;
  if (now - clocks_read_at_ >= kReadClocksEvery) {
    to_packet_time_ = RealMinusMonotonic();
    clocks_read_at_ = now;
  }
  std::size_t count = 0;
  do {
    Wait(more_ ? 0 : began + max_wait - now);
    count = DrainRing(sink);
    more_ = count == kBatch;
    now = Now(CLOCK_MONOTONIC);
  } while (count == 0 && now < began + max_wait);
  if (now - counted_at_ >= kCountEvery || (count == 0 && max_wait <= 0)) {
    Count(sink);
    counted_at_ = now;
  }
  SetTimer();
  return count > 0 ? PollResult::kProgressed : PollResult::kIdle;
}

void BpfSource::Count(PacketSink& sink) {
  const BpfCounters now = ethernet_->Counters();
  TellBpfLosses(counters_, now, sink);
  counters_ = now;
  if (!options_.run_stats || !run_stats_status_.ok()) return;
  runs_.clear();
  const auto add = [this](const BpfProgram* program, std::string_view name) {
    if (program == nullptr) return;
    if (auto runs = BpfRunsOf(program->fd(), name)) runs_.push_back(*std::move(runs));
  };
  add(ethernet_.get(), "ethernet");
  add(ip_.get(), "ip");
}

SourceStats BpfSource::Stats() const {
  SourceStats stats;
  stats.packets = counters_[BS_PACKETS];
  stats.bytes = counters_[BS_PACKET_BYTES];
  stats.input_bytes = records_.bytes();
  stats.first = records_.first();
  stats.last = records_.last();
  stats.programs = runs_;
  return stats;
}

}  // namespace backscatter
