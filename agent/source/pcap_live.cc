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

constexpr std::size_t kLeastRing = 1U << 20;
constexpr int kMaxEvents = 64;
constexpr PacketTime kDropsEvery = kSecond;

template <typename Clock>
PacketTime Now() {
  return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

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

absl::Status PcapLiveSource::SetInterfaces(const std::vector<HostInterface>& interfaces) {
  CloseGone();
  const auto is_wanted = [&](int index) {
    return std::ranges::any_of(interfaces, [index](const HostInterface& interface) {
      return interface.index == index && interface.up;
    });
  };
  for (const std::unique_ptr<PcapLane>& lane : lanes_) {
    if (!is_wanted(lane->index())) Close(*lane);
  }
  std::erase(lanes_, nullptr);
  absl::Status all;
  for (const HostInterface& interface : interfaces) {
    const bool open = std::ranges::any_of(
        lanes_, [&](const auto& lane) { return lane->index() == interface.index; });
    if (open || !interface.up) continue;
    const absl::Status status = Add(interface, interfaces.size());
    if (status.ok()) continue;
    std::string text(all.message());
    if (!text.empty()) text += '\n';
    text += std::string(status.message());
    all = absl::Status(all.ok() ? status.code() : all.code(), text);
  }
  return all;
}

absl::Status PcapLiveSource::Add(const HostInterface& interface, std::size_t interfaces) {
  const PcapLaneOptions options = {
      .ring_bytes =
          std::max(kLeastRing, options_.ring_bytes / std::max<std::size_t>(1, interfaces)),
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

// Destroys the lane and leaves a null in lanes_.
void PcapLiveSource::Close(PcapLane& lane) {
  const PcapLane::Drops drops = lane.NewDrops();
  drops_.ring += drops.ring;
  drops_.interface += drops.interface;
  std::erase(waiting_, &lane);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, lane.fd(), nullptr);
  std::ranges::find(lanes_, &lane, &std::unique_ptr<PcapLane>::get)->reset();
}

void PcapLiveSource::CloseGone() {
  for (const std::unique_ptr<PcapLane>& lane : lanes_) {
    if (lane->gone()) Close(*lane);
  }
  std::erase(lanes_, nullptr);
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
  if (waiting_.empty()) return;
  const PacketTime due = Oldest()->packet().captured_at + kHold;
  const PacketTime wait =
      at_once ? 1 : std::clamp<PacketTime>(due - Now<std::chrono::system_clock>(), 1, kHold);
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
  if (any_gone) CloseGone();
}

PcapLane* PcapLiveSource::Oldest() const {
  const auto oldest = std::ranges::min_element(
      waiting_, {}, [](const PcapLane* lane) { return lane->packet().captured_at; });
  return oldest == waiting_.end() ? nullptr : *oldest;
}

std::size_t PcapLiveSource::Deliver(PacketSink& sink) {
  // Before the events: blocks with packets of the time before `now - kHold` were handed over.
  const PacketTime now = Now<std::chrono::system_clock>();
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
    Watch(*lane, true);
    any_gone |= lane->gone();
  }
  if (any_gone) CloseGone();
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
