#include "tests/support/generator.h"

#include <functional>
#include <memory>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/net/segment.h"
#include "tests/support/addresses.h"
#include "tests/support/body_text.h"
#include "tests/support/conversation.h"
#include "tests/support/frame_builder.h"

namespace backscatter::support {
namespace {

constexpr PacketTime kStart = 1'790'000'000 * kSecond;  // a fixed day in 2026
constexpr std::uint32_t kBodyPoolBytes = 512 * 1024;
constexpr std::uint16_t kFirstPort = 1024;
constexpr std::uint32_t kPortCount = 64'000;

// A session on its way into the file. Reused, so that its buffers keep their capacity.
struct Live {
  SessionScript script;
  std::vector<PlannedPacket> packets;
  FrameBuilder frames;
  std::size_t next = 0;
};

class Player {
 public:
  Player(const Profile& profile, std::uint64_t seed, PcapWriter& file, Truth& truth)
      : profile_(profile),
        prng_(seed),
        bodies_(seed, kBodyPoolBytes),
        file_(file),
        truth_(truth),
        conversation_(profile, bodies_, prng_, truth),
        next_port_(profile.sources, 0) {}

  void Run() {
    PacketTime next_session = kStart;
    PacketTime next_syn = kStart;
    const PacketTime syn_interval = SynInterval();
    for (;;) {
      const bool sessions_left = started_ < profile_.sessions;
      const bool syns_left = syns_ < profile_.lone_syns;
      PacketTime now = queue_.empty() ? INT64_MAX : std::get<0>(queue_.top());
      if (sessions_left && next_session <= now && (!syns_left || next_session <= next_syn)) {
        StartSession(next_session);
        next_session += Around(profile_.interval);
      } else if (syns_left && next_syn <= now) {
        StartLoneSyn(next_syn);
        next_syn += Around(syn_interval);
      } else if (!queue_.empty()) {
        PlayOne();
      } else {
        return;
      }
    }
  }

 private:
  using Turn = std::tuple<PacketTime, std::uint64_t, std::uint32_t>;  // when, order, slot

  struct Tuple {
    std::uint32_t source = 0;
    std::uint16_t port = 0;
    std::uint16_t server_port = 25;
    std::uint8_t server = 0;
    PacketTime ended_at = 0;
  };

  PacketTime SynInterval() const {
    if (profile_.lone_syns == 0) return kSecond;
    return profile_.interval * profile_.sessions / profile_.lone_syns;
  }

