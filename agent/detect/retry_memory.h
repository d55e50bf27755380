// Which transactions come again because we deferred them: greylisting repeats a bounce, and a
// bounce must count once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/mail/canonical_target.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

struct RetryOptions {
  std::size_t capacity = 262'144;  // deferred recipients remembered; about 34 bytes each
  int prefix_v4 = 24;              // a pool of senders retries from a neighbour
  int prefix_v6 = 48;
  HashKey hash_key;
};

// ARCHITECTURE, "Retry": the same canonical target and Message-ID, or, where the deferred attempt
// showed none, the same source network, sender, target and SIZE, as one that got a 4xx in the last
// 5 days. When it is full the oldest is forgotten, and `forgotten` counts
// what was still young enough to matter. Keys are 64-bit keyed hashes: two of n remembered ones
// meet by chance in n * 5e-20 of the look-ups. Packet time only; not thread-safe.
class RetryMemory {
 public:
  explicit RetryMemory(const RetryOptions& options);

  // True if it is a retry. Remembers it where it was deferred in its turn. O(recipients), of which
  // the first 64 are looked at.
  bool OnTransaction(const Transaction& transaction);

  std::uint64_t forgotten() const { return forgotten_; }
  std::size_t MemoryBytes() const;

 private:
  // A deferred recipient in the order of time; stale where deferred_ has a later time for its key.
  struct Entry {
    std::uint64_t key = 0;
    PacketTime at = 0;
  };

  void MakeKeys(const Transaction& transaction, std::string_view target, std::uint64_t& by_id,
                std::uint64_t& by_size) const;
  bool Knows(std::uint64_t key, PacketTime now) const;
  void Remember(std::uint64_t key, PacketTime now);

  const RetryOptions options_;
  absl::flat_hash_map<std::uint64_t, PacketTime> deferred_;
  std::vector<Entry> ring_;  // grows up to the capacity, then turns
  std::size_t oldest_ = 0;
  std::uint64_t forgotten_ = 0;
  CanonicalTarget target_;  // scratch
};

}  // namespace backscatter
