// The same traffic seen more than once, through the whole engine: it counts once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/app/engine.h"
#include "agent/base/ledger.h"
#include "tests/support/dialogue_capture.h"
#include "tests/support/prng.h"

namespace backscatter {
namespace {

using support::DialogueCapture;
using support::DialogueOptions;
using support::Merge;
using support::TimedFrame;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

// One line a transaction or session: everything that is counted of it.
class Lines final : public TransactionSink {
 public:
  void OnTransaction(const Transaction& t) override {
    std::string line = t.client.ToString() + " " + std::to_string(t.start) + "-" +
                       std::to_string(t.end) + " <" + std::string(t.Text(t.mail_from)) + ">" +
                       std::to_string(t.mail_reply);
    for (const Recipient& r : t.recipients) {
      line += " " + std::string(t.Text(r.address)) + "=" + std::to_string(r.reply);
    }
    line += " " + std::to_string(t.body_bytes) + " " + std::to_string(t.body_reply) + " " +
            std::to_string(static_cast<int>(t.outcome)) + " " +
            std::to_string(static_cast<int>(t.completeness));
    transactions.push_back(line);
    servers.push_back(t.server.ToString());
    if (t.null_sender) null_recipients += t.recipients.size();
  }
  void OnSession(const SessionSummary& s) override {
    sessions.push_back(s.client.ToString() + " " + std::to_string(s.start) + "-" +
                       std::to_string(s.end) + (s.encrypted ? " encrypted" : "") +
                       (s.one_sided ? " one-sided" : "") + (s.mid_stream ? " mid-stream" : "") +
                       (s.with_gaps ? " with gaps" : ""));
  }

  std::vector<std::string> transactions;
  std::vector<std::string> sessions;
  std::vector<std::string> servers;
  std::uint64_t null_recipients = 0;
};

struct Seen {
  Lines lines;
  Ledger ledger;
};

Seen Feed(const std::vector<TimedFrame>& frames) {
  Seen seen;
  Engine engine({}, &seen.ledger, &seen.lines);
  for (const TimedFrame& frame : frames) {
    const std::span<const std::uint8_t> bytes(
        reinterpret_cast<const std::uint8_t*>(frame.bytes.data()), frame.bytes.size());
    engine.OnPacket({.bytes = bytes,
                     .captured_at = frame.at,
                     .wire_length = static_cast<std::uint32_t>(bytes.size())});
  }
  engine.Finish();
  return seen;
}

DialogueCapture Session(const DialogueOptions& options, int variety = 0) {
  DialogueCapture capture(options);
  capture.Server("220 mx ESMTP\r\n").Client("EHLO out.test\r\n");
  capture.Server("250-mx\r\n250 PIPELINING\r\n");
  for (int mail = 0; mail <= variety % 3; ++mail) {
    capture.Client("MAIL FROM:<>\r\nRCPT TO:<v" + std::to_string(mail) + "@v.test>\r\nDATA\r\n");
    if (variety % 4 == 3) {
      capture.Server("250 ok\r\n550 no\r\n554 none\r\n").Client("RSET\r\n").Server("250 ok\r\n");
      continue;
    }
    capture.Server("250 ok\r\n250 ok\r\n354 go\r\n");
    capture.Client(std::string(static_cast<std::size_t>(variety) * 37, 'x') + "\r\n.\r\n");
    capture.Server("250 queued\r\n");
  }
  capture.Client("QUIT\r\n").Server("221 bye\r\n");
  return capture;
}

// Sessions that overlap in time, with disorder, retransmissions and every kind of end.
std::vector<TimedFrame> Traffic(std::uint64_t seed) {
  std::vector<std::vector<TimedFrame>> sessions;
  support::Prng prng(seed);
  for (int i = 0; i < 60; ++i) {
    DialogueOptions options;
    options.client_port = static_cast<std::uint16_t>(40'000 + i);
    options.client_sequence = static_cast<std::uint32_t>(prng.Next());
    options.server_sequence = static_cast<std::uint32_t>(prng.Next());
    options.start += i * 3 * kMillisecond;
    options.seed = seed + static_cast<std::uint64_t>(i);
    options.tcp.maximum_segment = 100;
    options.tcp.round_trip = 300 * kMicrosecond;  // shorter than the delay of the copies
    options.tcp.server_think = 50 * kMicrosecond;
    options.tcp.disordered_writes = 100;
    options.tcp.retransmitted_segments = 100;
    options.tcp.delayed_acks = 100;
    sessions.push_back(Session(options, i).Frames());
  }
  return Merge(std::move(sessions));
}

std::vector<TimedFrame> ByTime(std::vector<TimedFrame> frames) {
  std::ranges::stable_sort(frames, {}, &TimedFrame::at);
  return frames;
}

void ExpectTheSame(const Seen& twice, const Seen& once) {
  EXPECT_EQ(twice.lines.transactions, once.lines.transactions);
  EXPECT_EQ(twice.lines.sessions, once.lines.sessions);
  EXPECT_EQ(twice.lines.null_recipients, once.lines.null_recipients);
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const auto loss = static_cast<Loss>(i);
    EXPECT_EQ(twice.ledger.Get(loss), once.ledger.Get(loss)) << LossName(loss);
  }
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    const auto anomaly = static_cast<Anomaly>(i);
    EXPECT_EQ(twice.ledger.Get(anomaly), once.ledger.Get(anomaly)) << AnomalyName(anomaly);
  }
}

TEST(SeenTwice, EachPacketAtOnceAgainChangesNothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<TimedFrame> frames = Traffic(seed);
    std::vector<TimedFrame> twice;
    for (const TimedFrame& frame : frames) twice.insert(twice.end(), 2, frame);
    const Seen once = Feed(frames);
    ASSERT_THAT(once.lines.sessions, SizeIs(60));
    ExpectTheSame(Feed(twice), once);
  }
}