  // Between half and one and a half of `interval`.
  PacketTime Around(PacketTime interval) {
    return interval / 2 + interval * prng_.Below(1'000) / 1'000;
  }

  std::uint32_t TakeSlot() {
    if (free_.empty()) {
      live_.push_back(std::make_unique<Live>());
      return static_cast<std::uint32_t>(live_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void Enqueue(std::uint32_t slot) {
    Live& live = *live_[slot];
    if (live.next < live.packets.size()) {
      queue_.emplace(live.packets[live.next].at, order_++, slot);
    } else {
      free_.push_back(slot);
    }
  }

  void PlayOne() {
    const auto [at, order, slot] = queue_.top();
    queue_.pop();
    Live& live = *live_[slot];
    const PlannedPacket& packet = live.packets[live.next++];
    file_.Commit(at, live.frames.Build(live.script, packet, file_.Reserve(kMaximumFrame)));
    Enqueue(slot);
  }

  SessionKind DrawKind() {
    if (profile_.stay_open) return SessionKind::kStayOpen;
    const SessionWeights& w = profile_.weights;
    // Sessions that hang come last: a later time-out must not decide what became of them.
    const bool late = started_ > profile_.sessions - profile_.sessions / 10;
    const std::uint16_t weights[] = {
        w.mail,        w.callout,      w.starttls,
        w.tls_refused, w.implicit_tls, w.bdat_in_flight,
        w.turned_away, w.oddity,       static_cast<std::uint16_t>(late ? w.hanging : 0)};
    std::uint32_t sum = 0;
    for (const std::uint16_t weight : weights) sum += weight;
    std::uint32_t drawn = prng_.Below(sum);
    std::uint8_t kind = 0;
    while (drawn >= weights[kind]) drawn -= weights[kind++];
    return static_cast<SessionKind>(kind);
  }

  Tuple DrawTuple(SessionKind kind, PacketTime now) {
    Tuple tuple;
    tuple.server_port = kind == SessionKind::kImplicitTls ? 465 : 25;
    if (prng_.Chance(profile_.tuple_reuse)) {
      for (auto earlier = ended_.begin(); earlier != ended_.end(); ++earlier) {
        if (earlier->server_port != tuple.server_port || earlier->ended_at + kSecond > now)
          continue;
        tuple = *earlier;
        ended_.erase(earlier);
        return tuple;
      }
    }
    tuple.source = prng_.Below(profile_.sources);
    tuple.port = static_cast<std::uint16_t>(
        kFirstPort + (tuple.source * 977 + next_port_[tuple.source]++) % kPortCount);
    tuple.server = static_cast<std::uint8_t>(prng_.Below(3));
    return tuple;
  }

  void StartSession(PacketTime at) {
    const std::uint32_t slot = TakeSlot();
    Live& live = *live_[slot];
    const SessionKind kind = DrawKind();
    ++started_;
    Tuple tuple = DrawTuple(kind, at);
    ConnectionEnds ends;
    ends.client = {SourceAddress(profile_, tuple.source), tuple.port};
    const bool v6 = !ends.client.address.is_v4();
    ends.server = {ServerAddress(v6, tuple.server), tuple.server_port};
    for (std::uint32_t& sequence : ends.initial_sequence) {
      sequence = static_cast<std::uint32_t>(prng_.Next());
    }
    conversation_.Compose(kind, ends.client.address.ToString(), live.script);
    const PlanResult plan = Plan(live, at, v6);
    const bool encrypted = kind == SessionKind::kStarttls || kind == SessionKind::kImplicitTls;
    truth_.AddSession(encrypted, plan.lost_segments > 0);
    live.frames.Reset(ends);
    live.next = 0;
    if (profile_.tuple_reuse > 0 && live.script.ending != Ending::kNone) {
      tuple.ended_at = live.packets.back().at;
      ended_.push_back(tuple);
    }
    Enqueue(slot);
  }

  PlanResult Plan(Live& live, PacketTime at, bool v6) {
    TcpOptions options = profile_.tcp;
    if (v6) options.maximum_segment = static_cast<std::uint16_t>(options.maximum_segment - 20);
    options.round_trip = Around(options.round_trip);
    options.server_think = Around(options.server_think);
    options.lose_segment = prng_.Chance(profile_.lossy);
    return PlanPackets(live.script, options, at, prng_, live.packets);
  }

  // A SYN that is never completed; some are repeated, some get a SYN-ACK, some a reset.
  void StartLoneSyn(PacketTime at) {
    const std::uint32_t slot = TakeSlot();
    Live& live = *live_[slot];
    live.script.Clear();
    live.packets.clear();
    live.next = 0;
    ConnectionEnds ends;
    ends.client = {FloodAddress(syns_++),
                   static_cast<std::uint16_t>(kFirstPort + prng_.Below(kPortCount))};
    ends.server = {ServerAddress(false, prng_.Below(3)), 25};
    for (std::uint32_t& sequence : ends.initial_sequence) {
      sequence = static_cast<std::uint32_t>(prng_.Next());
    }
    live.frames.Reset(ends);
    const auto add = [&](PacketTime after, Direction from, std::uint8_t flags) {
      live.packets.push_back({at + after, 0, 0, 0, from, flags});
    };
    add(0, Direction::kFromClient, tcp_flags::kSyn);
    if (prng_.Chance(500)) {
      add(20 * kMicrosecond, Direction::kFromServer, tcp_flags::kSyn | tcp_flags::kAck);
    } else if (prng_.Chance(100)) {
      add(20 * kMicrosecond, Direction::kFromServer, tcp_flags::kRst | tcp_flags::kAck);
    } else if (prng_.Chance(50)) {
      add(kSecond, Direction::kFromClient, tcp_flags::kSyn);
    }
    Enqueue(slot);
  }

  const Profile& profile_;
  Prng prng_;
  BodyText bodies_;
  PcapWriter& file_;
  Truth& truth_;
  Conversation conversation_;
  std::vector<std::uint16_t> next_port_;  // by source
  std::vector<Tuple> ended_;
  std::vector<std::unique_ptr<Live>> live_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<Turn, std::vector<Turn>, std::greater<Turn>> queue_;
  std::uint64_t order_ = 0;
  std::uint32_t started_ = 0;
  std::uint32_t syns_ = 0;
};

}  // namespace

void Generate(const Profile& profile, std::uint64_t seed, PcapWriter& file, Truth& truth) {
  Player(profile, seed, file, truth).Run();
}

}  // namespace backscatter::support
