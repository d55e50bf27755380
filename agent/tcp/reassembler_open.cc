// The reassembler's table of connections: opening, closing, handshakes, time-outs.
#include <algorithm>
#include <tuple>
#include <utility>

#include "agent/tcp/flow_hash.h"
#include "agent/tcp/reassembler.h"

namespace backscatter {
namespace {

// How far from the noted start a first payload may lie and still belong to that handshake: a full
// initial window with window scaling, lost or not yet seen.
constexpr std::int32_t kMaxStartGap = 1 << 20;

std::uint32_t Tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

std::int32_t Difference(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

std::string_view View(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Reassembler::Reassembler(const ReassemblerOptions& options, Ledger* ledger, StreamSink* sink)
    : options_(options),
      ledger_(*ledger),
      sink_(*sink),
      notes_(options.max_notes, ledger),
      slots_(1024) {
  for (const std::uint16_t port : options_.ports) ports_.set(port);
}

Reassembler::~Reassembler() = default;

Connection* Reassembler::Find(std::uint64_t hash, const Segment& segment, Direction& direction) {
  const std::size_t mask = slots_.size() - 1;
  const std::uint32_t tag = Tag(hash);
  for (std::size_t i = hash & mask; slots_[i].index != 0; i = (i + 1) & mask) {
    if (slots_[i].tag != tag) continue;
    Connection& connection = At(slots_[i].index - 1);
    if (connection.info.client == segment.source && connection.info.server == segment.destination) {
      direction = Direction::kFromClient;
      return &connection;
    }
    if (connection.info.server == segment.source && connection.info.client == segment.destination) {
      direction = Direction::kFromServer;
      return &connection;
    }
  }
  return nullptr;
}

void Reassembler::InsertSlot(std::uint64_t hash, std::uint32_t index) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  while (slots_[i].index != 0) i = (i + 1) & mask;
  slots_[i] = {Tag(hash), index + 1};
}

void Reassembler::EraseSlot(const Connection& connection) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = connection.hash & mask;
  while (slots_[hole].index == 0 || &At(slots_[hole].index - 1) != &connection) {
    hole = (hole + 1) & mask;
  }
  // Backward-shift deletion: no tombstones.
  for (std::size_t i = (hole + 1) & mask; slots_[i].index != 0; i = (i + 1) & mask) {
    const std::size_t home = At(slots_[i].index - 1).hash & mask;
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      slots_[hole] = slots_[i];
      hole = i;
    }
  }
  slots_[hole] = {};
}

void Reassembler::Grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  for (const Slot& slot : old) {
    if (slot.index != 0) InsertSlot(At(slot.index - 1).hash, slot.index - 1);
  }
}

Connection& Reassembler::Allocate(std::uint64_t hash) {
  if (open_ >= options_.max_connections) EvictOne();
  if (free_head_ == 0) {
    const auto base = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<Connection[]>(kChunk));
    for (std::uint32_t i = kChunk; i-- > 0;) {
      chunks_.back()[i].next_free = free_head_;
      free_head_ = base + i + 1;
    }
  }
  const std::uint32_t index = free_head_ - 1;
  Connection& connection = At(index);
  free_head_ = connection.next_free;
  connection = Connection{};
  connection.in_use = true;
  connection.index = index;
  connection.hash = hash;
  if ((open_ + 1) * 2 > slots_.size()) Grow();
  InsertSlot(hash, index);
  ++open_;
  return connection;
}

void Reassembler::OnSyn(std::uint64_t hash, const Segment& segment) {
  const bool answer = segment.has(tcp_flags::kAck);
  const std::uint32_t start = segment.sequence + 1;
  Direction direction = Direction::kFromClient;
  if (Connection* const connection = Find(hash, segment, direction)) {
    const HalfStream& half = connection->from(direction);
    // The handshake of this very connection, again or late.
    const std::int32_t behind = Difference(half.base, start);
    if (half.known && behind >= 0 && behind < kMaxStartGap) return;
    if (!answer) {
      connection->syn_noted = true;  // nothing is decided until the other side answers
    } else {
      Close(*connection, CloseReason::kReused);
    }
  }
  FlowNote& note = notes_.Put(hash, segment.source, segment.destination, now_);
  const bool handshake =
      note.state == FlowNote::State::kSyn || note.state == FlowNote::State::kSynAck;
  if (answer) {
    note.client = segment.destination;
    note.server = segment.source;
    note.client_sequence = segment.acknowledgment;
    note.server_sequence = start;
    note.state = FlowNote::State::kSynAck;
    note.has_other = false;
    return;
  }
  if (handshake && note.client == segment.source && note.client_sequence != start) {
    ledger_.Add(Anomaly::kTcpSynResent);
    // After an answer, a SYN with another ISN is a new connection only if it is answered too, or
    // if payload follows it; keep both.
    note.other_client_sequence = note.client_sequence;
    note.has_other = true;
    if (note.state == FlowNote::State::kSynAck) {
      std::swap(note.client_sequence, note.other_client_sequence);
      note.other_client_sequence = start;
      return;
    }
  }
  note.client = segment.source;
  note.server = segment.destination;
  note.client_sequence = start;
  if (note.state != FlowNote::State::kSynAck) note.state = FlowNote::State::kSyn;
}

