// From judged transactions to floods: what is counted, when it is one, when it is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

#include "agent/base/keyed_hash.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/detect/baselines.h"
#include "agent/detect/distinct_counter.h"
#include "agent/detect/evidence_collector.h"
#include "agent/detect/flood.h"
#include "agent/detect/flood_event.h"
#include "agent/detect/flood_options.h"
#include "agent/detect/flood_state.h"
#include "agent/detect/flood_windows.h"
#include "agent/detect/open_flood.h"
#include "agent/detect/verdict.h"
#include "agent/detect/watched_keys.h"
#include "agent/detect/watched_state.h"
#include "agent/mail/canonical_target.h"

namespace backscatter {

// Time is that of the transactions' ends and of AdvanceTo. Windows are looked at when something is
// added to them, open floods every ten seconds. Where time turns out to have been wrong (everything
// comes too late), all but what is usual is begun anew. Not thread-safe. `ledger` must outlive it.
class FloodDetector final : public FloodView {
 public:
  // `kept`: of an earlier run. What was on goes on, if not too much time has passed.
  FloodDetector(const FloodOptions& options, Ledger* ledger)
      : FloodDetector(options, ledger, FloodState(options)) {}
  FloodDetector(const FloodOptions& options, Ledger* ledger, FloodState kept);
  ~FloodDetector() override = default;
  FloodDetector(const FloodDetector&) = delete;
  FloodDetector& operator=(const FloodDetector&) = delete;

  void OnTransaction(const JudgedTransaction& judged);
  // Floods end while nothing comes. `now` going back is ignored.
  void AdvanceTo(PacketTime now);
  // A clock that is to be trusted says that what was later than `now` was wrong. By less than
  // twenty minutes: nothing happens, time stands still until then.
  void SetBack(PacketTime now);

  // Null: nobody. It must outlive this.
  void SetListener(FloodListener* listener) { listener_ = listener; }
  // Thresholds and names from now on; sizes and what was counted stay.
  void Reconfigure(const FloodOptions& options);

  // What the next run is to have. Changes with every call of the others.
  const FloodState& state() const { return state_; }

  // Those that are on and the latest that ended, by start.
  std::vector<Flood> Floods() const;
  bool IsFlooded(std::string_view canonical_target) const override;

  // What made room before its time, and what was not told apart: see Loss.
  std::uint64_t windows_given_up() const {
    return targets_.given_up() + domains_.given_up() + networks_.given_up();
  }
  std::uint64_t sketches_refused() const { return budget_.refused + state_.budget.refused; }
  std::size_t MemoryBytes() const;
  // What that can grow to; while one table grows, half of it comes on top.
  static std::uint64_t MostBytes(const FloodOptions& options);

 private:
  using FloodKey = std::uint64_t;

  FloodEvent MakeEvent(const Transaction& transaction, const IpAddress& peer) const;
  PacketTime TimeOf(const Transaction& transaction) const;
  // False: it is too late to be counted.
  bool IsInTime(const Transaction& transaction);
  void BeginAnew(PacketTime now);
  // After another run: windows from the latest events, and floods that go on.
  void Recount();
  void Resume(PacketTime now);
  void OnReceived(const JudgedTransaction& judged);
  void OnEmitted(const JudgedTransaction& judged);
  void Count(FloodEvent& event, std::string_view message_id);
  void CountTarget(const FloodEvent& event);
  void CountDomain(const FloodEvent& event);
  void CountNetwork(const FloodEvent& event);

  void LookForJoeJob(const FloodEvent& event, TargetWindows& windows);
  void LookForLoop(const FloodEvent& event, TargetWindows& windows);
  void LookForRandomRecipients(const FloodEvent& event, UnknownUserWindows& windows);
  void LookForCalloutStorm(const FloodEvent& event, CalloutWindows& windows);
  void LookForEmitter(const FloodEvent& event, NetworkWindows& windows);
  void LookForOwnEmission(const FloodEvent& event);
  void LookForWidespread();
  // nullopt: it is none. What a joe job would be sure of.
  std::optional<Confidence> JudgeJoeJob(std::uint64_t target_key,
                                        const TargetWindows& windows) const;

  bool IsOn(FloodKind kind, std::uint64_t key) const {
    return state_.open.contains(KeyOf(kind, key));
  }
  // Also counts what of it is remembered since its start. False: too many are on.
  bool Raise(FloodKind kind, const FloodEvent& event, PacketTime start, Confidence confidence);
  // Of its kind; a weak flood goes for a better one.
  bool HasRoomFor(FloodKind kind, Confidence confidence);
  void Tick(PacketTime now);
  void Clear(FloodKey key, PacketTime now);
  // How many in a window of its kind make one.
  double ThresholdOf(FloodKind kind) const;
  // While it is on its windows are not given up; when it is over they begin anew.
  void Hold(FloodKind kind, std::uint64_t key);
  void LetGo(FloodKind kind, std::uint64_t key);

  FloodKey KeyOf(FloodKind kind, std::uint64_t key) const { return state_.KeyOf(kind, key); }
  std::uint64_t KeyOf(std::string_view text) const { return HashBytes(state_.hash_key, text); }

  FloodOptions options_;
  Ledger& ledger_;
  FloodListener* listener_ = nullptr;
  FloodState state_;
  bool resumes_ = false;  // until the first time is told
  PacketTime ticked_ = 0;
  PacketTime swept_ = 0;
  int late_in_a_row_ = 0;

  SketchBudget budget_;  // of windows
  WatchedKeys<WatchedState<TargetWindows>> targets_;
  WatchedKeys<DomainWindows> domains_;
  WatchedKeys<WatchedState<NetworkWindows>> networks_;
  OverallWindows overall_;
  std::deque<Flood> ended_;
  absl::flat_hash_set<std::uint64_t> flooded_;  // keys of targets, as of the last tick

  CanonicalTarget canonical_;  // scratch: the target of the event under way
};

}  // namespace backscatter
