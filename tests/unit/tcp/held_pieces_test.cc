#include "agent/tcp/held_pieces.h"

#include "gtest/gtest.h"

namespace backscatter {
namespace {

HeldPieces::Inserted Put(HeldPieces& pieces, std::uint64_t offset, std::string_view text,
                         std::uint64_t acked = 0, std::uint64_t cut = 0) {
  HeldPiece shape;
  shape.offset = offset;
  shape.length = text.size() + cut;
  shape.acked = acked;
  return pieces.Insert(shape, text);
}

std::string Show(HeldPieces pieces) {
  std::string out;
  while (!pieces.empty()) {
    const HeldPiece piece = pieces.PopFront();
    out +=
        std::to_string(piece.offset) + '+' + std::to_string(piece.length) + ':' + piece.bytes + ' ';
  }
  return out;
}

TEST(HeldPieces, ComeOutByOffsetHoweverTheyWentIn) {
  HeldPieces pieces;
  Put(pieces, 20, "cc");
  Put(pieces, 0, "aa");
  Put(pieces, 10, "bb");
  EXPECT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces.end(), 22U);
  EXPECT_EQ(Show(pieces), "0+2:aa 10+2:bb 20+2:cc ");
}

TEST(HeldPieces, TheFirstCopyOfAByteWinsAndTheConflictIsTold) {
  HeldPieces pieces;
  Put(pieces, 4, "FIRST");
  const auto inserted = Put(pieces, 2, "xxxxxxxxxx");
  EXPECT_TRUE(inserted.conflict);
  EXPECT_EQ(Show(pieces), "2+2:xx 4+5:FIRST 9+3:xxx ");
}

TEST(HeldPieces, AnEqualOverlapIsNoConflict) {
  HeldPieces pieces;
  Put(pieces, 4, "abcd");
  EXPECT_FALSE(Put(pieces, 2, "..abcd..").conflict);
  EXPECT_FALSE(Put(pieces, 4, "abcd").conflict);
  EXPECT_FALSE(Put(pieces, 5, "b").conflict || Put(pieces, 7, "d.").conflict);
  EXPECT_TRUE(Put(pieces, 5, "X").conflict);
}

TEST(HeldPieces, FillOneHoleWithOnePiece) {
  HeldPieces pieces;
  Put(pieces, 1, "b");
  Put(pieces, 3, "d");
  Put(pieces, 5, "f");
  const auto inserted = Put(pieces, 0, "ABCDEFG");
  EXPECT_EQ(inserted.cost, 4 * (1 + HeldPiece{}.cost()));
  EXPECT_EQ(Show(pieces), "0+1:A 1+1:b 2+1:C 3+1:d 4+1:E 5+1:f 6+1:G ");
}

TEST(HeldPieces, TheEndThatTheSnapLengthCutIsHeldTooAndConflictsWithNothing) {
  HeldPieces pieces;
  Put(pieces, 0, "ab", 0, 8);
  EXPECT_FALSE(Put(pieces, 4, "efgh").conflict);
  EXPECT_EQ(Show(pieces), "0+10:ab ");
  Put(pieces, 8, "ij", 0, 4);
  EXPECT_EQ(Show(pieces), "0+10:ab 10+4: ");
}

TEST(HeldPieces, ACopyOfAWholePieceLowersWhatItsSenderHad) {
  HeldPieces pieces;
  Put(pieces, 10, "abc", 500);
  Put(pieces, 11, "b", 2);  // a part says nothing about the rest
  EXPECT_EQ(pieces.front().acked, 500U);
  Put(pieces, 10, "abc", 7);
  EXPECT_EQ(pieces.front().acked, 7U);
  Put(pieces, 9, "_abc", 900);
  EXPECT_EQ(pieces.PopFront().bytes, "_");
  EXPECT_EQ(pieces.front().acked, 7U);
}

TEST(HeldPieces, EvenATinyPieceHasItsCost) {
  HeldPieces pieces;
  EXPECT_GE(Put(pieces, 0, "", 0, 1).cost, sizeof(HeldPiece));
  EXPECT_EQ(Put(pieces, 0, "a").cost, 0U);
}

}  // namespace
}  // namespace backscatter
