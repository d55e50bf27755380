// Bodies by DATA: where they begin and end, and that nothing of them passes.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"

namespace backscatter::bpf_test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Cut : public KernelTest {};

TEST_F(Cut, BehindAGreetingAnyLineIsACommandAndBehindAnotherReplyOnlyAVerb) {
  Wire greeting(*kernel);
  greeting.S("220 mx\r\n").C("XYZZY\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(greeting.client(), "XYZZY\r\nMAIL FROM:<>\r\n");
  Wire middle(*kernel);
  middle.S("250 ok\r\n").C("ZYGOTE\r\nMAIL FROM:<>\r\n").S("250 ok\r\n");
  EXPECT_EQ(middle.client(), "[22]");
  Wire later(*kernel);  // a 220 that is no greeting
  later.S("250 ok\r\n").S("220 ok\r\n").C("ZYGOTE\r\n").S("250 ok\r\n");
  EXPECT_EQ(later.client(), "[8]");
}

TEST_F(Cut, CommandsAndRepliesPass) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n")
      .C("EHLO a\r\n")
      .S("250 mx\r\n")
      .C("MAIL FROM:<a@b.test>\r\n")
      .S("250 ok\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\nMAIL FROM:<a@b.test>\r\n");
  EXPECT_EQ(wire.server(), "220 mx\r\n250 mx\r\n250 ok\r\n");
}

TEST_F(Cut, ABodyStaysUpToItsDotAndIsToldBySize) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(3000).C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "[3000].\r\nQUIT\r\n");
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 3000u);
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
}

TEST_F(Cut, ABodyAndItsDotInOneSegment) {
  Wire wire(*kernel);
  wire.UpToData()
      .S("354 go\r\n")
      .C("Subject: x\r\n\r\ntext\r\n.\r\n")
      .S("250 ok\r\n")
      .C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "[20].\r\nQUIT\r\n");
}

TEST_F(Cut, AnEmptyBody) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), ".\r\nQUIT\r\n");
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 0u);
}

TEST_F(Cut, TheNextMailGluedToTheDotPasses) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(2000);
  wire.C("end\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\n").S("250 ok\r\n250 ok\r\n250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[2005].\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\n");
}

TEST_F(Cut, TheNextMailGluedToALongPieceOfBodyPasses) {
  for (const std::size_t bytes : {200u, 900u, 3000u}) {
    Wire wire(*kernel);
    wire.UpToData().S("354 go\r\n");
    wire.C(std::string(bytes, 'x') + "\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\n");
    EXPECT_EQ(wire.Client(),
              "[" + std::to_string(bytes + 2) + "].\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\n");
  }
}

TEST_F(Cut, ALineOfABodyThatBeginsLikeACommandIsNone) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C(std::string(900, 'x') + "\r\nQuite so, he said.\r\n");
  wire.C("Mail me.\r\n").C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[932].\r\n");
}

TEST_F(Cut, ADotSplitOverSegmentsEndsWithTheReply) {
  for (const std::size_t split : {1u, 2u, 3u, 4u}) {
    const std::string end = "\r\n.\r\n";
    Wire wire(*kernel);
    wire.UpToData().S("354 go\r\n").C("text" + end.substr(0, split)).C(end.substr(split));
    wire.S("250 ok\r\n").C("MAIL FROM:<>\r\n");
    const std::string seen = wire.Client();
    EXPECT_THAT(seen, Not(HasSubstr("text"))) << split;
    EXPECT_THAT(seen, HasSubstr("MAIL FROM:<>\r\n")) << split;
  }
}

TEST_F(Cut, ADotAtTheStartOfASegmentBehindALineEndEndsTheBody) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C("text\r\n").C(".\r\nRSET\r\n");
  EXPECT_EQ(wire.Client(), "[6].\r\nRSET\r\n");
}

TEST_F(Cut, ADotWithinALineIsNoEnd) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C("text").C(".\r\nRSET\r\n");
  wire.C("..\r\n.x\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "[21]QUIT\r\n");
}

TEST_F(Cut, AnyReplyEndsABody) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500).S("452 too much\r\n").C("RSET\r\n");
  EXPECT_EQ(wire.Client(), "[500]RSET\r\n");
}

