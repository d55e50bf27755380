// How much of our outbound mail could be read: what the absence of a match is worth.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/mail/sent_clock.h"

namespace backscatter {

// Outbound sessions by slice of the window, readable ones and all, overall and by the local client
// that opened them. At most kMaxClients clients: the sessions of further ones count in the whole
// only, and in `sessions_without_client`. A client without a session in the window is forgotten.
// Packet time only. Not thread-safe.
class SentCoverage {
 public:
  static constexpr std::size_t kMaxClients = 1024;

  struct Counts {
    std::uint64_t readable = 0;
    std::uint64_t all = 0;
  };
  using Slices = std::array<Counts, kSentSlices>;  // by slice number modulo 8

  SentCoverage(std::int64_t window_ns, const HashKey& key);

  // One outbound session that ended. `readable`: its mail could be read.
  void OnSession(const IpAddress& local_client, bool readable, PacketTime at);
  void AdvanceTo(PacketTime now);

  // Readable of all sessions in the eight slices that end with the one of `now`, 0 to 1. Without
  // any session it is 0: nothing is known.
  double Overall(PacketTime now) const;
  double Of(const IpAddress& local_client, PacketTime now) const;
  Counts OverallCounts(PacketTime now) const;

  std::size_t clients() const { return clients_.size(); }
  std::uint64_t sessions_without_client() const { return sessions_without_client_; }
  std::uint64_t too_old() const { return too_old_; }
  std::size_t MemoryBytes() const;

  // ---- for SentFile ----

  struct Row {
    std::optional<IpAddress> client{};  // nullopt: all of them
    PacketTime slice_start;
    Counts counts;
  };
  std::vector<Row> Rows() const;
  // Adds loaded counts; false where they cannot be, or are too old.
  bool Restore(const Row& row);
  // To be called before the rows: the newest time there was.
  void RestoreClock(PacketTime newest) { AdvanceTo(newest); }
  std::optional<PacketTime> newest_slice_start() const;

 private:
  struct AddressHash {
    HashKey key;
    std::size_t operator()(const IpAddress& address) const;
  };

  Counts Sum(const Slices& slices, PacketTime now) const;
  Slices* SlicesOf(const IpAddress& client);
  void TurnTo(std::int64_t before);

  SentClock clock_;
  Slices overall_{};
  absl::flat_hash_map<IpAddress, Slices, AddressHash> clients_;
  std::uint64_t sessions_without_client_ = 0;
  std::uint64_t too_old_ = 0;
};

}  // namespace backscatter
