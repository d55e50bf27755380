// Which server each recent connection of a client went to, as this host saw it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/base/zeroed_array.h"
#include "agent/tcp/flow_hash.h"

namespace backscatter {

// Two views of one connection open within moments of each other, so only the latest matter: a
// 4-way set-associative cache of fixed size (64 bytes an entry, touched as needed) in which a new
// entry pushes out the one of its set that opened first. One that had to go within kFresh counts as
// a loss.
class ClientViews {
 public:
  static constexpr PacketTime kFresh = 1 * kSecond;
  static constexpr PacketTime kOpen = std::numeric_limits<PacketTime>::max();

  struct View {
    Endpoint client;
    Endpoint server;
    std::uint32_t client_start = 0;  // sequence of the client's first byte
    std::uint32_t server_start = 0;
    bool server_start_known = false;
    bool in_use = false;
    PacketTime opened_at = 0;
    PacketTime until = 0;  // its last packet; kOpen while it is open
  };

  static std::uint64_t MostBytes(std::size_t capacity) {
    const std::uint64_t views = std::bit_ceil<std::uint64_t>(capacity < kWays ? kWays : capacity);
    return views * sizeof(View) + kHugePage;
  }

  // `capacity` entries, rounded up to a power of two of at least 4.
  ClientViews(std::size_t capacity, const HashKey& key, Ledger* ledger);

  // Where the views of this client and number belong. The one step that hashes.
  std::size_t SetOf(const Endpoint& client, std::uint32_t client_start) const {
    const std::uint64_t hash = MixWords(HashEndpoint(key_, client) ^ client_start, key_.b);
    return (hash & set_mask_) * kWays;
  }
  // Valid until the next Put; nullptr where it is not known.
  View* Find(std::size_t set, const Endpoint& client, std::uint32_t client_start);
  // Returns the place of the entry, for End.
  std::size_t Put(std::size_t set, const View& view);
  // Its connection ended; nothing where another entry has that place by now.
  void End(std::size_t place, const Endpoint& client, std::uint32_t client_start, PacketTime at);

  std::size_t MemoryBytes() const { return views_.bytes(); }

 private:
  static constexpr std::size_t kWays = 4;

  HashKey key_;
  std::size_t set_mask_;
  ZeroedArray<View> views_;
  Ledger& ledger_;
};

}  // namespace backscatter
