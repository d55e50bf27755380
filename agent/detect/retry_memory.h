// Which transactions come again because we deferred them: greylisting repeats a bounce, and a
// bounce must count once.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/recent_table.h"
#include "agent/mail/canonical_target.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

struct RetryOptions {
  std::size_t capacity = 262'144;  // deferred recipients remembered; about 34 bytes each
  std::uint64_t prefix_v4 = 24;    // a pool of senders retries from a neighbour
  std::uint64_t prefix_v6 = 48;
  HashKey hash_key;
};

// ARCHITECTURE, "Retry": the same canonical target and Message-ID, or, where the deferred attempt
// showed none, the same source network, sender, target and SIZE, as one that got a 4xx in the last
// 5 days. An attempt that got through, or was refused for good, ends that: many servers give no
// SIZE, and one deferred bounce must not hide all that come after it. Packet time only; not
// thread-safe.
class RetryMemory {
 public:
  explicit RetryMemory(const RetryOptions& options);

  // True if it is a retry. Remembers it where it was deferred in its turn, forgets it where it was
  // settled. O(recipients), of which the first 64 are looked at.
  bool OnTransaction(const Transaction& transaction);

  // Deferred recipients that had to make room before their 5 days were over.
  std::uint64_t forgotten() const { return deferred_.forgotten(); }
  std::size_t MemoryBytes() const { return deferred_.MemoryBytes() + 2 * sizeof targets_; }
  static std::uint64_t MostBytes(const RetryOptions& options) {
    return RecentTable<Nothing>::MostBytes(options.capacity) + 2 * kFilterBits / 8;
  }

 private:
  static constexpr std::size_t kFilterBits = std::size_t{1} << 18;

  // `target`: the hash of the canonical target.
  void MakeKeys(const Transaction& transaction, std::uint64_t target, std::uint64_t& by_id,
                std::uint64_t& by_size) const;

  bool Recall(std::uint64_t key, PacketTime now, bool forget);
  // The lowest bit of a key says what it was made of.
  static std::size_t FilterBitOf(std::uint64_t key) { return (key >> 1) % kFilterBits; }

  struct Nothing {};

  const RetryOptions options_;
  RecentTable<Nothing> deferred_;
  // A bit for the hash of each deferred target, and for each key: most have none, and nothing else
  // is asked.
  std::bitset<kFilterBits> targets_;
  std::bitset<kFilterBits> keys_;
  CanonicalTarget target_;  // scratch
};

}  // namespace backscatter
