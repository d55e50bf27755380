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

}  // namespace

void Reassembler::OnSegment(const Segment& segment) {
  now_ = std::max(now_, segment.captured_at);
  if (now_ - last_sweep_ >= kSecond / 4) {
    last_sweep_ = now_;
    Sweep(64 + open_ / 64);
  }
  const bool control =
      segment.has(tcp_flags::kSyn) || segment.has(tcp_flags::kFin) || segment.has(tcp_flags::kRst);
  // A pure acknowledgment matters only where bytes wait for one.
  if (!control && segment.payload_wire_length == 0 && stalled_ == 0) return;

  const std::uint64_t hash = HashFlow(options_.hash_key, segment.source, segment.destination);
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
    if (segment.payload_wire_length == 0) return;
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
  const std::int64_t offset = half.OffsetOf(segment.sequence);
  const std::int64_t ahead = offset - static_cast<std::int64_t>(half.next);
  if (ahead > kMaxJump || ahead < -kMaxJump) {
    ledger_.Add(Loss::kTcpStrayBytes, segment.payload_wire_length);
    if (++connection.strays < kMaxStrays) return;
    // The stream went on elsewhere: the tuple was reused and its handshake was not captured.
    Close(connection, CloseReason::kReused);
    return;
  }
  connection.strays = 0;

  std::uint64_t acked = 0;
  NoteAcknowledgment(connection, direction, segment, acked);
  if (segment.payload_wire_length > 0) {
    Arrival arrival{static_cast<std::uint64_t>(offset),
                    segment.payload_wire_length,
                    acked,
                    View(segment.payload),
                    segment.captured_at,
                    false};
    if (arrival.bytes.size() < arrival.length) connection.info.truncated = true;
    if (offset < 0) {  // starts before the stream was picked up
      const auto early = static_cast<std::uint64_t>(-offset);
      ledger_.Add(Loss::kTcpBeforeStartBytes, std::min(early, arrival.length));
      if (early < arrival.length) {
        arrival.bytes.remove_prefix(std::min<std::uint64_t>(early, arrival.bytes.size()));
        arrival.length -= early;
        arrival.offset = 0;
        Place(connection, direction, arrival);
      }
    } else if (segment.has(tcp_flags::kUrg) && segment.urgent_pointer > 0 &&
               segment.urgent_pointer <= arrival.length) {
      // The urgent byte leaves the stream: servers do not set SO_OOBINLINE.
      ledger_.Add(Anomaly::kTcpUrgent);
      const std::uint64_t urgent = segment.urgent_pointer - 1U;
      const auto part = [&](std::uint64_t from, std::uint64_t to, bool drop) {
        if (from == to) return;
        const std::uint64_t skip = std::min<std::uint64_t>(from, arrival.bytes.size());
        Place(connection, direction,
              {arrival.offset + from, to - from, acked, arrival.bytes.substr(skip, to - from),
               arrival.at, drop});
      };
      part(0, urgent, false);
      part(urgent, urgent + 1, true);
      part(urgent + 1, arrival.length, false);
    } else {
      Place(connection, direction, arrival);
    }
  }
  if (segment.has(tcp_flags::kFin) && offset >= 0) {
    half.fin = std::min(half.fin, static_cast<std::uint64_t>(offset) + segment.payload_wire_length);
    connection.fin_seen[static_cast<int>(direction)] = true;
  }
  // Only a reset at exactly the next byte is one for a modern peer (RFC 5961 section 3).
  if (segment.has(tcp_flags::kRst) && ahead >= 0) connection.reset = true;
  if (connection.held != nullptr) GiveUpExpired(connection);
  AfterSegment(connection);
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
    if (peer.fin != kNoOffset && acked > peer.fin) acked = peer.fin;
    peer.acked = std::max(peer.acked, acked);
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
  return acked <= connection.from(other).next;
}

