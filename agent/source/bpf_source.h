// Live capture by the kernel program: bodies of ordinary mail stay in the kernel.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/source/bpf_attach.h"
#include "agent/source/bpf_program.h"
#include "agent/source/bpf_records.h"
#include "agent/source/bpf_run_stats.h"
#include "agent/source/live_source.h"

namespace backscatter {

struct BpfSourceOptions {
  CaptureRules rules;
  BpfAttachMode attach = BpfAttachMode::kAuto;
  BpfOptions program;
  bool run_stats = false;  // Stats tells how long the programs run, where the kernel lets it
};

// Hands on segments, not packets. Records wait in the ring until a share of it is full or 50 ms
// have passed, so that a busy gateway costs few wake-ups.
// To stop: SetInterfaces({}), then Poll(sink, 0) until kIdle hands on what still waits.
class BpfSource final : public LiveSource {
 public:
  // Loads the program, which needs its capabilities (see BpfProgram::Open); attaches to nothing.
  static absl::StatusOr<std::unique_ptr<BpfSource>> Open(const BpfSourceOptions& options);

  // Removes from all interfaces what a killed agent left there, and nothing of one that lives.
  absl::Status Start() override;
  absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) override;
  // `packets` and `bytes` are those of watched ports on the wire, as of the last count.
  SourceStats Stats() const override;
  std::string_view Name() const override { return "bpf"; }

  absl::Status SetInterfaces(const std::vector<HostInterface>& interfaces) override;
  bool IsWatched(int index) const override { return attached_.contains(index); }
  void Apply(const CaptureRules& rules) override;
  absl::Status rules_status() const override { return rules_status_; }
  int fd() const override { return events_.get(); }

  // Why the run time of the programs is not told, where that was asked.
  const absl::Status& run_stats_status() const { return run_stats_status_; }
  // How it is attached now; kAuto: to nothing.
  BpfAttachMode attached_by() const;
  // As of the last count: once a second, and with each Poll(sink, 0) that found nothing.
  const BpfCounters& counters() const { return counters_; }
  std::size_t stale_filters() const { return stale_filters_; }  // that Start removed

 private:
  explicit BpfSource(const BpfSourceOptions& options) : options_(options) {}
  absl::Status OpenEvents();
  absl::StatusOr<int> ProgramFor(LinkKind kind);
  absl::Status AttachTo(const HostInterface& interface);
  void ReleaseUnusedLock();
  std::size_t DrainRing(PacketSink& sink);
  void Wait(std::int64_t most);
  void SetTimer();
  void Count(PacketSink& sink);

  const BpfSourceOptions options_;
  std::unique_ptr<BpfProgram> ethernet_;
  std::unique_ptr<BpfProgram> ip_;         // when there is such an interface
  BpfFilterLock lock_;                     // goes behind what is attached
  std::map<int, BpfAttachment> attached_;  // by interface
  FileDescriptor events_;                  // epoll: the ring and the timer
  FileDescriptor timer_;
  BpfRecords records_;
  BpfCounters counters_ = {};
  absl::Status rules_status_;
  absl::Status run_stats_status_;
  FileDescriptor run_stats_;       // as long as it is open the kernel measures
  std::vector<ProgramRuns> runs_;  // as of the last count
  std::size_t stale_filters_ = 0;
  bool more_ = false;            // the last Poll left records in the ring
  std::int64_t counted_at_ = 0;  // monotonic
  std::int64_t to_packet_time_ = 0;
  std::int64_t clocks_read_at_ = 0;
};

}  // namespace backscatter
