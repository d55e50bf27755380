// Segments lost, repeated, out of order; flows whose beginning was not seen.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"

namespace backscatter::bpf_test {
namespace {

using testing::HasSubstr;
using testing::Not;

class CutOrder : public KernelTest {};

TEST_F(CutOrder, AFlowWithoutStateStaysUntilTheServerSpeaks) {
  Wire wire(*kernel);
  wire.Body(800).C("MAIL FROM:<a@b>\r\n");
  EXPECT_EQ(wire.client(), "");
  EXPECT_EQ(kernel->Counted(BS_STATELESS_BYTES), 817u);
  wire.S("250 ok\r\n").C("RCPT TO:<c@d>\r\n");
  EXPECT_EQ(wire.client(), "[817]RCPT TO:<c@d>\r\n");
}

TEST_F(CutOrder, AReplyInTheMiddleOfABodyOfAFlowWithoutStateLetsNothingPass) {
  Wire wire(*kernel);
  wire.Body(800).S("250 late\r\n").Body(800).C("\r\n.\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
  EXPECT_THAT(wire.client(), testing::EndsWith("QUIT\r\n"));
}

TEST_F(CutOrder, A354OfAFlowWithoutStateBeginsABody) {
  Wire wire(*kernel);
  wire.S("354 go\r\n").Body(500).C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.client(), "[500].\r\n");
}

TEST_F(CutOrder, ARepeated354DoesNotBeginABodyAgain) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500).C(".\r\n");
  wire.AgainS(8, "354 go\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[500].\r\nMAIL FROM:<>\r\n");
}

TEST_F(CutOrder, ARepeatedReplyDoesNotEndABody) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n");
  wire.AgainS(16, "250 ok\r\n").Body(500).AgainS(16, "250 ok\r\n").Body(500).C(".\r\n");
  EXPECT_EQ(wire.Client(), "[500][500].\r\n");
}

TEST_F(CutOrder, RepeatedCommandsPassOnce) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").AgainC(8, "EHLO a\r\n").AgainC(4, " a\r\n").S("250 mx\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\n");
}

TEST_F(CutOrder, ARepeatedSegmentWithNewBytesBehindPassesWithThose) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").MissC("NOOP\r\n").AgainC(14, "EHLO a\r\nNOOP\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\nNOOP\r\n");
}

TEST_F(CutOrder, CommandsAheadOfAHoleStayAndAreCounted) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").MissC("EHLO a\r\n").C("MAIL FROM:<>\r\n");
  EXPECT_EQ(wire.client(), "");
  EXPECT_EQ(kernel->Counted(BS_UNORDERED_BYTES), 14u);
  wire.S("250 mx\r\n").C("RCPT TO:<a@b>\r\n");
  EXPECT_EQ(wire.client(), "[14]RCPT TO:<a@b>\r\n");
}

TEST_F(CutOrder, ABodyOutOfOrderIsOneCut) {
  Wire wire(*kernel);
  const std::string part(1000, 'x');
  wire.UpToData().S("354 go\r\n").C(part).MissC(part).C(part).AgainC(2000, part).C("\r\n.\r\n");
  wire.S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[3002].\r\n");
}

TEST_F(CutOrder, ABodyWhoseFirstSegmentComesLastIsOneCut) {
  Wire wire(*kernel);
  const std::string part(1000, 'x');
  wire.UpToData().S("354 go\r\n").MissC(part).C(part).AgainC(2000, part).C("\r\n.\r\n");
  EXPECT_EQ(wire.Client(), "[2002].\r\n");
}

TEST_F(CutOrder, AHoleInABodyIsPartOfTheCut) {
  Wire wire(*kernel);
  const std::string part(1000, 'x');
  wire.UpToData().S("354 go\r\n").C(part).MissC(part).C(part).C("\r\n.\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[3002].\r\n");
}

TEST_F(CutOrder, ASegmentFarOutsideOfTheStreamChangesNothing) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").AgainC(0x50000000, "RSET\r\n").S("250 mx\r\n");
  wire.AgainC(0xb0000000, "RSET\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\nMAIL FROM:<>\r\nQUIT\r\n");
}

