#include "tests/support/tcp_plan.h"

#include <algorithm>
#include <utility>

#include "agent/net/segment.h"

namespace backscatter::support {
namespace {

constexpr std::uint8_t kPush = tcp_flags::kPsh | tcp_flags::kAck;
constexpr PacketTime kJitter = 20 * kMicrosecond;

class Planner {
 public:
  Planner(const SessionScript& script, const TcpOptions& options, PacketTime start, Prng& prng,
          std::vector<PlannedPacket>& packets)
      : script_(script), options_(options), clock_(start), prng_(prng), packets_(packets) {
    packets_.clear();
  }

  PlanResult Run() {
    if (options_.handshake) Handshake();
    for (const SessionScript::Write& write : script_.writes()) Send(write);
    Close();
    if (options_.crossed_in_capture > 0) CrossInCapture();
    return result_;
  }

 private:
  struct Arrival {
    std::uint32_t offset = 0;
    std::uint16_t length = 0;
    std::uint8_t flags = tcp_flags::kAck;
    bool hidden = false;
  };

  void Advance(PacketTime by) {
    clock_ += by + kMicrosecond * prng_.Below(static_cast<std::uint32_t>(kJitter / kMicrosecond));
  }

  void Emit(Direction from, std::uint32_t offset, std::uint16_t length, std::uint8_t flags) {
    packets_.push_back({clock_, offset, received_[Index(from)], length, from, flags});
  }

  void PureAck(Direction from) { Emit(from, sent_[Index(from)], 0, tcp_flags::kAck); }

  void Handshake() {
    Emit(Direction::kFromClient, 0, 0, tcp_flags::kSyn);
    if (prng_.Chance(options_.resent_syns)) {
      Advance(kSecond);
      Emit(Direction::kFromClient, 0, 0, tcp_flags::kSyn);
    }
    Advance(30 * kMicrosecond);
    Emit(Direction::kFromServer, 0, 0, tcp_flags::kSyn | tcp_flags::kAck);
    Advance(options_.round_trip);
    PureAck(Direction::kFromClient);
  }

  // The write as its segments arrive: cut, then disordered, repeated or hidden.
  void CutWrite(const SessionScript::Write& write) {
    arrivals_.clear();
    for (std::uint32_t done = 0; done < write.length;) {
      const auto part = static_cast<std::uint16_t>(
          std::min<std::uint32_t>(options_.maximum_segment, write.length - done));
      done += part;
      arrivals_.push_back(
          {write.begin + done - part, part, done == write.length ? kPush : tcp_flags::kAck, false});
    }
    if (options_.lose_segment) LoseOne(write);
    const auto count = static_cast<std::uint32_t>(arrivals_.size());
    if (count > 1 && prng_.Chance(options_.disordered_writes)) {
      const std::uint32_t late = prng_.Below(count - 1);
      const std::uint32_t by = std::min(prng_.Between(1, 4), count - 1 - late);
      const auto first = arrivals_.begin() + late;
      std::rotate(first, first + 1, first + by + 1);
    }
    if (options_.retransmitted_segments > 0) Retransmit();
  }

  void LoseOne(const SessionScript::Write& write) {
    for (Arrival& arrival : arrivals_) {
      if (arrival.offset < write.lossy_begin) continue;
      if (arrival.offset + arrival.length > write.lossy_end) return;
      if (!prng_.Chance(400)) continue;
      arrival.hidden = true;
      ++result_.lost_segments;
      return;
    }
  }

  void Retransmit() {
    for (std::size_t i = 0; i < arrivals_.size(); ++i) {
      if (arrivals_[i].hidden || !prng_.Chance(options_.retransmitted_segments)) continue;
      const std::size_t place = std::min<std::size_t>(i + prng_.Between(1, 3), arrivals_.size());
      const Arrival again = arrivals_[i];
      arrivals_.insert(arrivals_.begin() + static_cast<std::ptrdiff_t>(place), again);
      i = place;
    }
  }

  // The receiver takes a segment; false if it did not move its edge.
  bool Receive(Direction from, const Arrival& arrival) {
    std::uint32_t& edge = received_[Index(Opposite(from))];
    const std::uint32_t end = arrival.offset + arrival.length;
    if (arrival.offset > edge) {
      early_.push_back({arrival.offset, end});
      return false;
    }
    if (end <= edge) return false;
    edge = end;
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& [begin, early_end] : early_) {
        if (begin <= edge && early_end > edge) edge = early_end, moved = true;
      }
    }
    return true;
  }