TEST_F(Cut, ABodyThatGoesOnBehindAReplyStaysAllTheSame) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(500).S("452 too much\r\n").Body(500).C(".\r\n");
  EXPECT_EQ(wire.Client(), "[500]");
  EXPECT_EQ(kernel->Counted(BS_STATELESS_BYTES), 503u);
  wire.S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "[503]QUIT\r\n");
}

TEST_F(Cut, AReplyToLessThanTheClientSentEndsNothing) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(1000).SBehind(500, "452 too much\r\n").Body(500);
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 1500u);
  wire.C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.Client(), "[1000][500].\r\nQUIT\r\n");
}

TEST_F(Cut, A354BehindPipelinedRepliesBeginsABody) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").S("250 mx\r\n");
  wire.C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n").S("250 ok\r\n250 ok\r\n354 go\r\n");
  wire.Client();
  wire.Body(700).C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[700].\r\n");
}

TEST_F(Cut, RepliesToPipelinedCommandsOneByOneBeginABodyToo) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
  wire.S("250 ok\r\n").S("250 ok\r\n").S("354 go\r\n");
  wire.Client();
  wire.Body(700).C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[700].\r\n");
}

TEST_F(Cut, A354SplitOverSegmentsBeginsABody) {
  Wire wire(*kernel);
  wire.UpToData().S("35").S("4 go").S(" on\r\n").Body(700).C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[700].\r\n");
}

TEST_F(Cut, ARefusedDataIsFollowedByCommands) {
  Wire wire(*kernel);
  wire.UpToData().S("503 no\r\n").C("RSET\r\n").S("250 ok\r\n").C("MAIL FROM:<x@y>\r\n");
  EXPECT_EQ(wire.Client(), "RSET\r\nMAIL FROM:<x@y>\r\n");
}

TEST_F(Cut, ABodySentWithoutWaitingFor354Stays) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n")
      .C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: ZYGOTE\r\n\r\nx\r\n");
  wire.S("250 ok\r\n250 ok\r\n354 go\r\n").Body(500).C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
  EXPECT_THAT(wire.client(), HasSubstr("DATA\r\n["));
  EXPECT_THAT(wire.client(), testing::EndsWith("].\r\nQUIT\r\n"));
}

TEST_F(Cut, ACommandNamedLikeDataIsNone) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("DATABASE\r\nNOOP\r\n");
  EXPECT_EQ(wire.Client(), "DATABASE\r\nNOOP\r\n");
}

TEST_F(Cut, TwoMailsInOneSessionBothStay) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").Body(900).C(".\r\n").S("250 ok\r\n");
  wire.C("MAIL FROM:<x@y>\r\n")
      .S("250 ok\r\n")
      .C("RCPT TO:<c@d>\r\n")
      .S("250 ok\r\n")
      .C("DATA\r\n");
  wire.Client();
  wire.S("354 go\r\n").Body(1100).C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[1100].\r\n");
}

TEST_F(Cut, ALineFeedDotLineFeedInABodyEndsNothing) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C("a\n.\nMAIL FROM:<>\r\n").C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "[18].\r\n");
}

TEST_F(Cut, WhatFollowsADotAndIsNoCommandStays) {
  // A lone dot behind a bare LF: a strict server goes on reading the mail.
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C("a\n.\r\nZYGOTE of the mail\r\n").Body(300);
  EXPECT_EQ(wire.Client(), "[2].\r\n");
  wire.C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
  EXPECT_THAT(wire.client(), testing::EndsWith("QUIT\r\n"));
}

TEST_F(Cut, CommandsTypedByteByByteAreSeen) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n");
  for (const char letter : std::string("DATA\r\n")) wire.C(std::string(1, letter));
  wire.S("354 go\r\n").Body(300).C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "DATA\r\n[300].\r\n");
}

TEST_F(Cut, ReadAllTurnsTheCutOff) {
  CaptureRules rules = DefaultRules();
  rules.read_all = true;
  kernel->Apply(rules);
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n").C("Subject: x\r\n\r\ntext\r\n").C(".\r\n").S("250 ok\r\n");
  EXPECT_EQ(wire.Client(), "Subject: x\r\n\r\ntext\r\n.\r\n");
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 0u);
}

}  // namespace
}  // namespace backscatter::bpf_test
