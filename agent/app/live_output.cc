#include "agent/app/live_output.h"

#include <utility>

#include "agent/app/web_reports.h"
#include "agent/base/abseil_bridge.h"

namespace backscatter {

absl::StatusOr<std::unique_ptr<LiveOutput>> LiveOutput::Open(const Config& config,
                                                             const HashKey& key, Log* log) {
  std::unique_ptr<LiveOutput> output(new LiveOutput(key, log));
  if (const absl::Status taken = output->TakeLabelKey(config); !taken.ok()) return taken;
  output->publisher_ =
      std::make_unique<SnapshotPublisher>(output->OptionsOf(config, output->label_key_));
  output->SetReload(true);
  output->floods_.Add(&output->flood_log_);
  output->floods_.Add(output->publisher_.get());
  if (!config.labels_names_file.empty()) output->names_.emplace(config.labels_names_file);
  if (const absl::Status opened = output->OpenEvents(config); !opened.ok()) return opened;
  return output;
}

absl::Status LiveOutput::TakeLabelKey(const Config& config) {
  absl::StatusOr<LabelKey> opened = OpenLabelKey(config);
  if (!opened.ok()) return opened.status();
  if (!opened->warning.empty()) {
    if (made_key_.empty()) {
      log_.Warn(opened->warning);
      made_key_ = opened->key;
    }
    opened->key = made_key_;
  }
  label_key_ = std::move(opened->key);
  return absl::OkStatus();
}

SnapshotPublisher::Options LiveOutput::OptionsOf(const Config& config,
                                                 const std::string& label_key) {
  return {.counts = MakeLiveOptions(config, key_),
          .labeller = Labeller(LabelsOf(config), label_key),
          .sampling_ratio = config.sampling_ratio,
          .feed_tells_all = !config.sent_feed.empty(),
          .ring_bytes = config.bpf_ring_bytes,
          .box = &box_};
}

absl::Status LiveOutput::OpenEvents(const Config& config) {
  if (config.events_file.empty()) return absl::OkStatus();
  SnapshotPublisher* const names = publisher_.get();
  absl::StatusOr<std::unique_ptr<EventLog>> events = EventLog::Open(
      {.file = config.events_file,
       .max_bytes = config.events_max_bytes,
       .transactions = config.events_transactions,
       .sampled = config.sampling_ratio != 1,
       .label_of_flood = [names](const Flood& flood) { return names->LabelOf(flood); },
       .label_of_path = [names](std::string_view path) { return names->LabelOfPath(path); }},
      &log_);
  if (!events.ok()) return events.status();
  events_ = *std::move(events);
  floods_.Add(events_.get());
  return absl::OkStatus();
}

void LiveOutput::Publish(Pipeline& pipeline, PacketTime now) {
  Ledger& ledger = pipeline.ledger();
  if (events_ != nullptr) {
    events_->Tick();
    const std::uint64_t lost = events_->lost();
    ledger.Add(Loss::kOutputEvents, lost - std::exchange(told_lost_events_, lost));
  }
  const std::uint64_t refused = publisher_->counts().sketches_refused();
  ledger.Add(Loss::kLiveSketchesRefused, refused - std::exchange(told_refused_, refused));
  publisher_->Publish(pipeline, now, Log::SystemTime());
  NoteLabels(*box_.Get());
}

void LiveOutput::NoteLabels(const LiveSnapshot& snapshot) {
  if (!names_ || publisher_->labeller().how() != TargetLabels::kHash) return;
  for (const LiveTarget& target : snapshot.targets) {
    names_->Note(target.label.target, target.address, snapshot.made_at);
  }
  for (std::size_t i = 0; i < snapshot.floods.size(); ++i) {
    const Flood& flood = snapshot.floods[i];
    if (flood.end) continue;
    names_->Note(snapshot.flood_labels[i].target, flood.target, snapshot.made_at);
  }
  SaveNames(false);
}

void LiveOutput::SaveNames(bool at_once) {
  if (!names_) return;
  const absl::Status saved = names_->Save(Log::SystemTime(), at_once);
  if (saved.ok()) return;
  log_.Write(names_limit_, LogLevel::kWarn, "addresses behind labels are not kept for `lookup`",
             {{"why", ToStd(saved.message())}});
}

void LiveOutput::Reconfigure(const Config& config, const std::string& label_key) {
  publisher_->Reconfigure(OptionsOf(config, label_key));
  recent_.Configure(config.api_transactions, config.targets, NamerOf(*publisher_));
  if (events_ == nullptr) return;
  events_->Reconfigure(config.events_max_bytes, config.events_transactions,
                       config.sampling_ratio != 1);
}

}  // namespace backscatter