  void Send(const SessionScript::Write& write) {
    const Direction from = write.from;
    const std::size_t me = Index(from);
    WaitBefore(write);
    CutWrite(write);
    early_.clear();
    // What crosses on the wire is not acknowledged yet. `received_` is put right afterwards.
    const std::uint32_t truly_received = received_[me];
    if (write.unseen > 0) {
      const auto& ends = write_ends_[1 - me];
      const std::size_t known = ends.size() > write.unseen ? ends.size() - write.unseen : 0;
      const std::uint32_t edge = known > 0 ? ends[known - 1] : 0;
      received_[me] = std::max(edge, last_acknowledged_[me]);
    }
    std::uint32_t since_ack = 0;
    for (const Arrival& arrival : arrivals_) {
      if (!arrival.hidden) Emit(from, arrival.offset, arrival.length, arrival.flags);
      const bool moved = Receive(from, arrival);
      sent_[me] = std::max(sent_[me], arrival.offset + arrival.length);
      Advance(options_.segment_spacing);
      if (arrivals_.size() > 1 && (!moved || ++since_ack >= options_.acknowledge_every)) {
        PureAck(Opposite(from));
        since_ack = 0;
      }
    }
    last_acknowledged_[me] = received_[me];
    received_[me] = truly_received;
    write_ends_[me].push_back(sent_[me]);
    After(from, since_ack > 0);
  }

  // Swaps a payload with the answer that follows at once; the times stay in order.
  void CrossInCapture() {
    for (std::size_t i = 0; i + 1 < packets_.size(); ++i) {
      PlannedPacket& first = packets_[i];
      PlannedPacket& answer = packets_[i + 1];
      if (first.length == 0 || answer.length == 0 || first.from == answer.from) continue;
      if (!prng_.Chance(options_.crossed_in_capture)) continue;
      std::swap(first, answer);
      std::swap(first.at, answer.at);
      ++i;
    }
  }

  void WaitBefore(const SessionScript::Write& write) {
    if (write.from == last_from_) {
      Advance(options_.segment_spacing);
    } else {
      Advance(write.from == Direction::kFromClient ? options_.round_trip : options_.server_think);
    }
    last_from_ = write.from;
  }

  void After(Direction from, bool unacknowledged) {
    if (unacknowledged && prng_.Chance(options_.delayed_acks)) {
      Advance(kMillisecond);
      PureAck(Opposite(from));
    }
    if (prng_.Chance(options_.keep_alives) && sent_[Index(from)] > 0) {
      Advance(kSecond);
      Emit(from, sent_[Index(from)] - 1, 0, tcp_flags::kAck);
      Advance(30 * kMicrosecond);
      PureAck(Opposite(from));
    }
  }

  void Fin(Direction from) {
    Emit(from, sent_[Index(from)], 0, tcp_flags::kFin | tcp_flags::kAck);
    received_[Index(Opposite(from))] = ++sent_[Index(from)];
  }

  void Close() {
    if (script_.ending == Ending::kNone) return;
    const bool server =
        script_.ending == Ending::kServerFin || script_.ending == Ending::kServerReset;
    const Direction first = server ? Direction::kFromServer : Direction::kFromClient;
    Advance(first == last_from_ ? 50 * kMicrosecond : options_.round_trip);
    if (script_.ending == Ending::kClientReset || script_.ending == Ending::kServerReset) {
      Emit(first, sent_[Index(first)], 0, tcp_flags::kRst | tcp_flags::kAck);
      return;
    }
    Fin(first);
    Advance(options_.round_trip);
    Fin(Opposite(first));
    Advance(30 * kMicrosecond);
    PureAck(first);
  }

  const SessionScript& script_;
  const TcpOptions& options_;
  PacketTime clock_;
  Prng& prng_;
  std::vector<PlannedPacket>& packets_;
  PlanResult result_;
  std::vector<Arrival> arrivals_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> early_;  // out of order at the receiver
  std::vector<std::uint32_t> write_ends_[2];  // by writer: stream offset after each of its writes
  std::uint32_t sent_[2] = {0, 0};
  std::uint32_t received_[2] = {0, 0};  // by receiver: contiguous bytes of the other's stream
  std::uint32_t last_acknowledged_[2] = {0, 0};
  Direction last_from_ = Direction::kFromClient;
};

}  // namespace

PlanResult PlanPackets(const SessionScript& script, const TcpOptions& options, PacketTime start,
                       Prng& prng, std::vector<PlannedPacket>& packets) {
  return Planner(script, options, start, prng, packets).Run();
}

}  // namespace backscatter::support
