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
// How far behind the end of a closed connection a segment may lie and still be a late copy.
constexpr std::int32_t kMaxLate = 64 << 20;

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
      views_(options.max_views, options.hash_key, ledger),
      ratio_(options.sampling_ratio),
      least_ratio_(options.sampling_ratio),
      slots_(1024) {
  SetPorts(options_.ports);
}

void Reassembler::SetPorts(std::span<const std::uint16_t> ports) {
  ports_.reset();
  for (const std::uint16_t port : ports) ports_.set(port);
}

Reassembler::~Reassembler() = default;

std::uint64_t Reassembler::Hash(const Segment& segment) const {
  return HashFlow(options_.hash_key, segment.source, segment.destination);
}

void Reassembler::PrefetchSlot(const Segment& segment, std::uint64_t hash) const {
  __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  if (segment.has(tcp_flags::kSyn)) notes_.PrefetchSet(hash);
}

const Connection* Reassembler::PrefetchConnection(std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint32_t tag = Tag(hash);
  for (std::size_t i = hash & mask; slots_[i].index != 0; i = (i + 1) & mask) {
    if (slots_[i].tag != tag) continue;
    const Connection& connection = connections_[slots_[i].index - 1];
    const auto* const bytes = reinterpret_cast<const char*>(&connection);
    for (std::size_t line = 0; line < sizeof(Connection); line += 64) {
      __builtin_prefetch(bytes + line, 1);
    }
    return &connection;
  }
  notes_.PrefetchNote(hash);  // a handshake, or a first payload
  return nullptr;
}

