// Which connections count: late copies, second views, sampling.
#include <algorithm>

#include "agent/tcp/flow_hash.h"
#include "agent/tcp/reassembler.h"

namespace backscatter {
namespace {

// How long behind the end of a connection its handshake may come again, from another interface.
constexpr std::int32_t kCopySeconds = 2;

// 0 <= fraction < 1.
double Fraction(std::uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1p-53; }

}  // namespace

// A SYN or its answer, of a connection that was seen and has ended.
bool Reassembler::IsLateCopy(const FlowNote& note, const Segment& segment) const {
  if (!note.has_ended()) return false;
  const auto second = static_cast<std::uint32_t>(segment.captured_at / kSecond);
  if (static_cast<std::int32_t>(second - note.end_second) > kCopySeconds) return false;
  if (!segment.has(tcp_flags::kAck)) {
    return note.client == segment.source && note.client_start_known &&
           note.client_start == segment.sequence + 1;
  }
  if (note.client == segment.source) return false;
  return note.server_start_known
             ? note.server_start == segment.sequence + 1
             : note.client_start_known && note.client_start == segment.acknowledgment;
}

void Reassembler::SetSamplingRatio(double ratio) {
  ratio_ = ratio;
  least_ratio_ = std::min(least_ratio_, ratio);
}

// The ratio of the moment is for a connection whose beginning was seen. Any other may have begun
// under another one, so the least that ever held decides: whoever it lets in was in before.
bool Reassembler::IsChosen(bool beginning_seen, const Endpoint& client, double& ratio) const {
  ratio = beginning_seen ? ratio_ : least_ratio_;
  if (ratio >= 1) return true;
  return Fraction(MixWords(HashEndpoint(options_.sampling_key, client), options_.sampling_key.b)) <
         ratio;
}

// From now on its handshake is nothing that a later payload could begin with.
void Reassembler::PassBy(FlowNote& note, PacketTime at) {
  note.client_start = note.client_sequence;
  note.client_start_known = true;
  note.server_start = note.server_sequence;
  note.server_start_known = note.state == FlowNote::State::kSynAck;
  note.end_second = static_cast<std::uint32_t>(at / kSecond);
  notes_.SetState(note, FlowNote::State::kPassed);
}

bool Reassembler::IsSecondView(Connection& connection, PacketTime at) {
  const ConnectionInfo& info = connection.info;
  if (!info.start_seen[static_cast<int>(Direction::kFromClient)]) return false;
  const HalfStream& client = connection.from(Direction::kFromClient);
  const HalfStream& server = connection.from(Direction::kFromServer);
  const bool server_known = info.start_seen[static_cast<int>(Direction::kFromServer)];
  // Address translation changes no sequence numbers, and nobody else knows the server's.
  const std::size_t set = views_.SetOf(info.client, client.base);
  const ClientViews::View* const first = views_.Find(set, info.client, client.base);
  if (first != nullptr && first->server != info.server &&
      TimeBetween(first->until, at) <= ClientViews::kFresh &&
      !(first->server_start_known && server_known && first->server_start != server.base)) {
    ledger_.Add(Anomaly::kTcpSecondView);
    return true;
  }
  connection.view_place =
      static_cast<std::uint32_t>(views_.Put(set, {.client = info.client,
                                                  .server = info.server,
                                                  .client_start = client.base,
                                                  .server_start = server.base,
                                                  .server_start_known = server_known,
                                                  .in_use = true,
                                                  .opened_at = at,
                                                  .until = ClientViews::kOpen}));
  connection.viewed = true;
  return false;
}

}  // namespace backscatter