// A payload that fits a later SYN and not the stream: the tuple was reused, and the SYN-ACK was
// not captured.
bool Reassembler::IsReused(Connection& connection, Direction direction, const Segment& segment) {
  if (direction != Direction::kFromClient || segment.payload_wire_length == 0) return false;
  const FlowNote* const note = notes_.Find(connection.hash, segment.source, segment.destination);
  if (note == nullptr || note->state != FlowNote::State::kSyn) return false;
  const HalfStream& half = connection.from(direction);
  const std::int64_t ahead = half.OffsetOf(segment.sequence) - static_cast<std::int64_t>(half.next);
  return note->client_sequence == segment.sequence &&
         (ahead < -kMaxStartGap || ahead > kMaxStartGap);
}

bool Reassembler::DecideRoles(const Segment& segment, FlowNote* note, Endpoint& client,
                              Endpoint& server) {
  const bool to_port = IsSmtpPort(segment.destination.port);
  const bool from_port = IsSmtpPort(segment.source.port);
  const bool noted = note != nullptr && (note->state == FlowNote::State::kSyn ||
                                         note->state == FlowNote::State::kSynAck);
  const bool on_port = noted ? IsSmtpPort(note->server.port) : (to_port || from_port);
  if (!on_port && !options_.any_port) return false;
  Speaker speaker = Speaker::kUnknown;
  if (!on_port || (!noted && to_port == from_port)) {
    speaker = sink_.Judge(View(segment.payload), on_port);
    if (!on_port && speaker != Speaker::kClient && speaker != Speaker::kServer) return false;
  }
  if (noted) {
    client = note->client;
    server = note->server;
    if (on_port) return true;
    return (speaker == Speaker::kClient) == (client == segment.source);
  }
  bool from_client = to_port;
  if (to_port == from_port) {
    from_client = speaker == Speaker::kClient ||
                  (speaker != Speaker::kServer && segment.source.port > segment.destination.port);
  }
  client = from_client ? segment.source : segment.destination;
  server = from_client ? segment.destination : segment.source;
  return true;
}

Connection* Reassembler::Open(std::uint64_t hash, const Segment& segment, Direction& direction) {
  FlowNote* note = notes_.Find(hash, segment.source, segment.destination);
  if (note != nullptr && note->state == FlowNote::State::kRefused) return nullptr;
  if (note != nullptr && note->state == FlowNote::State::kClosed) {
    const bool by_client = note->client == segment.source;
    const std::uint32_t expected = by_client ? note->client_sequence : note->server_sequence;
    // A late copy of what was delivered, or a stray behind a close.
    if (Difference(segment.sequence, expected) < 0) return nullptr;
  }
  Endpoint client;
  Endpoint server;
  if (!DecideRoles(segment, note, client, server)) return nullptr;
  direction = client == segment.source ? Direction::kFromClient : Direction::kFromServer;

  Connection& connection = Allocate(hash);
  ConnectionInfo& info = connection.info;
  info.client = client;
  info.server = server;
  info.opened_at = segment.captured_at;
  info.last_packet_at = now_;
  info.weight = segment.weight;
  info.on_smtp_port = IsSmtpPort(server.port);
  SetStarts(connection, segment, direction, note);
  if (note != nullptr) notes_.Erase(hash, client, server);
  return &connection;
}

void Reassembler::SetStarts(Connection& connection, const Segment& segment, Direction direction,
                            const FlowNote* note) {
  const auto set = [&](Direction d, std::uint32_t first) {
    connection.from(d).known = true;
    connection.from(d).base = first;
    connection.info.start_seen[static_cast<int>(d)] = true;
  };
  if (note != nullptr && note->state == FlowNote::State::kSynAck) {
    const std::uint32_t expected =
        direction == Direction::kFromClient ? note->client_sequence : note->server_sequence;
    const std::int32_t distance = Difference(segment.sequence, expected);
    // Elsewhere than on an SMTP port earlier payload may have gone by unwanted (an HTTP CONNECT):
    // only a first byte is a start there.
    const std::int32_t reach = connection.info.on_smtp_port ? kMaxStartGap : 0;
    if (distance >= -reach && distance <= reach) {
      set(Direction::kFromClient, note->client_sequence);
      set(Direction::kFromServer, note->server_sequence);
      connection.info.packets_seen[static_cast<int>(Direction::kFromServer)] = true;
      return;
    }
    if (note->has_other && direction == Direction::kFromClient &&
        Difference(segment.sequence, note->other_client_sequence) == 0) {
      set(Direction::kFromClient, note->other_client_sequence);
      return;
    }
  }
  if (note != nullptr && note->state == FlowNote::State::kSyn) {
    const bool by_client = direction == Direction::kFromClient;
    const std::uint32_t shown = by_client ? segment.sequence : segment.acknowledgment;
    // The SYN nearest before what is seen now, of those that were sent.
    const std::int32_t a = Difference(shown, note->client_sequence);
    const std::int32_t b = note->has_other ? Difference(shown, note->other_client_sequence) : -1;
    const bool a_fits = a >= 0 && a <= kMaxStartGap;
    const bool b_fits = b >= 0 && b <= kMaxStartGap;
    if (a_fits && (!b_fits || a <= b)) {
      set(Direction::kFromClient, note->client_sequence);
    } else if (b_fits) {
      set(Direction::kFromClient, note->other_client_sequence);
    }
  }
}

