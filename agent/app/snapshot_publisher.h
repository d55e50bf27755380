// Puts together what /metrics and the API show, once a second.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/app/config.h"
#include "agent/app/pipeline.h"
#include "agent/app/snapshot_box.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/report/live_counts.h"
#include "agent/report/live_snapshot.h"
#include "agent/source/source.h"
#include "exporters/metric_labels.h"

namespace backscatter {

LiveCountsOptions MakeLiveOptions(const Config& config, const HashKey& key);
void AddSourceStats(const SourceStats& stats, LiveSnapshot& snapshot);

// Everything but SetReload is for the engine's thread, or for the time before it runs.
class SnapshotPublisher final : public FloodListener {
 public:
  struct Options {
    LiveCountsOptions counts;
    Labeller labeller;
    double sampling_ratio = 1;
    bool feed_tells_all = false;  // as in EvidenceOptions
    std::uint64_t ring_bytes = 0;
    SnapshotBox* box = nullptr;  // outlives this
  };
  explicit SnapshotPublisher(Options options);

  // To be told of every transaction and session.
  LiveCounts& counts() { return counts_; }
  const Labeller& labeller() const { return options_.labeller; }

  // What fills in what the capture knows: `run`, packets, programs.
  void SetSource(std::function<void(LiveSnapshot&)> add_source) {
    add_source_ = std::move(add_source);
  }

  void OnRaised(const Flood& flood) override;
  void OnUpdated(const Flood&) override {}
  void OnCleared(const Flood& flood) override;

  // The box and the ring stay.
  void Reconfigure(Options options);
  // From any thread: how the last reload went, and when.
  void SetReload(bool worked, PacketTime at);

  // `now`: up to where packets are counted; `wall`: the clock of the host.
  void Publish(const Pipeline& pipeline, PacketTime now, PacketTime wall);

  // How a canonical target of a domain (either may be empty) and who is behind a path of a RCPT are
  // named outside.
  TargetLabel LabelOf(std::string_view target, std::string_view domain) const;
  TargetLabel LabelOf(const Flood& flood) const { return LabelOf(flood.target, flood.domain); }
  TargetLabel LabelOfPath(std::string_view path);

 private:
  // What tells a flood from every other.
  using FloodId = std::tuple<FloodKind, std::string, std::string, std::string, PacketTime>;
  static FloodId IdOf(const Flood& flood) {
    return {flood.kind, flood.domain, flood.target, flood.network, flood.start};
  }
  void LearnDomains(const std::vector<Flood>& floods);
  void AddFloods(const Pipeline& pipeline, PacketTime wall, LiveSnapshot& snapshot);

  Options options_;
  std::function<void(LiveSnapshot&)> add_source_;
  LiveCounts counts_;
  std::uint64_t number_ = 0;
  std::set<FloodId> on_;
  std::vector<PacketTime> untold_;  // when the packets came that made floods which no snapshot has
  std::array<std::uint64_t, kFloodKinds> raised_ = {};
  DelayHistogram delay_;
  std::atomic<bool> reload_ok_{true};
  std::atomic<PacketTime> reloaded_at_{0};
};

}  // namespace backscatter
