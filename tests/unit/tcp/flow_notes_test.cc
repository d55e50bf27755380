#include "agent/tcp/flow_notes.h"

#include <vector>

#include "gtest/gtest.h"

#include "tests/unit/tcp/wire.h"

namespace backscatter {
namespace {

using testing::At;

const Endpoint kServer = At("198.51.100.2", 25);

Endpoint Client(std::uint16_t port) { return At("192.0.2.1", port); }

// All in set 0; the tag differs.
std::uint64_t Hash(std::uint16_t port) { return std::uint64_t{port} << 33; }

void Note(FlowNotes& notes, std::uint16_t port, FlowNote::State state, PacketTime now = 0) {
  FlowNote& note = notes.Put(Hash(port), Client(port), kServer, now);
  note.client = Client(port);
  note.server = kServer;
  notes.SetState(note, state);
}

bool Has(FlowNotes& notes, std::uint16_t port) {
  return notes.Find(Hash(port), Client(port), kServer) != nullptr;
}

TEST(FlowNotes, AreFoundEitherWayRoundAndOnlyByTheWholeKey) {
  Ledger ledger;
  FlowNotes notes(4, &ledger);
  Note(notes, 1, FlowNote::State::kSyn);
  EXPECT_NE(notes.Find(Hash(1), kServer, Client(1)), nullptr);
  EXPECT_EQ(notes.Find(Hash(1), Client(2), kServer), nullptr);  // same hash, another flow
  EXPECT_EQ(notes.Find(Hash(2), Client(1), kServer), nullptr);
}

TEST(FlowNotes, PutGivesTheSameNoteAgain) {
  Ledger ledger;
  FlowNotes notes(4, &ledger);
  Note(notes, 1, FlowNote::State::kSyn);
  FlowNote& again = notes.Put(Hash(1), kServer, Client(1), 9 * kSecond);
  EXPECT_EQ(again.state, FlowNote::State::kSyn);
}

TEST(FlowNotes, AnErasedNoteLeavesRoomAndIsNotFound) {
  Ledger ledger;
  FlowNotes notes(4, &ledger);
  for (std::uint16_t port = 1; port <= 4; ++port) Note(notes, port, FlowNote::State::kSynAck);
  notes.Erase(*notes.Find(Hash(2), kServer, Client(2)));
  EXPECT_FALSE(Has(notes, 2));
  Note(notes, 5, FlowNote::State::kSyn);
  for (const std::uint16_t port : std::vector<std::uint16_t>{1, 3, 4, 5})
    EXPECT_TRUE(Has(notes, port)) << port;
  EXPECT_EQ(ledger.Get(Loss::kTcpNotesEvicted), 0U);
}

TEST(FlowNotes, AnEndedFlowIsPushedOutFirstAndCostsNothing) {
  Ledger ledger;
  FlowNotes notes(4, &ledger);
  Note(notes, 1, FlowNote::State::kSynAck);
  Note(notes, 2, FlowNote::State::kSyn);
  Note(notes, 3, FlowNote::State::kClosed, 50 * kSecond);
  Note(notes, 4, FlowNote::State::kSyn);
  Note(notes, 5, FlowNote::State::kSyn);
  EXPECT_FALSE(Has(notes, 3));
  EXPECT_TRUE(Has(notes, 1) && Has(notes, 2) && Has(notes, 4) && Has(notes, 5));
  EXPECT_EQ(ledger.Get(Loss::kTcpNotesEvicted), 0U);
}

TEST(FlowNotes, AFloodOfUnansweredSynsPushesOutNoAnsweredHandshake) {
  Ledger ledger;
  FlowNotes notes(4, &ledger);
  Note(notes, 1, FlowNote::State::kSynAck, 0);
  for (std::uint16_t port = 2; port < 1002; ++port) {
    Note(notes, port, FlowNote::State::kSyn, port * kSecond);
  }
  EXPECT_TRUE(Has(notes, 1));
  EXPECT_TRUE(Has(notes, 1001) && Has(notes, 1000) && Has(notes, 999));  // the oldest goes first
  EXPECT_FALSE(Has(notes, 998));
  EXPECT_EQ(ledger.Get(Loss::kTcpNotesEvicted), 997U);
}

TEST(FlowNotes, ANoteThatIsPutAgainCountsAsNew) {
  Ledger ledger;
  FlowNotes notes(4, &ledger);
  for (std::uint16_t port = 1; port <= 4; ++port) Note(notes, port, FlowNote::State::kSyn, kSecond);
  Note(notes, 1, FlowNote::State::kSyn, 2 * kSecond);
  Note(notes, 5, FlowNote::State::kSyn, 3 * kSecond);
  EXPECT_TRUE(Has(notes, 1));
  EXPECT_FALSE(Has(notes, 2));
}

TEST(FlowNotes, ANoteIsOneCacheLine) { EXPECT_EQ(sizeof(FlowNote), 64U); }

}  // namespace
}  // namespace backscatter