void Reassembler::Close(Connection& connection, CloseReason reason) {
  while (connection.held != nullptr) {
    GiveUp(connection);
    if (connection.held != nullptr) Drain(connection);
  }
  const PacketTime at = connection.info.last_packet_at;
  sink_.OnClose(connection.info, reason, at);
  if (reason != CloseReason::kEndOfInput && reason != CloseReason::kReused) {
    FlowNote& note =
        notes_.Put(connection.hash, connection.info.client, connection.info.server, now_);
    note.client = connection.info.client;
    note.server = connection.info.server;
    note.state = connection.refused ? FlowNote::State::kRefused : FlowNote::State::kClosed;
    // An ignored stream was not followed to its end: everything near it is late.
    const std::uint64_t slack = connection.ignored ? std::uint64_t{1} << 30 : 0;
    note.client_sequence = connection.half[0].SequenceOf(connection.half[0].next + slack);
    note.server_sequence = connection.half[1].SequenceOf(connection.half[1].next + slack);
  }
  EraseSlot(connection);
  const std::uint32_t index = connection.index;
  connection = Connection{};
  connection.next_free = free_head_;
  free_head_ = index + 1;
  --open_;
}

PacketTime Reassembler::IdleLimit(const Connection& connection) const {
  if (connection.reset) return options_.reset_linger;
  if (connection.fin_seen[0] || connection.fin_seen[1]) return options_.half_closed_timeout;
  return options_.idle_timeout;
}

void Reassembler::Sweep(std::size_t slots) {
  const std::uint32_t total = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
  for (std::size_t i = 0; i < slots && i < total; ++i) {
    if (++sweep_cursor_ >= total) sweep_cursor_ = 0;
    Connection& connection = At(sweep_cursor_);
    if (!connection.in_use) continue;
    if (connection.held != nullptr) GiveUpExpired(connection);
    if (connection.refused || now_ - connection.info.last_packet_at > IdleLimit(connection)) {
      const bool ended = connection.reset || connection.fin_seen[0] || connection.fin_seen[1];
      Close(connection, connection.reset ? CloseReason::kReset
                        : ended          ? CloseReason::kFin
                                         : CloseReason::kTimeout);
    }
  }
}

// The least recently active of a run of connections: near enough to LRU, with no list to keep.
void Reassembler::EvictOne() {
  constexpr std::uint32_t kSample = 64;
  const std::uint32_t total = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
  Connection* oldest = nullptr;
  std::uint32_t seen = 0;
  for (std::uint32_t i = 0; i < total && seen < kSample; ++i) {
    if (++sweep_cursor_ >= total) sweep_cursor_ = 0;
    Connection& connection = At(sweep_cursor_);
    if (!connection.in_use) continue;
    ++seen;
    if (oldest == nullptr || connection.info.last_packet_at < oldest->info.last_packet_at) {
      oldest = &connection;
    }
  }
  if (oldest == nullptr) return;
  ledger_.Add(Loss::kTcpConnectionsEvicted);
  Close(*oldest, CloseReason::kEvicted);
}

void Reassembler::AdvanceTo(PacketTime now) {
  now_ = std::max(now_, now);
  Sweep(256 + open_ / 16);
}

void Reassembler::Finish() {
  std::vector<Connection*> open;
  open.reserve(open_);
  for (const auto& chunk : chunks_) {
    for (std::uint32_t i = 0; i < kChunk; ++i) {
      if (chunk[i].in_use) open.push_back(&chunk[i]);
    }
  }
  std::sort(open.begin(), open.end(), [](const Connection* a, const Connection* b) {
    return std::tie(a->info.opened_at, a->info.client, a->info.server) <
           std::tie(b->info.opened_at, b->info.client, b->info.server);
  });
  for (Connection* const connection : open) {
    const bool both = connection->fin_seen[0] && connection->fin_seen[1];
    Close(*connection, connection->reset ? CloseReason::kReset
                       : both            ? CloseReason::kFin
                                         : CloseReason::kEndOfInput);
  }
}

}  // namespace backscatter
