// What the detector of floods keeps from one run to the next, and its form in a file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/base/record_blocks.h"
#include "agent/detect/baselines.h"
#include "agent/detect/distinct_counter.h"
#include "agent/detect/flood_event.h"
#include "agent/detect/flood_options.h"
#include "agent/detect/open_flood.h"

namespace backscatter {

// A flood that is on, and the key of its target, domain or network.
struct KeyedFlood {
  std::uint64_t key = 0;
  OpenFlood flood;
};

// Windows are not in it: they are counted anew from the latest events.
struct FloodState {
  // Of own_emission and widespread there is one at most, beside the others.
  static constexpr std::size_t kBesideOpen = 2;

  explicit FloodState(const FloodOptions& options)
      : hash_key(options.hash_key),
        budget{.left = 2 * (options.open_capacity + kBesideOpen)},
        baselines(options.baselines_capacity),
        recent(options.recent_capacity) {}

  // Under which one is kept.
  std::uint64_t KeyOf(FloodKind kind, std::uint64_t key) const {
    return MixWords(key ^ hash_key.a, static_cast<std::uint64_t>(kind) + 1);
  }

  HashKey hash_key;     // of all keys in it
  PacketTime now = 0;   // up to when it was counted
  SketchBudget budget;  // of `open`, two each
  Baselines baselines;
  RecentEvents recent;
  absl::flat_hash_map<std::uint64_t, KeyedFlood> open;
};

// A file, see record_blocks.h:   head usual* flood* recent* sealed
//   head    = version:u32 key:2 * u64 now:i64 has_hour:u8 hour:i64
//   usual   = (key:u64 hour:f32 limited:u8 at_most:f32 slots:u64 (samples:u8 mean:f32)*)*
//             slots: a bit for each that has samples
//   flood   = key:u64, and what OpenFlood::Write writes
//   recent  = (at:i64 weight:f64 is:u8 spent:u8 target:u64 domain:u64 source:16 length:u8
//             message_id)*                                              the oldest first
//   sealed  = blocks:u64 before it
// False where `write` said so. Memory: a block of some 64 KiB.
bool WriteFloodState(const FloodState& state, const ByteWriter& write);

// Nothing that the octets say is believed; memory is what `options` allow. Sizes, and what a source
// network is, are those of `options`; the hash key is that of the file. DataLoss where it is
// damaged, cut off, or no such file; FailedPrecondition for another version.
absl::StatusOr<FloodState> ReadFloodState(const ByteReader& read, const FloodOptions& options);

}  // namespace backscatter
