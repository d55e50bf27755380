// From TCP segments to two byte streams, in order and in causal order with each other.
#pragma once

#include <bit>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/base/keyed_hash.h"
#include "agent/base/ledger.h"
#include "agent/base/slab.h"
#include "agent/net/segment.h"
#include "agent/net/stream_chunk.h"
#include "agent/tcp/client_views.h"
#include "agent/tcp/connection.h"
#include "agent/tcp/flow_notes.h"

namespace backscatter {

struct ReassemblerOptions {
  std::vector<std::uint16_t> ports = {25, 465, 587, 2525};  // where SMTP servers listen
  bool any_port = true;  // also follow other ports whose first payload the consumer recognises
  HashKey hash_key = {};
  // Of whole sessions, for packets that nobody sampled before: 0 < ratio <= 1.
  double sampling_ratio = 1.0;
  HashKey sampling_key = {};                // the same key chooses the same sessions
  std::size_t max_connections = 1'000'000;  // about 300 bytes each, allocated as needed
  std::size_t max_notes = 1U << 18;         // handshakes and ends of flows without state
  std::size_t max_views = 1U << 15;         // connections among which a second view is looked for
  std::uint64_t max_held_per_connection = 256U << 10;  // memory for what is out of order
  std::size_t max_held_pieces = 1024;                  // pieces a direction
  std::uint64_t max_held = 64U << 20;                  // bytes, all connections together
  // Packet times. A hole whose bytes the receiver acknowledged was lost by the capture: it waits
  // only for disorder in the capture itself. Any other hole is waited for as TCP does.
  PacketTime lost_after = 1 * kSecond;
  PacketTime unacknowledged_lost_after = 30 * kSecond;
  PacketTime idle_timeout = 900 * kSecond;  // RFC 5321 section 4.5.3.2 asks for 5 to 10 minutes
  PacketTime half_closed_timeout = 60 * kSecond;
  PacketTime reset_linger = 2 * kSecond;  // replies that cross a reset still count
};

// Not thread-safe; the clock is packet time (the highest seen). A connection has state from its
// first payload that can be SMTP, never from a handshake. Bytes are delivered when all before them
// were delivered or given up, and after all bytes of the other direction that their sender had
// acknowledged: so any capture order gives the consumer a possible order of events.
// The first copy of a byte wins. Lost bytes are reported as gaps and counted.
//
// A session counts once, however often it is seen: packets that come again (a bridge and its port,
// both ends of a veth pair) are retransmissions, also those of a whole session that has ended
// already, and a session that shows under a second server address (DNAT) is ignored there: same
// client, port and initial sequence numbers, at the same time. Without a handshake nothing is known
// to be the same.
//
// Sampling chooses at the first payload, by a hash of the client's address and port alone, so that
// both directions and all views of a session fall together. What was not chosen never joins later,
// whatever the ratio becomes.
class Reassembler {
 public:
  Reassembler(const ReassemblerOptions& options, Ledger* ledger, StreamSink* sink);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  void OnSegment(const Segment& segment) {
    if (Wants(segment)) OnSegment(segment, Hash(segment));
  }
  // The same in steps, for a caller that has several segments at hand and lets memory come while it
  // looks at the others.
  // Whether the segment matters at all. A pure acknowledgment does only where bytes wait for one.
  bool Wants(const Segment& segment) const {
    constexpr std::uint8_t kControl = tcp_flags::kSyn | tcp_flags::kFin | tcp_flags::kRst;
    return segment.payload_wire_length > 0 || segment.has(kControl) || stalled_ > 0;
  }
  std::uint64_t Hash(const Segment& segment) const;
  void PrefetchSlot(const Segment& segment, std::uint64_t hash) const;
  const Connection* PrefetchConnection(std::uint64_t hash) const;  // needs the slot
  // Needs the connection, which may be null.
  void PrefetchConsumer(const Connection* connection) const {
    if (connection != nullptr && connection->in_use) sink_.Prefetch(connection->info);
  }
  void OnSegment(const Segment& segment, std::uint64_t hash);  // one that is wanted
  // Instead of ReassemblerOptions::ports, for what comes from now on.
  void SetPorts(std::span<const std::uint16_t> ports);
  // For sessions whose first payload is still to come.
  void SetSamplingRatio(double ratio);
  // Time-outs while no packet comes. `now` may not go back.
  void AdvanceTo(PacketTime now);
  // Gives up every hole and closes every connection, in the order of their first packets.
  void Finish();

