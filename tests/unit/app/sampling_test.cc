// Sampling of whole sessions, from packets to the report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/app/engine.h"
#include "agent/base/ledger.h"
#include "agent/report/tally.h"
#include "tests/support/dialogue_capture.h"

namespace backscatter {
namespace {

using support::DialogueCapture;
using support::DialogueOptions;
using support::Merge;
using support::TimedFrame;
using testing::Each;

constexpr int kSessions = 300;
constexpr std::uint64_t kRecipients = 450;  // of them all

DialogueCapture Bounce(DialogueOptions options, int recipients) {
  options.tcp.round_trip = 1 * kMillisecond;
  DialogueCapture capture(options);
  capture.Server("220 mx\r\n").Client("HELO out.test\r\n").Server("250 mx\r\n");
  capture.Client("MAIL FROM:<>\r\n").Server("250 ok\r\n");
  for (int i = 0; i < recipients; ++i) {
    capture.Client("RCPT TO:<v" + std::to_string(i) + "@v.test>\r\n").Server("250 ok\r\n");
  }
  capture.Client("DATA\r\n").Server("354 go\r\n").Client("x\r\n.\r\n").Server("250 q\r\n");
  capture.Client("QUIT\r\n").Server("221 bye\r\n");
  return capture;
}

DialogueOptions Number(int i) {
  DialogueOptions options;
  options.client = "198.51.100." + std::to_string(1 + i % 50);
  options.client_port = static_cast<std::uint16_t>(20'000 + i);
  options.client_sequence += static_cast<std::uint32_t>(i) * 104'729;
  options.start += i * kMillisecond;
  return options;
}

const std::vector<TimedFrame>& Traffic() {
  static const std::vector<TimedFrame> frames = [] {
    std::vector<std::vector<TimedFrame>> sessions;
    for (int i = 0; i < kSessions; ++i) sessions.push_back(Bounce(Number(i), 1 + i % 2).Frames());
    return Merge(std::move(sessions));
  }();
  return frames;
}

// Which names the session: no two have the same.
std::uint16_t ClientPort(const TimedFrame& frame) {
  const std::size_t at = 14 + 20 + (frame.from == Direction::kFromClient ? 0U : 2U);
  return static_cast<std::uint16_t>(static_cast<unsigned char>(frame.bytes[at]) << 8 |
                                    static_cast<unsigned char>(frame.bytes[at + 1]));
}

// Every verdict is unknown; keeps what was seen of each session beside the tally.
class Counts final : public TransactionSink {
 public:
  Counts() : tally(TallyOptions(), &ledger) {}
  void OnTransaction(const Transaction& t) override {
    tally.OnTransaction({t, MailDirection::kUnknown, {}});
    weights.push_back(t.weight);
    completeness.push_back(t.completeness);
  }
  void OnSession(const SessionSummary& s) override {
    tally.OnSession(s);
    weights.push_back(s.weight);
    sessions.insert(s.client.port);
  }
  Report Snapshot() {
    Report report;
    tally.FillReport(0, report);
    return report;
  }

  Ledger ledger;
  Tally tally;
  std::vector<double> weights;
  std::set<std::uint16_t> sessions;  // ports of the clients
  std::vector<Completeness> completeness;
};

EngineOptions Sampled(double ratio, std::uint64_t seed) {
  EngineOptions options;
  options.tcp.sampling_ratio = ratio;
  options.tcp.sampling_key = {MixWords(seed + 1, 0x9e3779b97f4a7c15),
                              MixWords(seed + 2, 0xd1b54a32d192ed03) | 1};
  return options;
}

void Feed(Engine& engine, std::span<const TimedFrame> frames, double weight = 1.0) {
  for (const TimedFrame& frame : frames) {
    const std::span<const std::uint8_t> bytes(
        reinterpret_cast<const std::uint8_t*>(frame.bytes.data()), frame.bytes.size());
    engine.OnPacket({.bytes = bytes,
                     .captured_at = frame.at,
                     .wire_length = static_cast<std::uint32_t>(bytes.size()),
                     .weight = weight});
  }
}

struct Sum {
  double sum = 0;
  double squares = 0;
  int n = 0;
  void Add(double value) {
    sum += value;
    squares += value * value;
    ++n;
  }
  double mean() const { return sum / n; }
  double error() const { return std::sqrt((squares / n - mean() * mean()) / (n - 1)); }
};

TEST(Sampling, EstimatesAreUnbiasedAndSumsHold) {
  for (const double ratio : {0.5, 0.1}) {
    Sum sessions;
    Sum recipients;
    Sum target;
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
      Counts counts;
      Engine engine(Sampled(ratio, seed), &counts.ledger, &counts);
      Feed(engine, Traffic());
      engine.Finish();
      const Report report = counts.Snapshot();
      const Estimates& e = report.estimates;
      EXPECT_THAT(counts.weights, Each(1 / ratio));
      EXPECT_THAT(counts.completeness, Each(Completeness::kComplete));
      EXPECT_DOUBLE_EQ(e.sessions, static_cast<double>(report.sessions.total) / ratio);
      EXPECT_DOUBLE_EQ(e.sessions, e.plain + e.encrypted);
      EXPECT_DOUBLE_EQ(e.transactions, e.accepted + e.rejected + e.aborted + e.unfinished);
      double verdicts = e.retries;
      for (const double verdict : e.verdicts) verdicts += verdict;
      EXPECT_DOUBLE_EQ(e.transactions, verdicts);
      sessions.Add(e.sessions);
      recipients.Add(report.estimated_null_sender_recipients);
      double of_v0 = 0;
      double of_targets = 0;
      for (const AddressCounts& row : report.targets) {
        of_targets += row.estimated_recipients;
        if (row.address == "v0@v.test") of_v0 = row.estimated_recipients;
      }
      EXPECT_DOUBLE_EQ(of_targets, report.estimated_null_sender_recipients);
      target.Add(of_v0);
    }
    EXPECT_NEAR(sessions.mean(), kSessions, 4 * sessions.error()) << ratio;
    EXPECT_NEAR(recipients.mean(), static_cast<double>(kRecipients), 4 * recipients.error());
    EXPECT_NEAR(target.mean(), kSessions, 4 * target.error());
    // As wide as chance makes it, no wider: n (1 - p) / p.
    const double expected = std::sqrt(kSessions * (1 - ratio) / ratio / (sessions.n - 1));
    EXPECT_NEAR(sessions.error(), expected, 0.35 * expected) << ratio;
  }
}

TEST(Sampling, TheSameSeedChoosesTheSameSessionsAndALowerRatioSomeOfThem) {
  const auto chosen = [](double ratio, std::uint64_t seed) {
    Counts counts;
    Engine engine(Sampled(ratio, seed), &counts.ledger, &counts);
    Feed(engine, Traffic());
    engine.Finish();
    return counts.sessions;
  };
  const std::set<std::uint16_t> half = chosen(0.5, 7);
  EXPECT_EQ(half, chosen(0.5, 7));
  EXPECT_NE(half, chosen(0.5, 8));
  const std::set<std::uint16_t> fifth = chosen(0.2, 7);
  EXPECT_TRUE(std::ranges::includes(half, fifth));
  EXPECT_LT(fifth.size(), half.size());
}

TEST(Sampling, EachDirectionAloneChoosesTheSameSessionsAsBoth) {
  const auto chosen = [](std::vector<TimedFrame> frames) {
    Counts counts;
    Engine engine(Sampled(0.3, 1), &counts.ledger, &counts);
    Feed(engine, frames);
    engine.Finish();
    return counts.sessions;
  };
  std::vector<TimedFrame> client = Traffic();
  std::vector<TimedFrame> server = Traffic();
  std::erase_if(client, [](const TimedFrame& f) { return f.from == Direction::kFromServer; });
  std::erase_if(server, [](const TimedFrame& f) { return f.from == Direction::kFromClient; });
  EXPECT_EQ(chosen(client), chosen(Traffic()));
  EXPECT_EQ(chosen(server), chosen(Traffic()));
}

TEST(Sampling, TwoViewsOfASessionFallTogetherAndCountOnce) {
  std::vector<std::vector<TimedFrame>> both;
  for (int i = 0; i < kSessions; ++i) {
    DialogueOptions inside = Number(i);
    inside.server = "172.17.0.2";
    both.push_back(Bounce(Number(i), 1 + i % 2).Frames());
    both.push_back(Bounce(inside, 1 + i % 2).Frames());
  }
  Counts once;
  Engine one(Sampled(0.3, 1), &once.ledger, &once);
  Feed(one, Traffic());
  one.Finish();
  Counts twice;
  Engine two(Sampled(0.3, 1), &twice.ledger, &twice);
  Feed(two, Merge(std::move(both)));
  two.Finish();
  EXPECT_EQ(twice.sessions, once.sessions);
  EXPECT_EQ(twice.Snapshot().estimates.sessions, once.Snapshot().estimates.sessions);
}

// Whatever the ratio becomes, and wherever in a session that happens.
TEST(Sampling, ASessionThatWasNotChosenNeverJoinsLater) {
  const std::vector<TimedFrame> frames = Traffic();
  for (std::size_t cut = 50; cut < frames.size(); cut += frames.size() / 23) {
    Counts low;
    Engine reference(Sampled(0.1, 3), &low.ledger, &low);
    Feed(reference, frames);
    reference.Finish();

    Counts counts;
    EngineOptions options = Sampled(0.1, 3);
    Engine engine(options, &counts.ledger, &counts);
    Feed(engine, std::span(frames).first(cut));
    options.tcp.sampling_ratio = 1;
    engine.Reconfigure(options);
    Feed(engine, std::span(frames).subspan(cut));
    engine.Finish();
    EXPECT_THAT(counts.completeness, Each(Completeness::kComplete)) << cut;
    for (const double weight : counts.weights) EXPECT_TRUE(weight == 10 || weight == 1) << weight;
    // All that began behind the change, and of the others those that had been chosen.
    std::set<std::uint16_t> expected;
    for (int i = 0; i < kSessions; ++i) expected.insert(Number(i).client_port);
    for (const TimedFrame& frame : std::span(frames).first(cut)) {
      if (frame.payload_length > 0 && !low.sessions.contains(ClientPort(frame))) {
        expected.erase(ClientPort(frame));
      }
    }
    EXPECT_EQ(counts.sessions, expected) << cut;
  }
}

TEST(Sampling, WithoutAHandshakeTheLeastRatioDecidesForGood) {
  std::vector<TimedFrame> frames;
  std::vector<std::vector<TimedFrame>> sessions;
  for (int i = 0; i < kSessions; ++i) {
    DialogueOptions options = Number(i);
    options.tcp.handshake = false;
    sessions.push_back(Bounce(options, 1).Frames());
  }
  frames = Merge(std::move(sessions));
  Counts low;
  Engine reference(Sampled(0.2, 5), &low.ledger, &low);
  Feed(reference, frames);
  reference.Finish();
  Counts counts;
  EngineOptions options = Sampled(0.2, 5);
  Engine engine(options, &counts.ledger, &counts);
  options.tcp.sampling_ratio = 1;
  engine.Reconfigure(options);
  Feed(engine, frames);
  engine.Finish();
  EXPECT_EQ(counts.sessions, low.sessions);
  EXPECT_THAT(counts.weights, Each(5.0));
}

TEST(Sampling, AtARatioOfOneNothingIsWeighted) {
  Counts counts;
  Engine engine({}, &counts.ledger, &counts);
  Feed(engine, Traffic());
  engine.Finish();
  const Report report = counts.Snapshot();
  EXPECT_EQ(report.sessions.total, static_cast<std::uint64_t>(kSessions));
  EXPECT_FALSE(report.sampled());
}

TEST(Sampling, WeightsOfASourceThatSamplesAreKept) {
  Counts counts;
  Engine engine({}, &counts.ledger, &counts);
  Feed(engine, Traffic(), 4.0);
  engine.Finish();
  EXPECT_THAT(counts.weights, Each(4.0));
  EXPECT_EQ(counts.Snapshot().estimates.sessions, 4.0 * kSessions);
}

}  // namespace
}  // namespace backscatter