TEST_F(CutOrder, NoSegmentMoreThan16MiBAheadBlindsASession) {
  constexpr std::uint32_t kFar = (16 << 20) + 1;
  Wire commands(*kernel);
  commands.S("220 mx\r\n").C("EHLO a\r\n").ForgeC(kFar, "RSET\r\n").C("MAIL FROM:<>\r\n");
  EXPECT_EQ(commands.client(), "EHLO a\r\nMAIL FROM:<>\r\n");
  Wire body(*kernel);
  body.UpToData().S("354 go\r\n").ForgeC(kFar, "x\r\n.\r\n").Body(500).ForgeC(kFar, "x");
  body.C(".\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(body.Client(), "[500].\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(kernel->Counted(BS_UNORDERED_BYTES), 6u + 6 + 1);
}

TEST_F(CutOrder, NoSegmentOfTheServerMoreThan16MiBAheadBlindsASession) {
  constexpr std::size_t kFar = (16 << 20) + 1;
  Wire wire(*kernel);
  wire.UpToData().AgainS(-kFar, "250 x\r\n").S("354 go\r\n").Body(500).C(".\r\n");
  EXPECT_EQ(wire.Client(), "[500].\r\n");
}

TEST_F(CutOrder, AnAcknowledgmentOfWhatWasNeverSentIsOvercomeByTheNextOne) {
  for (const std::uint32_t ahead : {1000U, 20U << 20, 0x60000000U}) {
    Wire commands(*kernel);
    commands.S("220 mx\r\n").C("EHLO a\r\n").SBehind(-std::size_t{ahead}, "250 mx\r\n");
    commands.C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("RCPT TO:<a@b>\r\n");
    EXPECT_THAT(commands.client(), testing::EndsWith("RCPT TO:<a@b>\r\n")) << ahead;
    Wire lost(*kernel);
    lost.C("text\r\n").SBehind(-std::size_t{ahead}, "250 x\r\n").S("250 ok\r\n");
    lost.C("MAIL FROM:<>\r\n");
    EXPECT_THAT(lost.client(), testing::EndsWith("MAIL FROM:<>\r\n")) << ahead;
    Wire body(*kernel);
    body.C("text\r\n").SBehind(-std::size_t{ahead}, "354 x\r\n").Body(500).C(".\r\n");
    body.S("250 ok\r\n").C("MAIL FROM:<>\r\n");
    EXPECT_THAT(body.client(), testing::EndsWith("MAIL FROM:<>\r\n")) << ahead;
    EXPECT_THAT(body.client(), Not(HasSubstr(Wire::kMarker))) << ahead;
  }
}

// As behind data on a SYN (RFC 7413): it acknowledges nothing.
TEST_F(CutOrder, AClientThatAcknowledgedNothingDoesNotHideTheServersReplies) {
  Wire wire(*kernel, {.server_start = 0x90000000});
  std::string frame = wire.FrameC("text\r\n", 0x08);
  frame.replace(frame.size() - 6 - 12, 4, 4, '\0');
  ASSERT_TRUE(kernel->Run(frame));
  wire.MissC("text\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.client(), "[6]QUIT\r\n");
}

TEST_F(CutOrder, AHoleOfABodyOf16MiBIsBelieved) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500).ForgeC(16 << 20, "x").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[16777717]");
  EXPECT_EQ(kernel->Counted(BS_UNORDERED_BYTES), 0u);
}

TEST_F(CutOrder, ASegmentAheadThatWasNeverPartOfTheStreamIsOvercome) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").AgainC(static_cast<std::size_t>(-5000000), "RSET\r\n");
  wire.S("250 mx\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n").C("RCPT TO:<a@b>\r\n");
  EXPECT_THAT(wire.client(), testing::EndsWith("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"));
}