void Reassembler::Place(Connection& connection, Direction direction, const Arrival& arrival) {
  if (connection.ignored) return;
  HalfStream& half = connection.from(direction);
  if (arrival.offset + arrival.length <= half.next) return;  // a retransmission, or a keep-alive
  if (arrival.offset <= half.next && MayDeliver(connection, direction, arrival.acked) &&
      (connection.held == nullptr ||
       connection.held->pieces[static_cast<int>(direction)].empty())) {
    Deliver(connection, direction, arrival);
  } else {
    Hold(connection, direction, arrival);
  }
  if (connection.held != nullptr) Drain(connection);
}

void Reassembler::ReportGap(Connection& connection, Direction direction, PacketTime at) {
  HalfStream& half = connection.from(direction);
  if (half.gap == 0 || connection.ignored) return;
  Deliver(connection, direction,
          {half.next, 0, connection.from(Opposite(direction)).next, {}, at, false});
}

void Reassembler::Deliver(Connection& connection, Direction direction, const Arrival& arrival) {
  HalfStream& half = connection.from(direction);
  const std::uint64_t old = half.next - std::min(half.next, arrival.offset);
  const std::uint64_t skip = std::min<std::uint64_t>(old, arrival.bytes.size());
  StreamChunk chunk;
  chunk.direction = direction;
  chunk.offset = half.next;
  chunk.text = arrival.bytes.substr(skip);
  chunk.gap_before = half.gap;
  chunk.acked = std::min(arrival.acked, connection.from(Opposite(direction)).next);
  chunk.at = arrival.at;
  const std::uint64_t missing = arrival.length - std::max<std::uint64_t>(old, arrival.bytes.size());
  half.next = std::max(half.next, arrival.offset + arrival.length);
  half.gap = 0;
  if (arrival.urgent) {
    half.gap = chunk.gap_before;  // not delivered: an earlier gap stays to be reported
    return;
  }
  if (missing > 0) {  // the snap length cut the end off: a gap that nothing will fill
    half.gap = missing;
    ledger_.Add(Loss::kTcpGaps);
    ledger_.Add(Loss::kTcpGapBytes, missing);
  }
  if (chunk.text.empty() && chunk.gap_before == 0) return;
  connection.info.payload_seen[static_cast<int>(direction)] = true;
  switch (sink_.OnChunk(connection.info, chunk)) {
    case StreamVerdict::kContinue:
      break;
    case StreamVerdict::kRefuse:
      connection.refused = true;
      [[fallthrough]];
    case StreamVerdict::kIgnore:
      connection.ignored = true;
      DropHeld(connection);
      return;
  }
  ReportGap(connection, direction, arrival.at);
}

void Reassembler::Hold(Connection& connection, Direction direction, const Arrival& arrival) {
  if (connection.held == nullptr) {
    connection.held = std::make_unique<HeldConnection>();
    ++stalled_;
  }
  HeldPiece shape;
  shape.offset = std::max(arrival.offset, connection.from(direction).next);
  const std::uint64_t old = shape.offset - arrival.offset;
  shape.length = arrival.length - old;
  shape.acked = arrival.acked;
  shape.at = now_;
  shape.urgent = arrival.urgent;
  HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
  const HeldPieces::Inserted inserted = pieces.Insert(
      shape, arrival.bytes.substr(std::min<std::uint64_t>(old, arrival.bytes.size())));
  if (inserted.conflict) ledger_.Add(Anomaly::kTcpOverlapConflict);
  connection.held->bytes += inserted.bytes;
  held_bytes_ += inserted.bytes;
  while (connection.held != nullptr &&
         (connection.held->bytes > options_.max_held_per_connection ||
          held_bytes_ > options_.max_held ||
          connection.held->pieces[static_cast<int>(direction)].size() > options_.max_held_pieces)) {
    GiveUp(connection);
    if (connection.held != nullptr) Drain(connection);
  }
}