TEST(SeenTwice, CopiesThatComeUpToAMillisecondLaterChangeNothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<TimedFrame> frames = Traffic(seed);
    std::vector<TimedFrame> twice = frames;
    support::Prng prng(seed);
    for (TimedFrame copy : frames) {
      copy.at += static_cast<PacketTime>(prng.Next() % (kMillisecond + 1));
      twice.push_back(copy);
    }
    const Seen seen = Feed(ByTime(twice));
    const Seen once = Feed(frames);
    // A copy may be the last packet of its session, so the ends differ; all else is the same.
    EXPECT_EQ(seen.lines.transactions.size(), once.lines.transactions.size());
    EXPECT_EQ(seen.lines.sessions.size(), once.lines.sessions.size());
    EXPECT_EQ(seen.lines.transactions, once.lines.transactions) << seed;
    EXPECT_EQ(seen.lines.null_recipients, once.lines.null_recipients);
    EXPECT_EQ(seen.ledger.Get(Loss::kTcpGaps), 0u);
  }
}

// As where two interfaces hand over blocks of packets of their own.
TEST(SeenTwice, ASessionThatComesAgainAfterItsEndIsNoOther) {
  for (int variety = 0; variety < 12; ++variety) {
    const std::vector<TimedFrame> frames = Session({}, variety).Frames();
    std::vector<TimedFrame> twice = frames;
    twice.insert(twice.end(), frames.begin(), frames.end());
    ExpectTheSame(Feed(twice), Feed(frames));
  }
}

TEST(SeenTwice, OfOneDirectionOnlyASessionThatComesAgainIsNoOtherEither) {
  for (const Direction direction : {Direction::kFromClient, Direction::kFromServer}) {
    std::vector<TimedFrame> frames = Session({}, 1).Frames();
    std::erase_if(frames, [&](const TimedFrame& frame) { return frame.from != direction; });
    std::vector<TimedFrame> twice = frames;
    twice.insert(twice.end(), frames.begin(), frames.end());
    const Seen once = Feed(frames);
    EXPECT_THAT(once.lines.sessions, SizeIs(1));
    // With one direction it stays open until the input ends.
    ExpectTheSame(Feed(twice), once);
  }
}

TEST(SeenTwice, TheSamePortsAndNumbersMuchLaterAreAnotherSession) {
  std::vector<TimedFrame> frames = Session({}).Frames();
  DialogueOptions later;
  later.start += 60 * kSecond;
  const std::vector<TimedFrame> again = Session(later).Frames();
  frames.insert(frames.end(), again.begin(), again.end());
  EXPECT_THAT(Feed(frames).lines.sessions, SizeIs(2));
}

TEST(SeenTwice, AReusedTupleWithOtherNumbersIsAnotherSessionAtOnce) {
  std::vector<TimedFrame> frames = Session({}).Frames();
  DialogueOptions next;
  next.start = frames.back().at + kMillisecond;
  next.client_sequence = 3'000'000'000;
  const std::vector<TimedFrame> again = Session(next).Frames();
  frames.insert(frames.end(), again.begin(), again.end());
  EXPECT_THAT(Feed(frames).lines.sessions, SizeIs(2));
}

// ---- two views under two addresses
// ----------------------------------------------------------------

