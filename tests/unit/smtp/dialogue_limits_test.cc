// What a dialogue keeps is bounded; what it counts is not.
#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

SessionRunner& Greet(SessionRunner& run) {
  return run.S("220 mx\r\n").C("EHLO a\r\n").S("250 mx\r\n");
}

TEST(DialogueLimits, ManyCommandsWithoutRepliesAreBoundedAndStillCounted) {
  SessionRunner run;
  Greet(run);
  std::string flood;
  for (int i = 0; i < 10000; ++i) flood += "MAIL FROM:<>\r\n";
  run.C(flood).Close();
  EXPECT_EQ(run.transactions().size(), 10000u);
  EXPECT_EQ(run.Count(Loss::kSmtpRepliesDropped), 10000u - kMaxPending);
}

TEST(DialogueLimits, TooManyRecipientsAreCountedThoughNotKept) {
  SessionRunner run;
  Greet(run).C("MAIL FROM:<>\r\n").S("250 ok\r\n");
  for (int i = 0; i < 10100; ++i) run.C("RCPT TO:<v@v.test>\r\n").S("250 ok\r\n");
  run.Close();
  ASSERT_EQ(run.transactions().size(), 1u);
  EXPECT_EQ(run.transaction(0).recipients.size(), kMaxRecipients);
  EXPECT_EQ(run.transaction(0).recipients_not_kept, 100u);
}

// Many sessions of one engine under a budget.
class HeldBudget : public testing::Test, private TransactionSink {
 protected:
  explicit HeldBudget() : sessions({}, &ledger, this) {}

  ConnectionInfo Open(std::uint16_t port) {
    ConnectionInfo info;
    info.client = {*IpAddress::Parse("198.51.100.7"), port};
    info.server = {*IpAddress::Parse("192.0.2.25"), 25};
    info.on_smtp_port = true;
    info.start_seen[0] = info.start_seen[1] = true;
    info.packets_seen[0] = info.packets_seen[1] = true;
    return info;
  }
  StreamVerdict Play(ConnectionInfo& info, Direction direction, const std::string& text) {
    info.payload_seen[static_cast<int>(direction)] = true;
    StreamChunk chunk;
    chunk.direction = direction;
    chunk.text = text;
    chunk.acked = 1'000'000;
    return sessions.OnChunk(info, chunk);
  }

  Ledger ledger;
  Sessions sessions;

 private:
  void OnTransaction(const Transaction&) override {}
  void OnSession(const SessionSummary&) override {}
};

TEST_F(HeldBudget, SessionsThatCameAndWentLeaveNothing) {
  sessions.SetHeldBudget(1 << 20);
  for (std::uint16_t port = 1; port <= 100; ++port) {
    ConnectionInfo info = Open(port);
    Play(info, Direction::kFromServer, "220 mx\r\n");
    EXPECT_EQ(Play(info, Direction::kFromClient, std::string(4000, 'x')), StreamVerdict::kContinue);
    EXPECT_GT(sessions.held_bytes(), 4000u);
    sessions.OnClose(info, CloseReason::kFin, 0);
    EXPECT_EQ(sessions.held_bytes(), 0u);
  }
}

TEST_F(HeldBudget, ABudgetThatComesLaterCountsWhatIsOpenFromItsNextChunkOn) {
  ConnectionInfo first = Open(1);
  ConnectionInfo second = Open(2);
  Play(first, Direction::kFromClient, std::string(4000, 'x'));
  Play(second, Direction::kFromClient, std::string(4000, 'x'));
  EXPECT_EQ(sessions.held_bytes(), 0u);
  sessions.SetHeldBudget(1 << 20);
  sessions.OnClose(first, CloseReason::kFin, 0);
  EXPECT_EQ(sessions.held_bytes(), 0u);
  Play(second, Direction::kFromClient, "x");
  EXPECT_GT(sessions.held_bytes(), 4000u);
  sessions.OnClose(second, CloseReason::kFin, 0);
  EXPECT_EQ(sessions.held_bytes(), 0u);
}

TEST_F(HeldBudget, ManySmallSessionsHoldNoMoreThanTwiceTheBudget) {
  constexpr std::uint64_t kBudget = 64 << 10;
  constexpr std::uint64_t kEach = 8192;
  sessions.SetHeldBudget(kBudget);
  std::vector<ConnectionInfo> open;
  std::uint64_t most = 0;
  int refused = 0;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    ConnectionInfo info = Open(port);
    if (Play(info, Direction::kFromClient, std::string(4000, 'x')) == StreamVerdict::kRefuse) {
      sessions.OnClose(info, CloseReason::kFin, 0);
      ++refused;
    } else {
      open.push_back(info);
    }
    most = std::max(most, sessions.held_bytes());
  }
  EXPECT_GT(refused, 50);
  EXPECT_EQ(ledger.Get(Loss::kSmtpSessionsGivenUp), static_cast<std::uint64_t>(refused));
  EXPECT_GT(most, kBudget);
  EXPECT_LE(most, 2 * kBudget + kEach);
}

}  // namespace
}  // namespace backscatter