void Reassembler::Drain(Connection& connection) {
  bool progress = true;
  while (progress && connection.held != nullptr) {
    progress = false;
    for (const Direction direction : {Direction::kFromClient, Direction::kFromServer}) {
      if (connection.held == nullptr) break;  // the consumer has had enough
      HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
      HalfStream& half = connection.from(direction);
      while (connection.held != nullptr && !pieces.empty() && pieces.front().offset <= half.next &&
             MayDeliver(connection, direction, pieces.front().acked)) {
        const HeldPiece piece = pieces.PopFront();
        connection.held->bytes -= piece.bytes.size();
        held_bytes_ -= piece.bytes.size();
        progress = true;
        if (piece.end() <= half.next) continue;
        Deliver(connection, direction,
                {piece.offset, piece.length, piece.acked, piece.bytes, piece.at, piece.urgent});
      }
    }
  }
  if (connection.held != nullptr && connection.held->pieces[0].empty() &&
      connection.held->pieces[1].empty()) {
    DropHeld(connection);
  }
}

void Reassembler::DropHeld(Connection& connection) {
  if (connection.held == nullptr) return;
  held_bytes_ -= connection.held->bytes;
  connection.held.reset();
  --stalled_;
}

void Reassembler::SkipTo(Connection& connection, Direction direction, std::uint64_t offset,
                         PacketTime at) {
  HalfStream& half = connection.from(direction);
  if (offset <= half.next) return;
  const std::uint64_t lost = offset - half.next;
  ledger_.Add(Loss::kTcpGaps);
  ledger_.Add(Loss::kTcpGapBytes, lost);
  half.gap += lost;
  half.next = offset;
  ReportGap(connection, direction, at);
}

// Gives up the one thing that holds up the earliest held piece: the hole before it, or the bytes of
// the other direction that its sender had and that never came.
void Reassembler::GiveUp(Connection& connection) {
  HeldConnection& held = *connection.held;
  const auto head = [&](Direction d) -> const HeldPiece* {
    const HeldPieces& pieces = held.pieces[static_cast<int>(d)];
    return pieces.empty() ? nullptr : &pieces.front();
  };
  Direction first = Direction::kFromClient;
  const HeldPiece* a = head(Direction::kFromClient);
  const HeldPiece* b = head(Direction::kFromServer);
  if (a == nullptr || (b != nullptr && b->at < a->at)) {
    std::swap(a, b);
    first = Direction::kFromServer;
  }
  const Direction other = Opposite(first);
  const bool a_ready = MayDeliver(connection, first, a->acked);
  const bool b_ready = b != nullptr && MayDeliver(connection, other, b->acked);
  const PacketTime at = a->at;
  if (a_ready) {
    SkipTo(connection, first, a->offset, at);
  } else if (b_ready) {
    SkipTo(connection, other, b->offset, at);
  } else if (b == nullptr || a->acked <= b->offset) {
    // What `a` waits for was lost: bytes of the other side before anything held of it.
    SkipTo(connection, other, a->acked, at);
  } else if (b->acked <= a->offset) {
    SkipTo(connection, first, b->acked, at);
  } else {
    // Each claims to have seen the other first, which cannot be: the earlier one goes first.
    SkipTo(connection, other, a->acked, at);
  }
}

void Reassembler::GiveUpExpired(Connection& connection) {
  while (connection.held != nullptr) {
    PacketTime deadline = 0;
    bool any = false;
    for (const Direction direction : {Direction::kFromClient, Direction::kFromServer}) {
      const HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
      if (pieces.empty()) continue;
      const HeldPiece& front = pieces.front();
      const HalfStream& half = connection.from(direction);
      const bool arrived = front.offset <= half.next || half.acked >= front.offset;
      const PacketTime wait = arrived ? options_.lost_after : options_.unacknowledged_lost_after;
      const PacketTime piece_deadline = front.at + wait;
      deadline = any ? std::min(deadline, piece_deadline) : piece_deadline;
      any = true;
    }
    if (any && now_ < deadline) return;
    if (any) GiveUp(connection);
    if (connection.held != nullptr) Drain(connection);
  }
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
