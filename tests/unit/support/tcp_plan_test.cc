#include "tests/support/tcp_plan.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"

#include "agent/net/segment.h"

namespace backscatter::support {
namespace {

constexpr Direction kClient = Direction::kFromClient;
constexpr Direction kServer = Direction::kFromServer;

SessionScript LongMail() {
  SessionScript script;
  script.Server("220 mx\r\n");
  script.Client("DATA\r\n");
  script.Server("354 go\r\n");
  script.Begin(kClient);
  script.Append("Subject: x\r\n\r\n");
  script.BeginLossy();
  script.Append(std::string(20'000, 'x'));
  script.EndLossy();
  script.Append("\r\n.\r\n");
  script.Server("250 Ok\r\n");
  return script;
}

std::vector<PlannedPacket> Plan(const SessionScript& script, const TcpOptions& options,
                                std::uint64_t seed, PlanResult* result = nullptr) {
  Prng prng(seed);
  std::vector<PlannedPacket> packets;
  const PlanResult r = PlanPackets(script, options, kSecond, prng, packets);
  if (result != nullptr) *result = r;
  return packets;
}

TcpOptions Rough() {
  TcpOptions options;
  options.disordered_writes = 700;
  options.retransmitted_segments = 100;
  options.resent_syns = 300;
  options.delayed_acks = 300;
  options.keep_alives = 200;
  return options;
}

TEST(TcpPlan, APlainBounceTakesTheSeventeenPacketsOfARealOne) {
  SessionScript script;
  script.Server("220 mx\r\n");
  script.Client("EHLO a\r\n");
  script.Server("250 mx\r\n");
  script.Client("MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\nDATA\r\n");
  script.Server("250 Ok\r\n250 Ok\r\n354 go\r\n");
  script.Client(std::string(2'000, 'x'));
  script.Server("250 Ok\r\n");
  script.Client("QUIT\r\n");
  script.Server("221 bye\r\n");
  // 3 to open, 10 with payload (two of the body), an ACK of the body, 3 to close.
  EXPECT_EQ(Plan(script, TcpOptions{}, 1).size(), 17u);
}

TEST(TcpPlan, TimesNeverGoBack) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto packets = Plan(LongMail(), Rough(), seed);
    EXPECT_TRUE(std::is_sorted(packets.begin(), packets.end(),
                               [](const auto& a, const auto& b) { return a.at < b.at; }));
  }
}

TEST(TcpPlan, EveryByteIsSentWhateverTheDisorder) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::set<std::pair<std::uint32_t, std::uint32_t>> ranges;
    for (const PlannedPacket& packet : Plan(LongMail(), Rough(), seed)) {
      if (packet.from == kClient && packet.length > 0) {
        ranges.insert({packet.offset, packet.offset + packet.length});
      }
    }
    std::uint32_t edge = 0;
    for (const auto& [begin, end] : ranges) {
      ASSERT_EQ(begin, edge) << "seed " << seed;
      edge = end;
    }
    EXPECT_EQ(edge, LongMail().stream_length(kClient));
  }
}

TEST(TcpPlan, AnAcknowledgmentCoversExactlyTheContiguousBytesBeforeIt) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> early[2];
    std::uint32_t edge[2] = {0, 0};  // by sender
    for (const PlannedPacket& packet : Plan(LongMail(), Rough(), seed)) {
      if ((packet.flags & tcp_flags::kAck) != 0) {
        ASSERT_EQ(packet.acknowledged, edge[Index(Opposite(packet.from))]) << "seed " << seed;
      }
      const std::size_t me = Index(packet.from);
      const std::uint32_t fin = (packet.flags & tcp_flags::kFin) != 0 ? 1 : 0;
      early[me].push_back({packet.offset, packet.offset + packet.length + fin});
      std::sort(early[me].begin(), early[me].end());
      for (const auto& [begin, end] : early[me]) {
        if (begin <= edge[me]) edge[me] = std::max(edge[me], end);
      }
    }
  }
}

TEST(TcpPlan, ALostSegmentIsInsideTheLossyPartAndTheServerAcknowledgesIt) {
  TcpOptions options;
  options.lose_segment = true;
  std::uint32_t lost = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    PlanResult result;
    const auto packets = Plan(LongMail(), options, seed, &result);
    std::uint32_t seen = 0;
    std::uint32_t acknowledged = 0;
    for (const PlannedPacket& packet : packets) {
      if (packet.from == kClient) seen += packet.length;
      if (packet.from == kServer) acknowledged = std::max(acknowledged, packet.acknowledged);
    }
    const std::uint32_t whole = LongMail().stream_length(kClient);
    EXPECT_EQ(whole - seen, result.lost_segments * 1448);
    EXPECT_EQ(acknowledged, whole + 1);  // and the FIN
    lost += result.lost_segments;
  }
  EXPECT_GT(lost, 25u);
}

TEST(TcpPlan, AnAnswerMayBeCapturedBeforeWhatItAnswers) {
  TcpOptions options;
  options.crossed_in_capture = 1000;
  const auto packets = Plan(LongMail(), options, 1);
  const auto payload = [](const PlannedPacket& packet) { return packet.length > 0; };
  const auto first = std::find_if(packets.begin(), packets.end(), payload);
  ASSERT_NE(first, packets.end());
  EXPECT_EQ(first->from, kClient);  // before the banner
  EXPECT_EQ(first->acknowledged, 8u);
  EXPECT_TRUE(std::is_sorted(packets.begin(), packets.end(),
                             [](const auto& a, const auto& b) { return a.at < b.at; }));
}

TEST(TcpPlan, SegmentsKeepToTheMaximumSize) {
  for (const PlannedPacket& packet : Plan(LongMail(), Rough(), 3)) EXPECT_LE(packet.length, 1448);
}

}  // namespace
}  // namespace backscatter::support
