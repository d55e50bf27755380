#include "agent/app/live_output.h"

#include <utility>

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
          .ring_bytes = config.bpf_ring_bytes,
          .box = &box_};
}

void LiveOutput::Reconfigure(const Config& config, const std::string& label_key) {
  publisher_->Reconfigure(OptionsOf(config, label_key));
}

}  // namespace backscatter
