// What cannot be delivered yet: holding it, and giving up what it waits for.
#include <algorithm>
#include <memory>

#include "agent/tcp/reassembler.h"

namespace backscatter {

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
  shape.at = arrival.at;
  shape.since = now_;
  shape.urgent = arrival.urgent;
  shape.cut = arrival.cut;
  HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
  const HeldPieces::Inserted inserted = pieces.Insert(
      shape, arrival.bytes.substr(std::min<std::uint64_t>(old, arrival.bytes.size())));
  if (inserted.conflict) ledger_.Add(Anomaly::kTcpOverlapConflict);
  connection.held->cost += inserted.cost;
  held_bytes_ += inserted.cost;
  while (connection.held != nullptr &&
         (connection.held->cost > options_.max_held_per_connection ||
          held_bytes_ > options_.max_held ||
          connection.held->pieces[static_cast<int>(direction)].size() > options_.max_held_pieces)) {
    GiveUp(connection, EarliestHeld(connection));
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
        connection.held->cost -= piece.cost();
        held_bytes_ -= piece.cost();
        progress = true;
        if (piece.end() <= half.next) continue;
        Deliver(connection, direction,
                {piece.offset, piece.length, piece.acked, piece.bytes, piece.at, piece.urgent,
                 piece.cut});
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
  held_bytes_ -= connection.held->cost;
  connection.held.reset();
  --stalled_;
}

void Reassembler::SkipTo(Connection& connection, Direction direction, std::uint64_t offset,
                         PacketTime at) {
  HalfStream& half = connection.from(direction);
  if (offset <= half.next) return;
  const std::uint64_t lost = offset - half.next;
  half.next = offset;
  ReportGap(connection, direction, lost, at);
}

// Something must be held.
Direction Reassembler::EarliestHeld(const Connection& connection) const {
  const HeldPieces& client = connection.held->pieces[0];
  const HeldPieces& server = connection.held->pieces[1];
  if (client.empty()) return Direction::kFromServer;
  const bool later = !server.empty() && server.front().since < client.front().since;
  return later ? Direction::kFromServer : Direction::kFromClient;
}

// Gives up the one thing that holds up the first held piece of a direction: the hole before it, or
// the bytes of the other direction that its sender had and that never came. Either makes progress
// or leaves a piece that Drain delivers.
void Reassembler::GiveUp(Connection& connection, Direction direction) {
  const Direction other = Opposite(direction);
  HeldPiece& mine = connection.held->pieces[static_cast<int>(direction)].front();
  const HeldPieces& theirs = connection.held->pieces[static_cast<int>(other)];
  const PacketTime at = mine.at;
  if (MayDeliver(connection, direction, mine.acked)) {
    SkipTo(connection, direction, mine.offset, at);
  } else if (theirs.empty() || mine.acked <= theirs.front().offset) {
    // Lost before anything held of the other side; nothing but the acknowledgment says so.
    HalfStream& half = connection.from(other);
    const std::uint64_t next = half.next;
    SkipTo(connection, other, half.WithoutFin(mine.acked), at);
    half.assumed += half.next - next;
  } else if (MayDeliver(connection, other, theirs.front().acked)) {
    SkipTo(connection, other, theirs.front().offset, at);
  } else if (theirs.front().acked <= mine.offset) {
    const HalfStream& half = connection.from(direction);
    SkipTo(connection, direction, half.WithoutFin(theirs.front().acked), at);
  } else {
    // Each claims to have seen the other first, which cannot be: this one goes first.
    mine.acked = connection.from(other).next;
  }
}

bool Reassembler::IsExpired(const Connection& connection, Direction direction) const {
  const HeldPieces& pieces = connection.held->pieces[static_cast<int>(direction)];
  if (pieces.empty()) return false;
  const HeldPiece& front = pieces.front();
  const HalfStream& half = connection.from(direction);
  const bool received = front.offset <= half.next || half.acked >= front.offset;
  return now_ - front.since >=
         (received ? options_.lost_after : options_.unacknowledged_lost_after);
}

void Reassembler::GiveUpExpired(Connection& connection) {
  while (connection.held != nullptr) {
    Direction direction = EarliestHeld(connection);
    if (!IsExpired(connection, direction)) direction = Opposite(direction);
    if (!IsExpired(connection, direction)) return;
    GiveUp(connection, direction);
    if (connection.held != nullptr) Drain(connection);
  }
}

}  // namespace backscatter
