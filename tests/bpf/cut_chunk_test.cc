// Bodies by BDAT (RFC 3030): left out by sequence numbers.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"

namespace backscatter::bpf_test {
namespace {

using testing::HasSubstr;
using testing::Not;

class CutChunk : public KernelTest {
 protected:
  static Wire& Envelope(Wire& wire) {
    wire.S("220 mx\r\n").C("EHLO a\r\n").S("250-mx\r\n250 CHUNKING\r\n");
    wire.C("MAIL FROM:<a@b>\r\n").S("250 ok\r\n").C("RCPT TO:<c@d>\r\n").S("250 ok\r\n");
    wire.Client();
    return wire;
  }
};

TEST_F(CutChunk, OctetsStayAndTheCommandPasses) {
  Wire wire(*kernel);
  Envelope(wire).C("BDAT 3000 LAST\r\n").Body(3000).S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "BDAT 3000 LAST\r\n[3000]QUIT\r\n");
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 3000u);
}

TEST_F(CutChunk, OctetsInTheSegmentOfTheirCommand) {
  Wire wire(*kernel);
  Envelope(wire).C("BDAT 10 LAST\r\n0123456789").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "BDAT 10 LAST\r\n[10]QUIT\r\n");
}

TEST_F(CutChunk, BehindAnEnvelopeInOneSegment) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 9 LAST\r\nZYGOTE\r\nxQUIT\r\n");
  wire.S("250 ok\r\n250 ok\r\n250 ok\r\n221 bye\r\n");
  EXPECT_EQ(wire.client(), "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 9 LAST\r\n[9]QUIT\r\n");
}

TEST_F(CutChunk, SeveralChunksAndCommandsGluedToTheirEnds) {
  Wire wire(*kernel);
  Envelope(wire)
      .C("BDAT 2000\r\n")
      .Body(1500)
      .C(std::string(500, 'z') + "BDAT 4\r\nabcdBDAT 0 LAST\r\n");
  wire.S("250 ok\r\n250 ok\r\n250 ok\r\n").C("MAIL FROM:<>\r\n");
  EXPECT_EQ(wire.Client(), "BDAT 2000\r\n[2000]BDAT 4\r\n[4]BDAT 0 LAST\r\nMAIL FROM:<>\r\n");
}

TEST_F(CutChunk, AChunkThatLooksLikeADialogueStays) {
  Wire wire(*kernel);
  const std::string octets = "x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 5\r\n";
  Envelope(wire).C("BDAT " + std::to_string(octets.size()) + " LAST\r\n").C(octets);
  wire.S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_THAT(wire.Client(), Not(HasSubstr("MAIL")));
  EXPECT_THAT(wire.client(), testing::EndsWith("QUIT\r\n"));
}

TEST_F(CutChunk, ACommandSplitOverSegmentsIsSeen) {
  Wire wire(*kernel);
  Envelope(wire).C("BDA").C("T 12").C("00 LAST\r").C("\n").Body(1200).S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "BDAT 1200 LAST\r\n[1200]QUIT\r\n");
}

TEST_F(CutChunk, TheOrderOfOctetsDoesNotMatter) {
  Wire wire(*kernel);
  Envelope(wire).C("BDAT 2000 LAST\r\n").MissC(std::string(1000, 'a')).C(std::string(1000, 'b'));
  wire.AgainC(2000, std::string(1000, 'a')).S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "BDAT 2000 LAST\r\n[2000]QUIT\r\n");
}

TEST_F(CutChunk, ReplyBetweenOctetsChangesNothing) {
  Wire wire(*kernel);
  Envelope(wire).C("BDAT 2000 LAST\r\n").Body(1000).S("250 slow\r\n").Body(1000).S("250 ok\r\n");
  wire.C("QUIT\r\n");
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
  EXPECT_THAT(wire.client(), testing::EndsWith("QUIT\r\n"));
}

TEST_F(CutChunk, AChunkOfANullSenderPassesUpToItsLimit) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("RCPT TO:<c@d>\r\n").S("250 ok\r\n");
  wire.Client();
  wire.C("BDAT 1500\r\n").Body(1500).S("250 ok\r\n").C("BDAT 1500 LAST\r\n").Body(1500);
  wire.S("250 ok\r\n").C("QUIT\r\n");
  const std::string seen = wire.Client();
  EXPECT_THAT(seen, testing::EndsWith("[1000]QUIT\r\n"));
  EXPECT_EQ(seen.size(),
            std::string("BDAT 1500\r\nBDAT 1500 LAST\r\n[1000]QUIT\r\n").size() + 2000);
}

}  // namespace
}  // namespace backscatter::bpf_test