  // What it holds, and what that can grow to; while the table of slots grows, half of it comes on
  // top.
  std::uint64_t MemoryBytes() const {
    return connections_.MemoryBytes() + slots_.capacity() * sizeof(Slot) + notes_.MemoryBytes() +
           views_.MemoryBytes() + held_bytes_;
  }
  static std::uint64_t MostBytes(const ReassemblerOptions& options) {
    return Slab<Connection>::MostBytes(options.max_connections) +
           2 * std::bit_ceil<std::uint64_t>(options.max_connections + 1) * sizeof(Slot) +
           FlowNotes::MostBytes(options.max_notes) + options.max_held +
           ClientViews::MostBytes(options.max_views);
  }

  std::size_t open_connections() const { return open_; }
  // Memory, near enough, for what cannot be delivered yet.
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t index = 0;  // + 1; 0 = free
  };
  struct Arrival {  // a segment's payload, placed
    std::uint64_t offset;
    std::uint64_t length;  // on the wire
    std::uint64_t acked;
    std::string_view bytes;
    PacketTime at;
    bool urgent;
    bool cut;  // what is missing of `bytes` was left out on purpose
  };

  // reassembler_open.cc: the table, opening, closing, handshakes, time-outs.
  Connection* Find(std::uint64_t hash, const Segment& segment, Direction& direction);
  Connection* Open(std::uint64_t hash, const Segment& segment, Direction& direction);
  bool DecideRoles(const Segment& segment, FlowNote* note, Endpoint& client, Endpoint& server);
  void SetStarts(Connection& connection, const Segment& segment, Direction direction,
                 const FlowNote& note);
  Connection& Allocate(std::uint64_t hash);
  void Close(Connection& connection, CloseReason reason);
  void NoteClosed(const Connection& connection);
  void InsertSlot(std::uint64_t hash, std::uint32_t index);
  void EraseSlot(const Connection& connection);
  void Grow();
  void OnSyn(std::uint64_t hash, const Segment& segment);
  bool IsBelievableAnswer(const FlowNote* note, const Segment& segment) const;
  bool IsReused(Connection& connection, Direction direction, const Segment& segment);
  void Sweep(std::size_t slots);
  void EvictOne();
  PacketTime IdleLimit(const Connection& connection) const;

  // reassembler_choice.cc: which connections count, and how much.
  bool IsLateCopy(const FlowNote& note, const Segment& segment) const;
  bool IsChosen(bool beginning_seen, const Endpoint& client, double& ratio) const;
  void PassBy(FlowNote& note, PacketTime at);
  bool IsSecondView(Connection& connection, PacketTime at);

  // reassembler.cc: placing, delivering.
  void Accept(Connection& connection, Direction direction, const Segment& segment);
  void OnStray(Connection& connection, const Segment& segment);
  std::int64_t Realign(Connection& connection, Direction direction, std::int64_t offset,
                       std::uint32_t length);
  void NoteEnd(Connection& connection, Direction direction, std::int64_t end, bool reset);
  bool GoesOn(Connection& connection, Direction direction, const Arrival& arrival);
  void Place(Connection& connection, Direction direction, const Arrival& arrival);
  void NoteAcknowledgment(Connection& connection, Direction direction, const Segment& segment,
                          std::uint64_t& acked);
  bool MayDeliver(const Connection& connection, Direction direction, std::uint64_t acked) const;
  void Deliver(Connection& connection, Direction direction, const Arrival& arrival);
  void ReportGap(Connection& connection, Direction direction, std::uint64_t bytes, PacketTime at,
                 bool left_out = false);
  void Tell(Connection& connection, const StreamChunk& chunk);
  void AfterSegment(Connection& connection);

  // reassembler_hold.cc: holding, giving up.
  void Hold(Connection& connection, Direction direction, const Arrival& arrival);
  void Drain(Connection& connection);
  Direction EarliestHeld(const Connection& connection) const;
  void GiveUp(Connection& connection, Direction direction);
  bool IsExpired(const Connection& connection, Direction direction) const;
  void GiveUpExpired(Connection& connection);
  void SkipTo(Connection& connection, Direction direction, std::uint64_t offset, PacketTime at);
  void DropHeld(Connection& connection);
  bool IsSmtpPort(std::uint16_t port) const { return ports_[port]; }

  const ReassemblerOptions options_;
  std::bitset<65536> ports_;
  Ledger& ledger_;
  StreamSink& sink_;
  FlowNotes notes_;
  ClientViews views_;
  double ratio_;
  double least_ratio_;  // that ever held
  std::vector<Slot> slots_;
  Slab<Connection> connections_;
  std::size_t open_ = 0;
  std::size_t stalled_ = 0;  // connections that hold something
  std::uint64_t held_bytes_ = 0;
  PacketTime now_ = 0;
  PacketTime last_sweep_ = 0;
  std::uint32_t sweep_cursor_ = 0;
};

}  // namespace backscatter