const DialogueOptions kPublic;  // from 198.51.100.7 to 192.0.2.25
DialogueOptions Inside() {
  DialogueOptions options = kPublic;
  options.server = "172.17.0.2";
  options.server_port = 2525;
  options.start += 20 * kMicrosecond;
  return options;
}

TEST(TwoViews, ASessionBeforeAndBehindAddressTranslationCountsOnce) {
  for (int variety = 0; variety < 12; ++variety) {
    const Seen once = Feed(Session(kPublic, variety).Frames());
    const Seen both =
        Feed(Merge({Session(kPublic, variety).Frames(), Session(Inside(), variety).Frames()}));
    EXPECT_EQ(both.lines.transactions, once.lines.transactions);
    EXPECT_THAT(both.lines.sessions, SizeIs(1));
    EXPECT_EQ(both.lines.null_recipients, once.lines.null_recipients);
    EXPECT_THAT(both.lines.servers, testing::Each(testing::Eq("192.0.2.25:25")));
    EXPECT_EQ(both.ledger.Get(Anomaly::kTcpSecondView), 1u);
  }
}

TEST(TwoViews, TheSecondMayComeWholeAfterTheFirst) {
  std::vector<TimedFrame> frames = Session(kPublic).Frames();
  const std::vector<TimedFrame> second = Session(Inside()).Frames();
  frames.insert(frames.end(), second.begin(), second.end());
  const Seen seen = Feed(frames);
  EXPECT_THAT(seen.lines.sessions, SizeIs(1));
  EXPECT_THAT(seen.lines.transactions, SizeIs(1));
}

TEST(TwoViews, AnotherClientAddressIsAnotherSession) {  // source NAT
  DialogueOptions masqueraded = kPublic;
  masqueraded.client = "172.17.0.1";
  const Seen seen = Feed(Merge({Session(kPublic).Frames(), Session(masqueraded).Frames()}));
  EXPECT_THAT(seen.lines.sessions, SizeIs(2));
  EXPECT_EQ(seen.ledger.Get(Anomaly::kTcpSecondView), 0u);
}

TEST(TwoViews, OtherNumbersOfEitherSideAreAnotherSession) {
  for (const bool of_client : {true, false}) {
    DialogueOptions other = Inside();
    (of_client ? other.client_sequence : other.server_sequence) += 1;
    const Seen seen = Feed(Merge({Session(kPublic).Frames(), Session(other).Frames()}));
    EXPECT_THAT(seen.lines.sessions, SizeIs(2)) << of_client;
    EXPECT_THAT(seen.lines.transactions, SizeIs(2)) << of_client;
  }
}

TEST(TwoViews, TheSameNumbersLaterAreAnotherSession) {
  DialogueOptions later = Inside();
  later.start += 60 * kSecond;
  const Seen seen = Feed(Merge({Session(kPublic).Frames(), Session(later).Frames()}));
  EXPECT_THAT(seen.lines.sessions, SizeIs(2));
}

TEST(TwoViews, WithoutAHandshakeNothingIsKnownToBeTheSame) {
  DialogueOptions first = kPublic;
  DialogueOptions second = Inside();
  first.tcp.handshake = second.tcp.handshake = false;
  const Seen seen = Feed(Merge({Session(first).Frames(), Session(second).Frames()}));
  EXPECT_THAT(seen.lines.sessions, SizeIs(2));
  EXPECT_EQ(seen.ledger.Get(Anomaly::kTcpSecondView), 0u);
}

TEST(TwoViews, ManySessionsEachWithTwoViewsCountOnceEach) {
  std::vector<std::vector<TimedFrame>> once;
  std::vector<std::vector<TimedFrame>> both;
  for (int i = 0; i < 200; ++i) {
    DialogueOptions options = kPublic;
    options.client_port = static_cast<std::uint16_t>(30'000 + i);
    options.client_sequence += static_cast<std::uint32_t>(i) * 7919;
    options.start += i * kMillisecond;
    DialogueOptions inside = options;
    inside.server = "172.17.0.2";
    inside.start += 15 * kMicrosecond;
    once.push_back(Session(options, i).Frames());
    both.push_back(once.back());
    both.push_back(Session(inside, i).Frames());
  }
  const Seen one = Feed(Merge(std::move(once)));
  const Seen two = Feed(Merge(std::move(both)));
  EXPECT_THAT(two.lines.transactions, UnorderedElementsAreArray(one.lines.transactions));
  EXPECT_THAT(two.lines.sessions, SizeIs(200));
  EXPECT_EQ(two.ledger.Get(Anomaly::kTcpSecondView), 200u);
  EXPECT_EQ(two.ledger.Get(Loss::kTcpNotesEvicted), 0u);
}

}  // namespace
}  // namespace backscatter
