// What is remembered of a flow that has no connection state: its handshake, or how it ended.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/base/zeroed_array.h"

namespace backscatter {

// One cache line.
struct alignas(64) FlowNote {
  enum class State : std::uint8_t {
    kFree,
    kSyn,      // a SYN was seen: client_sequence (and the one before it, if it was another)
    kSynAck,   // a SYN-ACK was seen: both sequences; it chose between the SYNs
    kClosed,   // a connection ended: the sequences are the first ones that were not used
    kRefused,  // judged not to be SMTP: nothing more of it is wanted
    kPassed,   // not chosen by the sampling: nothing more of it is wanted
  };
  Endpoint client;
  Endpoint server;
  std::uint32_t client_sequence = 0;  // of the first payload byte
  std::uint32_t server_sequence = 0;
  std::uint32_t other_client_sequence = 0;  // kSyn: an earlier SYN with another ISN
  // kClosed, kRefused, kPassed: the first sequences that the connection used, and when it ended.
  std::uint32_t client_start = 0;
  std::uint32_t server_start = 0;
  std::uint32_t end_second = 0;
  State state = State::kFree;  // set by FlowNotes::SetState
  bool has_other : 1 = false;
  bool syn_seen : 1 = false;  // kSynAck: the SYN was captured too, not only its answer
  bool blind : 1 = false;     // kClosed: not followed to its end, everything below is late
  bool client_start_known : 1 = false;
  bool server_start_known : 1 = false;

  bool has_ended() const {
    return state == State::kClosed || state == State::kRefused || state == State::kPassed;
  }
  bool is_handshake() const { return state == State::kSyn || state == State::kSynAck; }
  // Is `sequence` the first payload byte behind one of the client's SYNs?
  bool FitsSyn(std::uint32_t sequence) const {
    return client_sequence == sequence || (has_other && other_client_sequence == sequence);
  }
};
static_assert(sizeof(FlowNote) == 64);

// A 4-way set-associative cache with a fixed size (80 bytes a note, and memory only for pages that
// were touched). A new note takes a free way, else that of the least useful note of its set: an
// ended flow before an unanswered SYN before an answered one, the oldest first. So a flood of
// half-open flows costs no more than the cache, and pushes out notes, never connections; a flood of
// unanswered ones does not even push out handshakes.
class FlowNotes {
 public:
  // `capacity` notes, rounded up to a power of two of at least 4.
  FlowNotes(std::size_t capacity, Ledger* ledger);

  // The note of the flow a<->b (either way round), or nullptr. Valid until the next Put.
  FlowNote* Find(std::uint64_t hash, const Endpoint& a, const Endpoint& b);
  // The note of the flow, made new (state kFree, endpoints not set) where there is none.
  FlowNote& Put(std::uint64_t hash, const Endpoint& a, const Endpoint& b, PacketTime now);
  void SetState(FlowNote& note, FlowNote::State state);
  void Erase(FlowNote& note);

  static std::uint64_t MostBytes(std::size_t capacity) {
    const std::uint64_t notes = std::bit_ceil<std::uint64_t>(capacity < kWays ? kWays : capacity);
    return notes * sizeof(FlowNote) + notes / kWays * sizeof(Set);
  }
  std::size_t MemoryBytes() const { return sets_.bytes() + notes_.bytes(); }

  // Memory for a Find or Put that is to come.
  void PrefetchSet(std::uint64_t hash) const { __builtin_prefetch(&sets_[SetIndex(hash)], 1); }
  void PrefetchNote(std::uint64_t hash) const;  // needs the set

 private:
  static constexpr std::size_t kWays = 4;
  // All that a choice of the victim needs, in one cache line.
  struct alignas(64) Set {
    std::uint32_t tags[kWays];     // 0 = free
    std::uint32_t seconds[kWays];  // packet time of the last Put
    std::uint8_t worth[kWays];     // see Worth()
  };

  static std::uint32_t Tag(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32) | 1;
  }
  std::size_t Victim(std::size_t set) const;
  std::size_t SetIndex(std::uint64_t hash) const { return hash & set_mask_; }

  std::size_t set_mask_;
  ZeroedArray<Set> sets_;
  ZeroedArray<FlowNote> notes_;
  Ledger& ledger_;
};

}  // namespace backscatter
