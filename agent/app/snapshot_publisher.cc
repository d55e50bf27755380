#include "agent/app/snapshot_publisher.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace backscatter {
namespace {

constexpr std::size_t kMostEndedFloods = 100;  // that a snapshot tells of
constexpr std::size_t kMostKnownFloods = 4096;

// The open ones, and the latest of those that ended.
std::vector<Flood> Latest(std::vector<Flood> floods) {
  auto ended = static_cast<std::size_t>(
      std::ranges::count_if(floods, [](const Flood& flood) { return flood.end.has_value(); }));
  std::erase_if(floods, [&](const Flood& flood) {
    return flood.end.has_value() && ended-- > kMostEndedFloods;
  });
  return floods;
}

}  // namespace

LiveCountsOptions MakeLiveOptions(const Config& config, const HashKey& key) {
  return {.top = config.labels_top_k,
          .prefix_v4 = config.source_prefix_v4,
          .prefix_v6 = config.source_prefix_v6,
          .target = config.targets,
          .local = LocalNetworks(config.local_networks),
          .local_domains = config.local_domains,
          .hash_key = key};
}

void AddSourceStats(const SourceStats& stats, LiveSnapshot& snapshot) {
  snapshot.packets = stats.packets;
  snapshot.packet_bytes = stats.bytes;
  for (const ProgramRuns& runs : stats.programs) {
    snapshot.bpf_programs.push_back(
        {runs.program, static_cast<double>(runs.nanoseconds) / 1e9, runs.runs});
  }
}

SnapshotPublisher::SnapshotPublisher(Options options)
    : options_(std::move(options)), counts_(options_.counts) {}

void SnapshotPublisher::Reconfigure(Options options) {
  counts_.Reconfigure(options.counts);
  options.box = options_.box;
  options.ring_bytes = options_.ring_bytes;
  options_ = std::move(options);
}

void SnapshotPublisher::SetReload(bool worked, PacketTime at) {
  reload_ok_.store(worked);
  if (worked) reloaded_at_.store(at);
}

void SnapshotPublisher::OnRaised(const Flood& flood) {
  if (on_.size() >= kMostKnownFloods) on_.clear();
  if (!on_.insert(IdOf(flood)).second) return;  // it is only surer now
  ++raised_[static_cast<std::size_t>(flood.kind)];
  untold_.push_back(flood.last);
}

void SnapshotPublisher::OnCleared(const Flood& flood) { on_.erase(IdOf(flood)); }

TargetLabel SnapshotPublisher::LabelOf(std::string_view target, std::string_view domain) const {
  return options_.labeller.Label(target, counts_.IsOurs(domain) ? domain : std::string_view());
}

TargetLabel SnapshotPublisher::LabelOfPath(std::string_view path) {
  const LiveCounts::Place place = counts_.PlaceOf(path);
  return options_.labeller.Label(place.address, place.domain);
}

// Without its domain a flood that a run before this one saw would be another to Prometheus, until
// mail teaches the domain. Only of kinds for which the server took mail in, bodies and all: made-up
// recipients can be of any domain.
void SnapshotPublisher::LearnDomains(const std::vector<Flood>& floods) {
  for (const Flood& flood : floods) {
    if (flood.kind == FloodKind::kJoeJob || flood.kind == FloodKind::kBounceLoop) {
      counts_.LearnDomain(flood.domain);
    }
  }
}

void SnapshotPublisher::AddFloods(const Pipeline& pipeline, PacketTime wall,
                                  LiveSnapshot& snapshot) {
  snapshot.floods = Latest(pipeline.Floods());
  if (snapshot.number == 1) LearnDomains(snapshot.floods);
  snapshot.flood_labels.reserve(snapshot.floods.size());
  for (const Flood& flood : snapshot.floods) snapshot.flood_labels.push_back(LabelOf(flood));
  snapshot.floods_raised = raised_;
  for (const PacketTime at : untold_) {
    const PacketTime delay = std::max<PacketTime>(TimeBetween(at, wall), 0);
    delay_.Observe(static_cast<double>(delay) / 1e9);
  }
  untold_.clear();
  snapshot.detection_delay = delay_;
}

void SnapshotPublisher::Publish(const Pipeline& pipeline, PacketTime now, PacketTime wall) {
  auto snapshot = std::make_shared<LiveSnapshot>();
  snapshot->number = ++number_;
  snapshot->made_at = wall;
  snapshot->packet_time = now;
  snapshot->version = BACKSCATTER_VERSION;
  snapshot->revision = BACKSCATTER_REVISION;
  if (add_source_) add_source_(*snapshot);
  snapshot->run.sampling = options_.sampling_ratio;
  snapshot->ring_buffer_bytes = std::bit_ceil(options_.ring_bytes);  // as the kernel has it
  snapshot->ledger = pipeline.Losses();
  snapshot->open_sessions = pipeline.open_connections();
  counts_.Fill(now, options_.box->scraped(), *snapshot);
  for (LiveTarget& target : snapshot->targets) {
    target.label = options_.labeller.Label(target.address, target.label.domain);
  }
  AddFloods(pipeline, wall, *snapshot);
  const SentState& sent = pipeline.sent();
  const SentCoverage::Counts covered = sent.coverage.OverallCounts(now);
  if (covered.all > 0 && !options_.feed_tells_all) {
    snapshot->sent_coverage =
        static_cast<double>(covered.readable) / static_cast<double>(covered.all);
  }
  snapshot->sent_entries = sent.ledger.mails();
  snapshot->sent_since = sent.ledger.history_start();
  snapshot->reload_ok = reload_ok_.load();
  snapshot->reloaded_at = reloaded_at_.load();
  options_.box->Put(std::move(snapshot));
}

}  // namespace backscatter