TEST_F(CutOrder, ADotAheadThatWasNeverPartOfTheStreamIsOvercome) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500);
  wire.AgainC(static_cast<std::size_t>(-10000000), "x\r\n.\r\n").C(".\r\n").S("250 ok\r\n");
  wire.C("MAIL FROM:<>\r\n");
  EXPECT_THAT(wire.client(), testing::EndsWith("MAIL FROM:<>\r\n"));
}

TEST_F(CutOrder, WhatStaysForWantOfStateIsOneCutInAnyOrder) {
  Wire wire(*kernel);
  const std::string part(1000, 'x');
  wire.MissC(part).C(part).AgainC(2000, part).S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.client(), "[2000]QUIT\r\n");
}

TEST_F(CutOrder, ANewConnectionOnTheSamePortsBeginsAnew) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500);
  wire.C("", 0x02);  // SYN
  wire.C("MAIL FROM:<a@b>\r\n");
  EXPECT_EQ(wire.Client(), "");
  wire.S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_THAT(wire.client(), testing::EndsWith("EHLO a\r\n"));
  EXPECT_EQ(kernel->Counted(BS_FLOWS), 2u);
}

TEST_F(CutOrder, DataOnASynHasTheNextNumber) {
  Wire wire(*kernel);
  ASSERT_TRUE(kernel->Run(wire.FrameC("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 0x02)));
  const auto records = kernel->Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].header.flags, 0x02);
  EXPECT_EQ(records[0].payload, "");
  EXPECT_EQ(records[1].header.flags, 0x00);
  EXPECT_EQ(records[1].header.sequence, records[0].header.sequence + 1);
  EXPECT_EQ(records[1].payload, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n");
}

TEST_F(CutOrder, ASynMakesNoState) {
  Wire wire(*kernel);
  wire.C("", 0x02).S("", 0x12).C("", 0x10);
  EXPECT_EQ(kernel->Counted(BS_FLOWS), 0u);
  EXPECT_EQ(kernel->Counted(BS_RECORDS), 2u);  // the acknowledgment is none
}

TEST_F(CutOrder, AFinBehindABodyThatStaysIsTold) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500).C("and gone", 0x19);
  EXPECT_EQ(wire.Client(), "[508]");
  EXPECT_TRUE(wire.saw_end());
}

TEST_F(CutOrder, AFinIsTheLastPieceOfItsSegmentOnly) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500);
  ASSERT_TRUE(kernel->Run(wire.FrameC("x\r\n.\r\nQUIT\r\n", 0x19)));
  const auto records = kernel->Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].payload, ".\r\n");
  EXPECT_EQ(records[0].header.flags & 0x01, 0);
  EXPECT_EQ(records[1].payload, "QUIT\r\n");
  EXPECT_EQ(records[1].header.flags & 0x01, 0x01);
}

TEST_F(CutOrder, UrgentDataIsToldWithItsOwnPieceOnly) {
  const std::string text = "x\r\n.\r\nQUIT\r\n";  // 3 that stay, 3, and 6
  for (const unsigned urgent : {2U, 3U, 4U, 6U, 7U, 12U, 13U}) {
    Wire wire(*kernel);
    wire.UpToData().S("354 go\r\n").Body(500);
    std::string frame = wire.FrameC(text, 0x38);  // URG
    frame[frame.size() - text.size() - 1] = static_cast<char>(urgent);
    ASSERT_TRUE(kernel->Run(frame));
    const auto records = kernel->Records();
    ASSERT_EQ(records.size(), 2u);
    const bool in_dot = urgent > 3 && urgent <= 6;
    const bool in_quit = urgent > 6 && urgent <= 12;
    EXPECT_EQ(records[0].header.flags & 0x20, in_dot ? 0x20 : 0) << urgent;
    EXPECT_EQ(records[0].header.urgent_pointer, in_dot ? urgent - 3 : 0) << urgent;
    EXPECT_EQ(records[1].header.flags & 0x20, in_quit ? 0x20 : 0) << urgent;
    EXPECT_EQ(records[1].header.urgent_pointer, in_quit ? urgent - 6 : 0) << urgent;
  }
}

}  // namespace
}  // namespace backscatter::bpf_test
