// A flood that is on: its evidence, and when it is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/packed_numbers.h"
#include "agent/base/packet_time.h"
#include "agent/detect/distinct_counter.h"
#include "agent/detect/flood.h"
#include "agent/detect/flood_event.h"
#include "agent/detect/rolling_count.h"

namespace backscatter {

// How long the window is in which a kind is noticed.
PacketTime FloodWindow(FloodKind kind);

// About 9 KB. GiveUp must be called before it goes.
class OpenFlood {
 public:
  OpenFlood() = default;
  // `flood`: its kind, names, confidence and start. `now`: it was raised. `threshold`: how many in
  // a window of its kind make one.
  OpenFlood(Flood flood, PacketTime now, double threshold)
      : flood_(std::move(flood)), watched_since_(now), threshold_(threshold) {}

  // An event of the same key, whether it counts or not.
  void Add(const FloodEvent& event, std::string_view message_id, SketchBudget& budget);
  void SetBeginningUnseen() { flood_.beginning_seen = false; }
  void SetConfidence(Confidence confidence) { flood_.confidence = confidence; }

  // Over: in each of the three windows before the minute of `now` it had less than a fifth of its
  // peak, and less than half of what makes a flood. Such a window is as long as the flood takes to
  // bring thirty, but not shorter than a tenth of its kind's own nor longer than that.
  bool IsOver(PacketTime now) const;
  // Once a minute.
  bool IsDueForUpdate(PacketTime now);

  // To a file and back, into an empty one. False: what is read cannot be.
  void Write(std::string& out) const;
  bool Read(PackedNumbers& in, SketchBudget& budget);
  // It was not watched until `now`: what came before is no quiet.
  void Resume(PacketTime now) { watched_since_ = now; }

  // `end`: when it is over, nullopt while it is on.
  Flood Describe() const;
  Flood DescribeEnded(PacketTime now) const;

  FloodKind kind() const { return flood_.kind; }
  const Flood& flood() const { return flood_; }
  void GiveUp(SketchBudget& budget) {
    sources_.Clear(budget);
    networks_.Clear(budget);
  }

  // Beside itself: exact lists, sources, texts. A sketch counts in the budget.
  static constexpr std::size_t kMostBytesBeside =
      2 * kMostExactThings * sizeof(std::uint32_t) + 64 * sizeof(FloodSource) + 2048;
  static constexpr std::size_t kSourcesKept = 64;
  static constexpr std::size_t kSourcesTold = 10;
  static constexpr std::size_t kMessageIdsTold = 5;

 private:
  static constexpr std::size_t kMinutes = 3 * 60 + 1;

  PacketTime QuietWindow() const;
  void CountSource(const IpAddress& source);

  Flood flood_;
  PacketTime watched_since_ = 0;
  PacketTime updated_ = 0;
  double threshold_ = 0;
  double all_ = 0;          // events of its key, by weight
  double unsolicited_ = 0;  // those of them
  double peak_ = 0;         // a minute of the clock
  PartRing<float, kMinutes, kMinute> minutes_;
  DistinctCounter sources_{kMostExactThings};
  DistinctCounter networks_{kMostExactThings};
  // Misra and Gries: a count is short by at most recipients / kSourcesKept.
  std::vector<FloodSource> top_sources_;
};

}  // namespace backscatter
