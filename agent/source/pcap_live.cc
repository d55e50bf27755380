#include "agent/source/pcap_live.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

namespace backscatter {
namespace {

constexpr std::size_t kLeastRing = 512U << 10;  // two blocks
constexpr PacketTime kLeaveWithin = kSecond;    // a lane that is let go of, and its consumer slow
constexpr std::size_t kMostCounted = 100'000;   // packets in one ring
constexpr int kMaxEvents = 64;
constexpr PacketTime kDropsEvery = kSecond;

template <typename Clock>
PacketTime Now() {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

// Why interfaces could not be taken up, as one error.
class Failures {
 public:
  void Add(const absl::Status& status) {
    if (status.ok()) return;
    if (code_ == absl::StatusCode::kOk) code_ = status.code();
    if (!text_.empty()) text_ += '\n';
    text_ += std::string(status.message());
  }
  // There is no memory for its ring.
  void AddBeyond(const std::string& name) {
    if (beyond_++ == 0) first_beyond_ = name;
  }
  absl::Status All() {
    if (beyond_ > 0) {
      Add(absl::ResourceExhaustedError(
          std::to_string(beyond_) + " interfaces are not watched, " + first_beyond_ +
          " the first of them: the rings of the others have all the memory that rings may take; "
          "list those with mail in `interfaces`"));
    }
    return code_ == absl::StatusCode::kOk ? absl::OkStatus() : absl::Status(code_, text_);
  }

 private:
  absl::StatusCode code_ = absl::StatusCode::kOk;
  std::string text_;
  std::size_t beyond_ = 0;
  std::string first_beyond_;
};

int Milliseconds(std::int64_t ns) {
  return static_cast<int>(std::min<std::int64_t>(ns / kMillisecond, 3'600'000));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PcapLiveSource>> PcapLiveSource::Open(
    const PcapLiveOptions& options) {
  FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  FileDescriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  if (!epoll.valid() || !timer.valid() ||
      epoll_ctl(epoll.get(), EPOLL_CTL_ADD, timer.get(), &event) != 0) {
    return absl::ResourceExhaustedError(std::string("pcap: no epoll or timer descriptor: ") +
                                        std::strerror(errno));
  }
  std::unique_ptr<PcapLiveSource> source(
      new PcapLiveSource(options, std::move(epoll), std::move(timer)));
  source->OpenProgram();
  return source;
}

void PcapLiveSource::OpenProgram() {
  if (!options_.program) {
    program_status_ = absl::CancelledError("not asked for");
    return;
  }
  absl::StatusOr<std::unique_ptr<BpfProgram>> program = BpfProgram::Open(BpfKind::kSocket);
  program_status_ = program.status();
  if (!program.ok()) return;
  program_ = *std::move(program);
  rules_status_ = program_->Apply(options_.rules);
}

// Its descriptor, or -1.
int PcapLiveSource::ProgramFor(LinkKind kind) {
  if (program_ == nullptr || kind == LinkKind::kOther) return -1;
  if (kind == LinkKind::kEthernet) return program_->fd();
  if (ip_program_ == nullptr) {
    absl::StatusOr<std::unique_ptr<BpfProgram>> beside = program_->OpenBeside(BpfKind::kSocketIp);
    if (!beside.ok()) return -1;  // then all of it crosses, with weight 1
    ip_program_ = *std::move(beside);
  }
  return ip_program_->fd();
}

absl::Status PcapLiveSource::Start() {
  const FileDescriptor probe(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (probe.valid()) return absl::OkStatus();
  if (errno == EPERM || errno == EACCES) {
    return absl::PermissionDeniedError(
        "pcap: capturing needs CAP_NET_RAW; run as root, give the program the capability (setcap "
        "cap_net_raw+ep FILE), or set AmbientCapabilities=CAP_NET_RAW in its unit");
  }
  return absl::UnavailableError(std::string("pcap: the kernel has no packet sockets: ") +
                                std::strerror(errno));
}

bool PcapLiveSource::IsWatched(int index) const {
  return std::ranges::any_of(
      lanes_, [index](const auto& lane) { return lane->index() == index && !lane->leaving(); });
}

// The bytes of a ring where so many interfaces share them; the least where those that came first
// took the rest; 0: the rings that are there are all that may be. Those that are let go of make
// room at once, though they are there a second longer.
std::size_t PcapLiveSource::RingFor(std::size_t interfaces) const {
  const std::size_t share =
      std::max(kLeastRing, options_.ring_bytes / std::max<std::size_t>(1, interfaces));
  std::size_t used = 0;
  for (const std::unique_ptr<PcapLane>& lane : lanes_) {
    if (!lane->leaving()) used += lane->ring_bytes();
  }
  const std::size_t most = std::max(options_.most_ring_bytes, options_.ring_bytes);
  if (used + share <= most) return share;
  return used + kLeastRing <= most ? kLeastRing : 0;
}

absl::Status PcapLiveSource::SetInterfaces(const std::vector<HostInterface>& interfaces) {
  LetGoOfGone();
  const auto is_wanted = [&](int index) {
    return std::ranges::any_of(interfaces, [index](const HostInterface& interface) {
      return interface.index == index && interface.up;
    });
  };
  for (const std::unique_ptr<PcapLane>& lane : lanes_) {
    if (!lane->leaving() && !is_wanted(lane->index())) LetGo(*lane);
  }
  SetTimer(false);
  Failures failures;
  for (const HostInterface& interface : interfaces) {
    if (!interface.up || IsWatched(interface.index)) continue;
    if (const std::size_t ring_bytes = RingFor(interfaces.size()); ring_bytes == 0) {
      failures.AddBeyond(interface.name);
    } else {
      failures.Add(Add(interface, ring_bytes));
    }
  }
  return failures.All();
}

absl::Status PcapLiveSource::Add(const HostInterface& interface, std::size_t ring_bytes) {
  const PcapLaneOptions options = {
      .ring_bytes = ring_bytes,
      .ports = options_.rules.ports,
      .program = ProgramFor(interface.kind),
      .program_link = interface.kind == LinkKind::kIp ? LinkType::kRaw : LinkType::kEthernet};
  absl::StatusOr<std::unique_ptr<PcapLane>> lane = PcapLane::Open(interface, options);
  if (!lane.ok()) return lane.status();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = lane->get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, (*lane)->fd(), &event) != 0) {
    return absl::ResourceExhaustedError(interface.name +
                                        ": cannot be waited for: " + std::strerror(errno));
  }
  const auto type = static_cast<std::uint32_t>((*lane)->link_type());
  if (std::ranges::find(stats_.link_types, type) == stats_.link_types.end() &&
      stats_.link_types.size() < SourceStats::kMaxLinkTypes) {
    stats_.link_types.push_back(type);
  }
  lanes_.push_back(*std::move(lane));
  return absl::OkStatus();
}

// It captures nothing more, and what it has is still handed on.
void PcapLiveSource::LetGo(PcapLane& lane) {
  lane.Leave();
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, lane.fd(), nullptr);
  leaving_.push_back({&lane, Now<std::chrono::steady_clock>()});
}

void PcapLiveSource::LetGoOfGone() {
  for (const std::unique_ptr<PcapLane>& lane : lanes_) {
    if (lane->gone() && !lane->leaving()) LetGo(*lane);
  }
}

// What the lanes that are let go of still have; closes those that had their time.
void PcapLiveSource::PeekLeaving() {
  const PacketTime now = Now<std::chrono::steady_clock>();
  std::erase_if(leaving_, [&](const Leaving& leaving) {
    PcapLane& lane = *leaving.lane;
    const bool waits = lane.has_packet();
    if (!waits && lane.Peek()) waiting_.push_back(&lane);
    const PacketTime most = lane.has_packet() ? kLeaveWithin : kHold;
    if (now - leaving.since < most) return false;
    Close(lane);
    return true;
  });
}

// Destroys a lane that was let go of. What it still has is counted as lost.
void PcapLiveSource::Close(PcapLane& lane) {
  const PcapLane::Drops drops = lane.NewDrops();
  drops_.ring += drops.ring;
  drops_.interface += drops.interface;
  std::erase(waiting_, &lane);
  for (std::size_t i = 0; i < kMostCounted && lane.Peek(); ++i) {
    lane.Take();
    ++drops_.ring;
  }
  std::erase_if(lanes_, [&lane](const auto& each) { return each.get() == &lane; });
}

void PcapLiveSource::Apply(const CaptureRules& rules) {
  const bool same_ports = rules.ports == options_.rules.ports;
  if (rules.sampling_ratio != options_.rules.sampling_ratio) {
    former_ratio_ = options_.rules.sampling_ratio;
    ratio_changed_at_ = Now<std::chrono::system_clock>();
  }
  options_.rules = rules;
  if (program_ != nullptr) rules_status_ = program_->Apply(rules);
  if (same_ports) return;
  for (const std::unique_ptr<PcapLane>& lane : lanes_) {
    if (lane->has_program()) continue;
    // Refused only for want of memory; then more than is needed passes, and the decoder sorts it.
    (void)lane->SetPorts(rules.ports);
  }
}

// A lane with a packet at hand stays readable; whoever waits for fd() would never sleep.
void PcapLiveSource::Watch(PcapLane& lane, bool readable) {
  epoll_event event{};
  event.events = readable ? EPOLLIN : 0U;
  event.data.ptr = &lane;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, lane.fd(), &event);
}

void PcapLiveSource::SetTimer(bool at_once) {
  if (waiting_.empty() && leaving_.empty()) return;
  PacketTime wait = leaving_.empty() ? kHold : PcapLane::kBlockMs * kMillisecond;
  if (!waiting_.empty()) {
    const PacketTime due = Oldest()->packet().captured_at + kHold;
    wait = std::clamp<PacketTime>(due - Now<std::chrono::system_clock>(), 1, wait);
  }
  if (at_once) wait = 1;
  itimerspec timer{};
  timer.it_value.tv_nsec = wait;
  timerfd_settime(timer_.get(), 0, &timer, nullptr);
}

void PcapLiveSource::TakeEvents(int wait_ms) {
  std::array<epoll_event, kMaxEvents> events;
  const int count = epoll_wait(epoll_.get(), events.data(), kMaxEvents, wait_ms);
  bool any_gone = false;
  for (int i = 0; i < count; ++i) {
    auto* const lane = static_cast<PcapLane*>(events[static_cast<std::size_t>(i)].data.ptr);
    if (lane == nullptr) {
      std::uint64_t expirations;
      (void)!read(timer_.get(), &expirations, sizeof expirations);
      continue;
    }
    if (lane->has_packet()) continue;
    if (lane->Peek()) {
      waiting_.push_back(lane);
      Watch(*lane, false);
    }
    any_gone |= lane->gone();
  }
  if (any_gone) LetGoOfGone();
}

PcapLane* PcapLiveSource::Oldest() const {
  const auto oldest = std::ranges::min_element(
      waiting_, {}, [](const PcapLane* lane) { return lane->packet().captured_at; });
  return oldest == waiting_.end() ? nullptr : *oldest;
}

std::size_t PcapLiveSource::Deliver(PacketSink& sink) {
  // Before the events: blocks with packets of the time before `now - kHold` were handed over.
  const PacketTime now = Now<std::chrono::system_clock>();
  PeekLeaving();
  if (waiting_.size() < lanes_.size()) TakeEvents(0);
  std::size_t delivered = 0;
  bool any_gone = false;
  while (delivered < kBatch) {
    PcapLane* const lane = Oldest();
    if (lane == nullptr) break;
    const PacketTime age = now - lane->packet().captured_at;
    if (waiting_.size() < lanes_.size() && age >= 0 && age < kHold) break;
    Hand(*lane, sink);
    ++delivered;
    lane->Take();
    if (lane->Peek()) continue;
    std::erase(waiting_, lane);
    if (!lane->leaving()) Watch(*lane, true);
    any_gone |= lane->gone();
  }
  if (any_gone) LetGoOfGone();
  SetTimer(delivered == kBatch);
  return delivered;
}

void PcapLiveSource::Hand(const PcapLane& lane, PacketSink& sink) {
  Packet packet = lane.packet();
  if (lane.has_program()) {
    packet.weight = 1 / (packet.captured_at < ratio_changed_at_ ? former_ratio_
                                                                : options_.rules.sampling_ratio);
  }
  stats_.first =
      stats_.packets == 0 ? packet.captured_at : std::min(stats_.first, packet.captured_at);
  stats_.last =
      stats_.packets == 0 ? packet.captured_at : std::max(stats_.last, packet.captured_at);
  ++stats_.packets;
  stats_.bytes += packet.bytes.size();
  stats_.input_bytes += packet.bytes.size();
  sink.OnPacket(packet);
  if (!packet.cut && packet.wire_length > packet.bytes.size()) {
    sink.OnLoss(Loss::kSourceTruncatedPackets, 1);
  }
}

void PcapLiveSource::ReportDrops(PacketSink& sink, PacketTime now) {
  if (now - drops_read_ >= kDropsEvery) {
    drops_read_ = now;
    for (const std::unique_ptr<PcapLane>& lane : lanes_) {
      const PcapLane::Drops drops = lane->NewDrops();
      drops_.ring += drops.ring;
      drops_.interface += drops.interface;
    }
    if (program_ != nullptr) {
      const BpfCounters counters = program_->Counters();
      TellBpfLosses(std::exchange(counters_, counters), counters, sink);
    }
  }
  const PcapLane::Drops drops = std::exchange(drops_, {});
  if (drops.ring > 0) sink.OnLoss(Loss::kSourceRingFull, drops.ring);
  if (drops.interface > 0) sink.OnLoss(Loss::kSourceInterfaceDrops, drops.interface);
}

absl::StatusOr<PollResult> PcapLiveSource::Poll(PacketSink& sink, std::int64_t max_wait) {
  const PacketTime begin = Now<std::chrono::steady_clock>();
  ReportDrops(sink, begin);
  std::int64_t left = max_wait;
  while (true) {
    if (Deliver(sink) > 0) return PollResult::kProgressed;
    if (left < kMillisecond) return PollResult::kIdle;
    TakeEvents(Milliseconds(left));
    left = max_wait - (Now<std::chrono::steady_clock>() - begin);
  }
}

}  // namespace backscatter
