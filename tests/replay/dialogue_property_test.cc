// However a dialogue is cut into segments, and in whatever order they are captured, the
// transactions are the same.
#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/smtp/sessions.h"
#include "agent/tcp/reassembler.h"

namespace backscatter {
namespace {

struct Turn {
  Direction from;
  std::string text;
};

constexpr Direction C = Direction::kFromClient;
constexpr Direction S = Direction::kFromServer;

// Everything that a dialogue can hold, with decoys in every body.
std::vector<std::vector<Turn>> Conversations() {
  const std::string decoy = "MAIL FROM:<>\r\nRCPT TO:<decoy@v.test>\r\nDATA\r\n..\r\nQUIT\r\n";
  const std::string mail = "MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\n";
  return {
      {{S, "220 mx ESMTP\r\n"},
       {C, "EHLO out.test\r\n"},
       {S, "250-mx\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 CHUNKING\r\n"},
       {C, mail + "RCPT TO:<w@v.test>\r\nDATA\r\n"},
       {S, "250 2.1.0 ok\r\n250 2.1.5 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n354 go\r\n"},
       {C, "Subject: x\r\n\r\n" + decoy + ".\r\n"},
       {S, "250 2.0.0 queued\r\n"},
       {C, "RSET\r\n" + mail + "DATA\r\n"},
       {S, "250 ok\r\n250 ok\r\n550 no\r\n554 no valid recipients\r\n"},
       {C, "RSET\r\n"},
       {S, "250 ok\r\n"},
       {C, "MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\nBDAT 72\r\n" + decoy.substr(0, 72 - 20) +
               std::string(20, '.') + "BDAT 0 LAST\r\nQUIT\r\n"},
       {S, "250 ok\r\n250 ok\r\n250 72 octets\r\n250 queued\r\n221 bye\r\n"}},
      // a server that takes a lenient end of data, and runs what was smuggled
      {{S, "220 mx\r\n"},
       {C, "HELO out.test\r\n"},
       {S, "250 mx\r\n"},
       {C, "MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\nDATA\r\n"},
       {S, "250 ok\r\n250 ok\r\n354 go\r\n"},
       {C, "x\n.\n" + mail + "DATA\r\nfake\r\n.\r\n"},
       {S, "250 q\r\n250 ok\r\n250 ok\r\n354 go\r\n250 q\r\n"},
       {C, "QUIT\r\n"},
       {S, "221 bye\r\n"}},
      // everything at once
      {{S, "220 mx\r\n"},
       {C, "EHLO out.test\r\nMAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\nDATA\r\n" + decoy + ".\r\n" +
               mail + "DATA\r\nsecond\r\n.\r\nQUIT\r\n"},
       {S,
        "250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 q\r\n250 ok\r\n451 later\r\n554 no\r\n"
        "500 what\r\n500 what\r\n221 bye\r\n"}},
  };
}

// Keeps whole messages.
class Readers : public BodyReaders {
 public:
  BodyReaderPtr Open(const BodyRequest&) override { return BodyReaderPtr(new Reader()); }

 private:
  class Reader : public BodyReader {
   public:
    void Read(std::string_view octets) override { facts_.subject.append(octets); }
    void OnGap() override { facts_.subject += "(gap)"; }
    const MessageFacts& Finish(bool ended) override {
      facts_.read = ended ? BodyRead::kWhole : BodyRead::kHead;
      return facts_;
    }