Connection* Reassembler::Find(std::uint64_t hash, const Segment& segment, Direction& direction) {
  const std::size_t mask = slots_.size() - 1;
  const std::uint32_t tag = Tag(hash);
  for (std::size_t i = hash & mask; slots_[i].index != 0; i = (i + 1) & mask) {
    if (slots_[i].tag != tag) continue;
    Connection& connection = connections_[slots_[i].index - 1];
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
  while (slots_[hole].index == 0 || &connections_[slots_[hole].index - 1] != &connection) {
    hole = (hole + 1) & mask;
  }
  // Backward-shift deletion: no tombstones.
  for (std::size_t i = (hole + 1) & mask; slots_[i].index != 0; i = (i + 1) & mask) {
    const std::size_t home = connections_[slots_[i].index - 1].hash & mask;
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
    if (slot.index != 0) InsertSlot(connections_[slot.index - 1].hash, slot.index - 1);
  }
}

Connection& Reassembler::Allocate(std::uint64_t hash) {
  if (open_ >= options_.max_connections) EvictOne();
  const std::uint32_t index = connections_.Allocate();
  Connection& connection = connections_[index];
  connection = Connection{};
  connection.in_use = true;
  connection.index = index;
  connection.hash = hash;
  if ((open_ + 1) * 2 > slots_.size()) Grow();
  InsertSlot(hash, index);
  ++open_;
  return connection;
}

// Only a server answers a SYN. Where the SYN was captured its answer must come from the other side
// and fit it; where it was not, the ports tell who can be the server.
bool Reassembler::IsBelievableAnswer(const FlowNote* note, const Segment& segment) const {
  if (note == nullptr || !note->is_handshake()) {
    return IsSmtpPort(segment.source.port) || !IsSmtpPort(segment.destination.port);
  }
  if (note->client == segment.source) return false;
  return note->state == FlowNote::State::kSyn || !note->syn_seen ||
         note->FitsSyn(segment.acknowledgment);
}

void Reassembler::OnSyn(std::uint64_t hash, const Segment& segment) {
  const bool answer = segment.has(tcp_flags::kAck);
  const std::uint32_t start = segment.sequence + 1;
  const FlowNote* const before = notes_.Find(hash, segment.source, segment.destination);
  if (before != nullptr && IsLateCopy(*before, segment)) return;
  if (answer && !IsBelievableAnswer(before, segment)) return;
  Direction direction = Direction::kFromClient;
  if (Connection* const connection = Find(hash, segment, direction)) {
    const HalfStream& half = connection->from(direction);
    // The handshake of this very connection, again or late.
    const std::int32_t behind = Difference(half.base, start);
    if (half.known && behind >= 0 && behind < kMaxStartGap) return;
    if (answer && direction == Direction::kFromClient) return;
    // A whole handshake, or as much of one as a one-sided capture shows, is a new connection. Of
    // anything less nothing is decided until payload follows: it is easily forged.
    const bool whole =
        before != nullptr && before->is_handshake() && before->FitsSyn(segment.acknowledgment);
    const bool one_sided = !connection->info.packets_seen[static_cast<int>(Direction::kFromClient)];
    if (answer && (whole || one_sided)) {
      Close(*connection, CloseReason::kReused);
    } else {
      connection->syn_noted = true;
    }
  }
  FlowNote& note = notes_.Put(hash, segment.source, segment.destination, now_);
  if (answer) {
    note.syn_seen = note.state == FlowNote::State::kSyn ||
                    (note.state == FlowNote::State::kSynAck && note.syn_seen);
    note.client = segment.destination;
    note.server = segment.source;
    note.client_sequence = segment.acknowledgment;
    note.server_sequence = start;
    notes_.SetState(note, FlowNote::State::kSynAck);
    note.has_other = false;
    return;
  }
  if (note.is_handshake() && note.client == segment.source && note.client_sequence != start) {
    ledger_.Add(Anomaly::kTcpSynResent);
    note.has_other = true;
    if (note.state == FlowNote::State::kSynAck) {
      // A SYN with another ISN behind an answer is a new connection only if it is answered too, or
      // if payload follows it; keep both.
      note.other_client_sequence = start;
      return;
    }
    note.other_client_sequence = note.client_sequence;
  }
  if (note.state == FlowNote::State::kSynAck && note.client == segment.source) {
    note.syn_seen = true;  // late
    return;
  }
  if (!note.is_handshake() || note.client != segment.source) note.has_other = false;
  note.client = segment.source;
  note.server = segment.destination;
  note.client_sequence = start;
  notes_.SetState(note, FlowNote::State::kSyn);
}

// A payload that begins what a later handshake announced and that does not fit the stream: the
// tuple was reused, and not all of its handshake was captured.
bool Reassembler::IsReused(Connection& connection, Direction direction, const Segment& segment) {
  if (segment.payload_wire_length == 0) return false;
  const FlowNote* const note = notes_.Find(connection.hash, segment.source, segment.destination);
  if (note == nullptr || !note->is_handshake()) return false;
  const bool fits = note->client == segment.source ? note->FitsSyn(segment.sequence)
                                                   : note->state == FlowNote::State::kSynAck &&
                                                         note->server_sequence == segment.sequence;
  const HalfStream& half = connection.from(direction);
  const std::int64_t ahead = half.OffsetOf(segment.sequence) - static_cast<std::int64_t>(half.next);
  return fits && (ahead < -kMaxStartGap || ahead > kMaxStartGap);
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
  if (note != nullptr &&
      (note->state == FlowNote::State::kRefused || note->state == FlowNote::State::kPassed)) {
    return nullptr;
  }
  if (note != nullptr && note->state == FlowNote::State::kClosed) {
    const bool by_client = note->client == segment.source;
    const std::uint32_t expected = by_client ? note->client_sequence : note->server_sequence;
    // A late copy of what was delivered, or a stray behind a close. From further away it is another
    // connection, whose handshake was not captured.
    const std::int32_t behind = Difference(expected, segment.sequence);
    if (behind > 0 && (note->blind || behind <= kMaxLate)) return nullptr;
  }
  Endpoint client;
  Endpoint server;
  if (!DecideRoles(segment, note, client, server)) return nullptr;
  direction = client == segment.source ? Direction::kFromClient : Direction::kFromServer;
  double ratio = 1;
  const bool beginning_seen = note != nullptr && note->is_handshake();
  if (!IsChosen(beginning_seen, client, ratio)) {
    if (beginning_seen) PassBy(*note, segment.captured_at);
    return nullptr;
  }

  // A copy: where a connection must be evicted for this one, that leaves a note of its own.
  const FlowNote handshake = note != nullptr ? *note : FlowNote{};
  if (note != nullptr) notes_.Erase(*note);
  Connection& connection = Allocate(hash);
  ConnectionInfo& info = connection.info;
  info.client = client;
  info.server = server;
  info.opened_at = segment.captured_at;
  info.last_packet_at = now_;
  info.weight = segment.weight / ratio;
  info.on_smtp_port = IsSmtpPort(server.port);
  SetStarts(connection, segment, direction, handshake);
  connection.ignored = IsSecondView(connection, segment.captured_at);
  return &connection;
}

void Reassembler::SetStarts(Connection& connection, const Segment& segment, Direction direction,
                            const FlowNote& note) {
  const auto set = [&](Direction d, std::uint32_t first) {
    connection.from(d).known = true;
    connection.from(d).base = first;
    connection.info.start_seen[static_cast<int>(d)] = true;
  };
  bool* const packets_seen = connection.info.packets_seen;
  if (note.is_handshake() && note.client == connection.info.client) {
    // Both sides are captured where both sides of the handshake were: each waits for the other.
    packets_seen[0] |= note.state == FlowNote::State::kSyn || note.syn_seen;
    packets_seen[1] |= note.state == FlowNote::State::kSynAck;
  }
  if (note.state == FlowNote::State::kSynAck) {
    const std::uint32_t expected =
        direction == Direction::kFromClient ? note.client_sequence : note.server_sequence;
    const std::int32_t distance = Difference(segment.sequence, expected);
    // Elsewhere than on an SMTP port earlier payload may have gone by unwanted (an HTTP CONNECT):
    // only a first byte is a start there.
    const std::int32_t reach = connection.info.on_smtp_port ? kMaxStartGap : 0;
    if (distance >= -reach && distance <= reach) {
      set(Direction::kFromClient, note.client_sequence);
      set(Direction::kFromServer, note.server_sequence);
      return;
    }
    if (note.has_other && direction == Direction::kFromClient &&
        Difference(segment.sequence, note.other_client_sequence) == 0) {
      set(Direction::kFromClient, note.other_client_sequence);
      return;
    }
  }
  if (note.state == FlowNote::State::kSyn) {
    const bool by_client = direction == Direction::kFromClient;
    const std::uint32_t shown = by_client ? segment.sequence : segment.acknowledgment;
    // The SYN nearest before what is seen now, of those that were sent.
    const std::int32_t a = Difference(shown, note.client_sequence);
    const std::int32_t b = note.has_other ? Difference(shown, note.other_client_sequence) : -1;
    const bool a_fits = a >= 0 && a <= kMaxStartGap;
    const bool b_fits = b >= 0 && b <= kMaxStartGap;
    if (a_fits && (!b_fits || a <= b)) {
      set(Direction::kFromClient, note.client_sequence);
    } else if (b_fits) {
      set(Direction::kFromClient, note.other_client_sequence);
    }
  }
}

void Reassembler::Close(Connection& connection, CloseReason reason) {
  while (connection.held != nullptr) {
    GiveUp(connection, EarliestHeld(connection));
    if (connection.held != nullptr) Drain(connection);
  }
  const PacketTime at = connection.info.last_packet_at;
  sink_.OnClose(connection.info, reason, at);
  if (connection.viewed) {
    views_.End(connection.view_place, connection.info.client, connection.half[0].base, at);
  }
  if (reason != CloseReason::kEndOfInput && reason != CloseReason::kReused) {
    NoteClosed(connection);
  }
  EraseSlot(connection);
  const std::uint32_t index = connection.index;
  connection = Connection{};
  connections_.Free(index);
  --open_;
}

void Reassembler::NoteClosed(const Connection& connection) {
  const ConnectionInfo& info = connection.info;
  FlowNote& note = notes_.Put(connection.hash, info.client, info.server, now_);
  if (note.is_handshake()) return;  // of the next connection, which is wanted more
  note.client = info.client;
  note.server = info.server;
  notes_.SetState(note, connection.refused ? FlowNote::State::kRefused : FlowNote::State::kClosed);
  note.blind = connection.ignored;
  const auto first_unused = [&](Direction d) {
    const HalfStream& half = connection.from(d);
    // An ignored stream was not followed to its end: everything near it is late.
    const std::uint64_t slack = connection.ignored ? std::uint64_t{1} << 30 : 0;
    return half.SequenceOf(half.next + slack + (connection.fin_seen[static_cast<int>(d)] ? 1 : 0));
  };
  note.client_sequence = first_unused(Direction::kFromClient);
  note.server_sequence = first_unused(Direction::kFromServer);
  note.client_start = connection.half[0].base;
  note.server_start = connection.half[1].base;
  note.client_start_known = info.start_seen[0];
  note.server_start_known = info.start_seen[1];
  note.end_second = static_cast<std::uint32_t>(info.last_packet_at / kSecond);
}

PacketTime Reassembler::IdleLimit(const Connection& connection) const {
  if (connection.reset) return options_.reset_linger;
  if (connection.fin_seen[0] || connection.fin_seen[1]) return options_.half_closed_timeout;
  return options_.idle_timeout;
}

void Reassembler::Sweep(std::size_t slots) {
  const std::uint32_t total = connections_.size();
  for (std::size_t i = 0; i < slots && i < total; ++i) {
    if (++sweep_cursor_ >= total) sweep_cursor_ = 0;
    Connection& connection = connections_[sweep_cursor_];
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
  const std::uint32_t total = connections_.size();
  Connection* oldest = nullptr;
  std::uint32_t seen = 0;
  for (std::uint32_t i = 0; i < total && seen < kSample; ++i) {
    if (++sweep_cursor_ >= total) sweep_cursor_ = 0;
    Connection& connection = connections_[sweep_cursor_];
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
  Sweep(256 + connections_.size() / 16);
}

void Reassembler::Finish() {
  std::vector<Connection*> open;
  open.reserve(open_);
  for (std::uint32_t i = 0; i < connections_.size(); ++i) {
    if (connections_[i].in_use) open.push_back(&connections_[i]);
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
