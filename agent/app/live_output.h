// What a run tells beside its report: snapshots for /metrics and the API, and floods.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/event_log.h"
#include "agent/app/flood_fan.h"
#include "agent/app/flood_log.h"
#include "agent/app/label_key.h"
#include "agent/app/label_names.h"
#include "agent/app/log.h"
#include "agent/app/pipeline.h"
#include "agent/app/snapshot_box.h"
#include "agent/app/snapshot_publisher.h"
#include "agent/app/web_transactions.h"
#include "agent/base/keyed_hash.h"

namespace backscatter {

// Everything is for the engine's thread (or for the time before it runs), but for what says
// otherwise.
class LiveOutput final : public JudgedTransactionSink {
 public:
  // `log` must outlive it.
  static absl::StatusOr<std::unique_ptr<LiveOutput>> Open(const Config& config, const HashKey& key,
                                                          Log* log);

  ~LiveOutput() override { SaveNames(true); }

  FloodListener* floods() { return &floods_; }
  void OnTransaction(const JudgedTransaction& judged) override {
    publisher_->counts().OnTransaction(judged);
    if (events_ != nullptr) events_->OnTransaction(judged);
    recent_.OnTransaction(judged);
  }
  void OnSession(const SessionSummary& session) override {
    publisher_->counts().OnSession(session);
  }
  const SnapshotPublisher& publisher() const { return *publisher_; }
  // Thread-safe, both.
  SnapshotBox& box() { return box_; }
  const RecentTransactions& recent() const { return recent_; }

  // Before the engine runs: fills in what the capture knows (SnapshotPublisher::Options).
  void SetSource(std::function<void(LiveSnapshot&)> add_source) {
    publisher_->SetSource(std::move(add_source));
  }
  void Publish(Pipeline& pipeline, PacketTime now);
  // Goes on with a new file of events.
  void Reopen() {
    if (events_ != nullptr) events_->Reopen();
  }

  // From the main thread: the key of labels that `config` asks for is `label_key()` from now on.
  // Where none can be made the one before stays. InvalidArgument: see OpenLabelKey.
  absl::Status TakeLabelKey(const Config& config);
  const std::string& label_key() const { return label_key_; }
  // `config` with what the host knows of itself.
  void Reconfigure(const Config& config, const std::string& label_key);
  // From any thread: how a reload went.
  void SetReload(bool worked) { publisher_->SetReload(worked, Log::SystemTime()); }

 private:
  void NoteLabels(const LiveSnapshot& snapshot);
  void SaveNames(bool at_once);

  LiveOutput(const HashKey& key, Log* log) : key_(key), log_(*log), flood_log_(log) {}

  absl::Status OpenEvents(const Config& config);
  SnapshotPublisher::Options OptionsOf(const Config& config, const std::string& label_key);

  const HashKey key_;
  Log& log_;
  std::string label_key_;  // these two are the main thread's
  std::string made_key_;   // for this run alone
  SnapshotBox box_;
  FloodLog flood_log_;
  std::unique_ptr<SnapshotPublisher> publisher_;
  std::unique_ptr<EventLog> events_;  // null: none
  std::optional<LabelNames> names_;   // nullopt: none are kept
  LogLimit names_limit_{kHour};
  RecentTransactions recent_;
  FloodFan floods_;
  std::uint64_t told_lost_events_ = 0;
  std::uint64_t told_refused_ = 0;
};

}  // namespace backscatter
