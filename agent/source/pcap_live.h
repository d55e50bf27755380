// Live capture by libpcap: one packet socket an interface, their packets in order of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/source/bpf_program.h"
#include "agent/source/live_source.h"
#include "agent/source/pcap_lane.h"

namespace backscatter {

struct PcapLiveOptions {
  CaptureRules rules = {};
  std::size_t ring_bytes = 16U << 20;       // shared by the interfaces; none gets less than 512 KiB
  std::size_t most_ring_bytes = 64U << 20;  // all together; interfaces beyond are not watched
  bool program = true;                      // cut and sample in the kernel, where it allows that
};

// Where the host allows it, the kernel program is the filter of the sockets: bodies of ordinary
// mail and sessions that were not chosen do not cross. Else a classic filter by port, and
// everything of those ports crosses; the sampling is then for whoever takes the packets.
//
// Needs CAP_NET_RAW, also later for interfaces that are new. Never captures from `any`: a tag, the
// interface and the direction of a frame would be lost.
//
// Every interface has blocks of its own, handed over at times of its own. So that the streams are
// merged by time, a packet waits until no interface can still hold an older one, kHold at most;
// with a single interface nothing waits. An interface that is let go of stays for as long, so that
// what was captured of it comes too. A clock that is set meanwhile costs order, not packets.
// Not thread-safe.
class PcapLiveSource final : public LiveSource {
 public:
  static constexpr std::size_t kBatch = 1024;  // packets a Poll
  static constexpr PacketTime kHold = 3 * PcapLane::kBlockMs * kMillisecond;

  // With the program this takes about half a second.
  static absl::StatusOr<std::unique_ptr<PcapLiveSource>> Open(const PcapLiveOptions& options);

  // Fails where packets may not be captured at all.
  absl::Status Start() override;
  absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) override;
  SourceStats Stats() const override { return stats_; }
  std::string_view Name() const override { return "pcap"; }
  absl::Status SetInterfaces(const std::vector<HostInterface>& interfaces) override;
  bool IsWatched(int index) const override;
  void Apply(const CaptureRules& rules) override;
  absl::Status rules_status() const override { return rules_status_; }
  int fd() const override { return epoll_.get(); }
  bool samples() const override { return program_ != nullptr; }

  // Why the kernel does not cut and sample; OK: it does.
  const absl::Status& program_status() const { return program_status_; }
  std::size_t open_interfaces() const { return lanes_.size() - leaving_.size(); }

 private:
  PcapLiveSource(const PcapLiveOptions& options, FileDescriptor epoll, FileDescriptor timer)
      : options_(options), epoll_(std::move(epoll)), timer_(std::move(timer)) {}
  void OpenProgram();
  int ProgramFor(LinkKind kind);
  std::size_t RingFor(std::size_t interfaces) const;
  absl::Status Add(const HostInterface& interface, std::size_t ring_bytes);
  void LetGo(PcapLane& lane);
  void LetGoOfGone();
  void PeekLeaving();
  void Close(PcapLane& lane);
  void Watch(PcapLane& lane, bool readable);
  void TakeEvents(int wait_ms);
  void SetTimer(bool at_once);
  PcapLane* Oldest() const;
  std::size_t Deliver(PacketSink& sink);
  void Hand(const PcapLane& lane, PacketSink& sink);
  void ReportDrops(PacketSink& sink, PacketTime now);

  PcapLiveOptions options_;
  FileDescriptor epoll_;  // the lanes that wait for packets, and the timer
  FileDescriptor timer_;  // when the oldest packet at hand is due
  std::vector<std::unique_ptr<PcapLane>> lanes_;
  struct Leaving {
    PcapLane* lane;
    PacketTime since;  // monotonic
  };
  std::vector<Leaving> leaving_;    // of the lanes; no event tells of them
  std::vector<PcapLane*> waiting_;  // with a packet at hand; they are not watched meanwhile
  PcapLane::Drops drops_;           // not reported yet
  PacketTime drops_read_ = 0;
  SourceStats stats_;

  std::unique_ptr<BpfProgram> program_;     // null: there is none
  std::unique_ptr<BpfProgram> ip_program_;  // once there is such an interface
  absl::Status program_status_;
  absl::Status rules_status_;  // of its tables
  BpfCounters counters_ = {};  // as told last
  double former_ratio_ = 1;    // of the sampling, before
  PacketTime ratio_changed_at_ = 0;
};

}  // namespace backscatter
