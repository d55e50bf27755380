#include "agent/tcp/reassembler.h"

#include <algorithm>
#include <utility>

#include "agent/tcp/flow_hash.h"

namespace backscatter {
namespace {

// An acknowledgment further ahead than this of what was seen is not believed: no SMTP peer has
// 16 MiB in flight, and a forged one must not make us report a gap of gigabytes.
constexpr std::int64_t kMaxAhead = 16 << 20;
// Segments further away than this cannot belong to the stream as it is known.
constexpr std::int64_t kMaxJump = 64 << 20;
constexpr std::uint8_t kMaxStrays = 3;

std::string_view View(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// How far the stream is known, delivered or not: a body that was left out may be long.
std::int64_t Reach(const Connection& connection, Direction direction) {
  const std::uint64_t next = connection.from(direction).next;
  if (connection.held == nullptr) return static_cast<std::int64_t>(next);
  const HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
  return static_cast<std::int64_t>(pieces.empty() ? next : std::max(next, pieces.end()));
}

}  // namespace

void Reassembler::OnSegment(const Segment& segment, std::uint64_t hash) {
  now_ = std::max(now_, segment.captured_at);
  if (now_ - last_sweep_ >= kSecond / 4) {
    last_sweep_ = now_;
    Sweep(64 + connections_.size() / 64);
  }
  if (segment.has(tcp_flags::kSyn)) {
    OnSyn(hash, segment);
    return;
  }
  Direction direction = Direction::kFromClient;
  Connection* connection = Find(hash, segment, direction);
  if (connection != nullptr && connection->syn_noted && IsReused(*connection, direction, segment)) {
    Close(*connection, CloseReason::kReused);
    connection = nullptr;
  }
  if (connection == nullptr) {
    if (segment.payload_wire_length == 0 || segment.has(tcp_flags::kRst)) return;
    connection = Open(hash, segment, direction);
    if (connection == nullptr) return;
  }
  Accept(*connection, direction, segment);
}

void Reassembler::Accept(Connection& connection, Direction direction, const Segment& segment) {
  HalfStream& half = connection.from(direction);
  connection.info.last_packet_at = now_;
  connection.info.packets_seen[static_cast<int>(direction)] = true;
  if (!half.known) {
    half.known = true;
    half.base = segment.sequence;
  }
  if (connection.ignored) {
    connection.fin_seen[static_cast<int>(direction)] |= segment.has(tcp_flags::kFin);
    connection.info.payload_seen[static_cast<int>(direction)] |= segment.payload_wire_length > 0;
    connection.reset |= segment.has(tcp_flags::kRst);
    AfterSegment(connection);
    return;
  }
  std::int64_t offset = half.OffsetOf(segment.sequence);
  const std::int64_t ahead = offset - static_cast<std::int64_t>(half.next);
  if (ahead < -kMaxJump || (ahead > kMaxJump && offset > Reach(connection, direction) + kMaxJump)) {
    OnStray(connection, segment);
    return;
  }
  connection.strays = 0;
  if (ahead < 0 && half.assumed > 0 && segment.payload_wire_length > 0) {
    offset = Realign(connection, direction, offset, segment.payload_wire_length);
  }

  std::uint64_t acked = 0;
  NoteAcknowledgment(connection, direction, segment, acked);
  const bool reset = segment.has(tcp_flags::kRst);  // its payload is a diagnostic, if any
  if (segment.payload_wire_length > 0 && !reset) {
    Arrival arrival{static_cast<std::uint64_t>(offset),
                    segment.payload_wire_length,
                    acked,
                    View(segment.payload),
                    segment.captured_at,
                    false,
                    segment.cut};
    if (arrival.bytes.size() < arrival.length && !arrival.cut) connection.info.truncated = true;
    if (offset < 0) {  // starts before the stream was picked up
      const auto early = static_cast<std::uint64_t>(-offset);
      if (!connection.info.start_seen[static_cast<int>(direction)]) {
        ledger_.Add(Loss::kTcpBeforeStartBytes, std::min(early, arrival.length));
      }
      if (early < arrival.length) {
        arrival.bytes.remove_prefix(std::min<std::uint64_t>(early, arrival.bytes.size()));
        arrival.length -= early;
        arrival.offset = 0;
        Place(connection, direction, arrival);
      }
    } else if (segment.has(tcp_flags::kUrg) && segment.urgent_pointer > 0 &&
               segment.urgent_pointer <= arrival.length) {
      // The urgent byte leaves the stream: servers do not set SO_OOBINLINE.
      const std::uint64_t urgent = segment.urgent_pointer - 1U;
      if (arrival.offset + urgent >= half.next) ledger_.Add(Anomaly::kTcpUrgent);
      const auto part = [&](std::uint64_t from, std::uint64_t to, bool drop) {
        if (from == to) return;
        const std::uint64_t skip = std::min<std::uint64_t>(from, arrival.bytes.size());
        Place(connection, direction,
              {arrival.offset + from, to - from, acked, arrival.bytes.substr(skip, to - from),
               arrival.at, drop, arrival.cut});
      };
      part(0, urgent, false);
      part(urgent, urgent + 1, true);
      part(urgent + 1, arrival.length, false);
    } else {
      Place(connection, direction, arrival);
    }
  }
  if (reset) {
    NoteEnd(connection, direction, offset, true);
  } else if (segment.has(tcp_flags::kFin)) {
    NoteEnd(connection, direction, offset + segment.payload_wire_length, false);
  }
  if (connection.held != nullptr) GiveUpExpired(connection);
  AfterSegment(connection);
}

void Reassembler::OnStray(Connection& connection, const Segment& segment) {
  // A blind reset, or an old acknowledgment.
  if (segment.payload_wire_length == 0 || segment.has(tcp_flags::kRst)) return;
  if (++connection.strays < kMaxStrays) {
    ledger_.Add(Loss::kTcpStrayBytes, segment.payload_wire_length);
    return;
  }
  // The stream went on elsewhere: the tuple was reused and its handshake was not captured.
  Close(connection, CloseReason::kReused);
  OnSegment(segment);
}

// A gap was reported only because the receiver acknowledged its bytes, and here they come: late, or
// the acknowledgment was forged. They go on where the stream stands, as if numbered from there.
// Returns the new offset of the segment.
std::int64_t Reassembler::Realign(Connection& connection, Direction direction, std::int64_t offset,
                                  std::uint32_t length) {
  HalfStream& half = connection.from(direction);
  const auto next = static_cast<std::int64_t>(half.next);
  const auto assumed = static_cast<std::int64_t>(half.assumed);
  const bool holds =
      connection.held != nullptr && !connection.held->pieces[static_cast<int>(direction)].empty();
  if (holds || offset + length <= next - assumed) return offset;
  const std::int64_t shift = std::min(next - offset, assumed);
  half.base -= static_cast<std::uint32_t>(shift);
  half.acked += static_cast<std::uint64_t>(shift);
  if (half.fin != kNoOffset) half.fin += static_cast<std::uint64_t>(shift);
  half.assumed = 0;
  return offset + shift;
}

// A FIN or a reset that ends this direction at `end`.
void Reassembler::NoteEnd(Connection& connection, Direction direction, std::int64_t end,
                          bool reset) {
  HalfStream& half = connection.from(direction);
  if (end < static_cast<std::int64_t>(half.next)) return;  // what was delivered refutes it
  const auto offset = static_cast<std::uint64_t>(end);
  if (reset) {
    // A modern peer takes only a reset at exactly the next byte (RFC 5961 section 3), which may be
    // one that was not captured: it lies no further than what is known of the stream.
    std::uint64_t reach = std::max(half.next, half.acked);
    if (half.fin != kNoOffset) reach = std::max(reach, half.fin + 1);
    if (connection.held != nullptr) {
      const HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
      if (!pieces.empty()) reach = std::max(reach, pieces.end());
    }
    if (offset > reach) return;
    connection.reset = true;
  } else {
    connection.fin_seen[static_cast<int>(direction)] = true;
  }
  half.fin = std::min(half.fin, offset);
  if (connection.held != nullptr) Drain(connection);  // a FIN's own number may be waited for
}

// Payload beyond the end of its direction. False if it is not to be taken.
bool Reassembler::GoesOn(Connection& connection, Direction direction, const Arrival& arrival) {
  HalfStream& half = connection.from(direction);
  // A keep-alive behind a FIN repeats the FIN's number with a byte of garbage.
  if (arrival.offset == half.fin && arrival.length == 1) return false;
  half.fin = kNoOffset;  // so that end was not one
  connection.fin_seen[static_cast<int>(direction)] = false;
  connection.reset = false;
  return true;
}

void Reassembler::NoteAcknowledgment(Connection& connection, Direction direction,
                                     const Segment& segment, std::uint64_t& acked) {
  HalfStream& peer = connection.from(Opposite(direction));
  if (!segment.has(tcp_flags::kAck)) {
    acked = 0;
    return;
  }
  if (!peer.known) {
    peer.known = true;
    peer.base = segment.acknowledgment;
  }
  const std::int64_t offset = peer.OffsetOf(segment.acknowledgment);
  const std::int64_t ahead = offset - static_cast<std::int64_t>(peer.next);
  if (offset <= 0) {
    acked = 0;
  } else if (ahead > kMaxAhead) {
    ledger_.Add(Anomaly::kTcpAckUnseen);
    acked = peer.next;
  } else {
    acked = static_cast<std::uint64_t>(offset);
    // A FIN takes a number of its own, which is no byte.
    if (acked > peer.fin && peer.fin >= peer.next) acked = peer.fin;
    if (acked > peer.acked) {
      if (connection.held != nullptr) {
        HeldPieces& pieces = connection.held->pieces[static_cast<int>(Opposite(direction))];
        // Its hole turns out to be a loss of the capture: disorder is waited for from now on.
        if (!pieces.empty() && pieces.front().offset > peer.acked &&
            pieces.front().offset <= acked) {
          pieces.front().since = now_;
        }
      }
      peer.acked = acked;
    }
  }
}

bool Reassembler::MayDeliver(const Connection& connection, Direction direction,
                             std::uint64_t acked) const {
  const Direction other = Opposite(direction);
  // One-sided so far: there is nothing to wait for.
  if (!connection.info.payload_seen[static_cast<int>(other)] &&
      !connection.info.packets_seen[static_cast<int>(other)]) {
    return true;
  }
  // The number of a FIN that was acknowledged before it was seen is waited for no longer.
  const HalfStream& half = connection.from(other);
  return acked <= half.next + (half.next == half.fin ? 1 : 0);
}

void Reassembler::Place(Connection& connection, Direction direction, const Arrival& arrival) {
  if (connection.ignored) return;
  HalfStream& half = connection.from(direction);
  const std::uint64_t end = arrival.offset + arrival.length;
  if (end <= half.next) return;  // a retransmission, or a keep-alive
  if (end > half.fin && !GoesOn(connection, direction, arrival)) return;
  if (arrival.offset <= half.next && MayDeliver(connection, direction, arrival.acked) &&
      (connection.held == nullptr ||
       connection.held->pieces[static_cast<int>(direction)].empty())) {
    Deliver(connection, direction, arrival);
  } else {
    Hold(connection, direction, arrival);
  }
  if (connection.held != nullptr) Drain(connection);
}

void Reassembler::ReportGap(Connection& connection, Direction direction, std::uint64_t bytes,
                            PacketTime at, bool left_out) {
  if (!left_out) {
    ledger_.Add(Loss::kTcpGaps);
    ledger_.Add(Loss::kTcpGapBytes, bytes);
  }
  StreamChunk chunk;
  chunk.direction = direction;
  chunk.offset = connection.from(direction).next;
  chunk.gap_before = bytes;
  chunk.left_out = left_out;
  chunk.acked = connection.from(Opposite(direction)).next;
  chunk.at = at;
  Tell(connection, chunk);
}

void Reassembler::Tell(Connection& connection, const StreamChunk& chunk) {
  connection.info.payload_seen[static_cast<int>(chunk.direction)] = true;
  switch (sink_.OnChunk(connection.info, chunk)) {
    case StreamVerdict::kContinue:
      return;
    case StreamVerdict::kRefuse:
      connection.refused = true;
      [[fallthrough]];
    case StreamVerdict::kIgnore:
      connection.ignored = true;
      DropHeld(connection);
      return;
  }
}

void Reassembler::Deliver(Connection& connection, Direction direction, const Arrival& arrival) {
  HalfStream& half = connection.from(direction);
  const std::uint64_t old = half.next - std::min(half.next, arrival.offset);
  const std::uint64_t skip = std::min<std::uint64_t>(old, arrival.bytes.size());
  const std::uint64_t missing = arrival.length - std::max<std::uint64_t>(old, arrival.bytes.size());
  StreamChunk chunk;
  chunk.direction = direction;
  chunk.offset = half.next;
  chunk.text = arrival.bytes.substr(skip);
  chunk.acked = std::min(arrival.acked, connection.from(Opposite(direction)).next);
  chunk.at = arrival.at;
  half.assumed = 0;
  if (arrival.urgent) {
    half.next = arrival.offset + arrival.length;
    return;
  }
  half.next = arrival.offset + arrival.length - missing;
  if (!chunk.text.empty()) Tell(connection, chunk);
  if (missing == 0) return;
  // The snap length, or the kernel's cut, took the end off: a gap that nothing will fill.
  half.next += missing;
  if (!connection.ignored) ReportGap(connection, direction, missing, arrival.at, arrival.cut);
}

void Reassembler::AfterSegment(Connection& connection) {
  if (connection.refused) {
    Close(connection, CloseReason::kFin);
    return;
  }
  if (!connection.fin_seen[0] || !connection.fin_seen[1]) return;
  const bool done = connection.ignored || (connection.half[0].next >= connection.half[0].fin &&
                                           connection.half[1].next >= connection.half[1].fin);
  if (done) Close(connection, CloseReason::kFin);
}

}  // namespace backscatter