   private:
    MessageFacts facts_;
  };
};

class Collector : public TransactionSink {
 public:
  void OnTransaction(const Transaction& t) override {
    std::string line = t.null_sender ? "<>" : std::string(t.Text(t.mail_from));
    line += " " + std::to_string(t.mail_reply);
    for (const Recipient& r : t.recipients) {
      line += " " + std::string(t.Text(r.address)) + "=" + std::to_string(r.reply);
    }
    line += " " + std::to_string(t.body_bytes) + " " + std::to_string(t.body_reply) + " " +
            std::to_string(static_cast<int>(t.outcome)) +
            std::to_string(static_cast<int>(t.completeness));
    lines.push_back(line);
    bodies.push_back(t.facts == nullptr
                         ? "none"
                         : (t.body_read == BodyRead::kWhole ? "+" : "-") + t.facts->subject);
  }
  void OnSession(const SessionSummary& s) override {
    lines.push_back(s.with_gaps ? "session with gaps" : "session");
  }
  std::vector<std::string> lines;
  std::vector<std::string> bodies;  // "+" in front of a whole one
};

struct Piece {
  Segment segment;
  std::string text;
};

const Endpoint kClient{*IpAddress::Parse("198.51.100.7"), 40000};
const Endpoint kServer{*IpAddress::Parse("2001:db8::25"), 25};

Piece MakePiece(Direction from, std::uint32_t sequence, std::uint32_t acknowledgment,
                std::uint8_t flags, std::string text) {
  Piece piece;
  piece.text = std::move(text);
  piece.segment.source = from == C ? kClient : kServer;
  piece.segment.destination = from == C ? kServer : kClient;
  piece.segment.sequence = sequence;
  piece.segment.acknowledgment = acknowledgment;
  piece.segment.flags = flags;
  return piece;
}

// Cut at random; each segment acknowledges what its sender had when its turn began.
std::vector<Piece> Cut(const std::vector<Turn>& turns, std::mt19937& random, bool fine) {
  std::uint32_t next[2] = {0xffffff00u, 77};  // the client's numbers wrap
  std::vector<Piece> pieces;
  pieces.push_back(MakePiece(C, next[0] - 1, 0, tcp_flags::kSyn, ""));
  pieces.push_back(MakePiece(S, next[1] - 1, next[0], tcp_flags::kSyn | tcp_flags::kAck, ""));
  for (const Turn& turn : turns) {
    const auto from = static_cast<std::size_t>(turn.from);
    std::size_t done = 0;
    while (done < turn.text.size()) {
      const std::size_t size =
          fine ? 1 + random() % 12 : std::min<std::size_t>(turn.text.size(), 1460);
      const std::string text = turn.text.substr(done, size);
      pieces.push_back(MakePiece(turn.from, next[from], next[1 - from],
                                 tcp_flags::kAck | tcp_flags::kPsh, text));
      next[from] += static_cast<std::uint32_t>(text.size());
      done += text.size();
    }
  }
  pieces.push_back(MakePiece(S, next[1], next[0], tcp_flags::kFin | tcp_flags::kAck, ""));
  pieces.push_back(MakePiece(C, next[0], next[1] + 1, tcp_flags::kFin | tcp_flags::kAck, ""));
  return pieces;
}

struct Result {
  std::vector<std::string> lines;
  std::vector<std::string> bodies;
  friend bool operator==(const Result&, const Result&) = default;
};

Result Replay(std::vector<Piece>& pieces) {
  Ledger ledger;
  Collector collector;
  Readers readers;
  Sessions sessions({}, &ledger, &collector, &readers);
  Reassembler reassembler({}, &ledger, &sessions);
  PacketTime now = 1'790'000'000 * kSecond;
  for (Piece& piece : pieces) {
    now += 100 * kMicrosecond;
    piece.segment.captured_at = now;
    piece.segment.payload = {reinterpret_cast<const std::uint8_t*>(piece.text.data()),
                             piece.text.size()};
    piece.segment.payload_wire_length = static_cast<std::uint32_t>(piece.text.size());
    reassembler.OnSegment(piece.segment);
  }
  reassembler.Finish();
  EXPECT_EQ(reassembler.held_bytes(), 0u);
  EXPECT_EQ(sessions.open_sessions(), 0u);
  EXPECT_EQ(ledger.Get(Loss::kTcpGapBytes), 0u);
  return {collector.lines, collector.bodies};
}

class DialogueProperty : public ::testing::TestWithParam<std::size_t> {};

TEST_P(DialogueProperty, AnySplitAndAnyOrderGiveTheSameTransactions) {
  const std::vector<Turn> turns = Conversations()[GetParam()];
  std::mt19937 random(static_cast<unsigned>(GetParam()) + 1);
  std::vector<Piece> whole = Cut(turns, random, false);
  const Result expected = Replay(whole);
  ASSERT_GT(expected.lines.size(), 2u);
  for (int round = 0; round < 300; ++round) {
    std::vector<Piece> pieces = Cut(turns, random, true);
    EXPECT_TRUE(Replay(pieces) == expected) << "in order, round " << round;
    // The handshake comes first: before it nobody knows where the streams begin.
    std::shuffle(pieces.begin() + 2, pieces.end(), random);
    // Some twice.
    for (int i = 0; i < 10; ++i) pieces.push_back(pieces[2 + random() % (pieces.size() - 2)]);
    ASSERT_TRUE(Replay(pieces) == expected) << "shuffled, round " << round;
  }
}

TEST_P(DialogueProperty, TheTransactionsAreThoseThatTheServerAnswered) {
  std::mt19937 random(1);
  std::vector<Piece> pieces = Cut(Conversations()[GetParam()], random, false);
  const auto [lines, bodies] = Replay(pieces);
  for (const std::string& line : lines) EXPECT_EQ(line.find("decoy"), std::string::npos) << line;
  static const std::size_t kTransactions[] = {3, 2, 2};
  EXPECT_EQ(lines.size(), kTransactions[GetParam()] + 1);
  const std::string decoy = "MAIL FROM:<>\r\nRCPT TO:<decoy@v.test>\r\nDATA\r\n.\r\nQUIT\r\n";
  const std::vector<std::vector<std::string>> expected = {
      {"+Subject: x\r\n\r\n" + decoy, "none", ""},
      {"+x\n\n(gap)", "+fake\r\n"},
      {"+" + decoy, "none"},
  };
  ASSERT_EQ(bodies.size(), expected[GetParam()].size());
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    if (!expected[GetParam()][i].empty()) {
      EXPECT_EQ(bodies[i], expected[GetParam()][i]);
    } else {
      EXPECT_EQ(bodies[i].size(), 1u + 72);  // in chunks
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, DialogueProperty, ::testing::Values(0, 1, 2));

}  // namespace
}  // namespace backscatter
