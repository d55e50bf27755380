// The same cut for a packet socket, which keeps a prefix of the frame. A test run gives socket
// filters what is behind the Ethernet header, so it is the program for IP that can be run here; the
// one for Ethernet is run on frames with a second header.
#include <string>

#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"

namespace backscatter::bpf_test {
namespace {

class SocketFilter : public KernelTest {
 protected:
  SocketFilter() : KernelTest(BpfKind::kSocketIp) {}
  // How many bytes of the payload of the last frame are kept; -1: the packet is not kept at all.
  static int Kept(const Wire& wire) {
    if (wire.last_kept() == 0) return -1;
    return static_cast<int>(wire.last_kept()) - static_cast<int>(wire.last_headers() - 14);
  }
};

TEST_F(SocketFilter, CommandsAndRepliesAreKeptWhole) {
  Wire wire(*kernel);
  EXPECT_EQ(Kept(wire.S("220 mx\r\n")), 8);
  EXPECT_EQ(Kept(wire.C("EHLO a\r\n")), 8);
  EXPECT_EQ(kernel->Counted(BS_KEPT), 2u);
  EXPECT_EQ(kernel->Counted(BS_RECORDS), 0u);
}

TEST_F(SocketFilter, OfABodyTheHeadersAreKept) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n");
  EXPECT_EQ(Kept(wire.Body(1000)), 0);
  EXPECT_EQ(Kept(wire.C(".\r\nQUIT\r\n")), 9);
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 1000u);
}

TEST_F(SocketFilter, WhatIsBehindACutInOnePacketIsLostAndCounted) {
  Wire wire(*kernel);
  wire.UpToData().S("354 go\r\n");
  EXPECT_EQ(Kept(wire.C("text\r\n.\r\nQUIT\r\n")), 0);
  EXPECT_EQ(kernel->Counted(BS_BEHIND_CUT), 9u);
}

TEST_F(SocketFilter, OctetsBehindTheirCommandAreNotKept) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n");
  EXPECT_EQ(Kept(wire.C("BDAT 5 LAST\r\nabcde")), 13);
}

TEST_F(SocketFilter, OfANullSenderTheBodyIsKeptUpToItsLimit) {
  Wire wire(*kernel);
  wire.UpToData("<>").S("354 go\r\n");
  EXPECT_EQ(Kept(wire.Body(1400)), 1400);
  EXPECT_EQ(Kept(wire.Body(1400)), 600);
  EXPECT_EQ(Kept(wire.Body(1400)), 0);
}

TEST_F(SocketFilter, OfTlsNothingIsKeptButTheBeginningsOfTheHellos) {
  Wire wire(*kernel, {.server_port = 465});
  EXPECT_EQ(Kept(wire.C(std::string("\x16\x03\x01\x02\x00", 5) + std::string(400, 'h'))), 16);
  EXPECT_EQ(Kept(wire.S(std::string("\x16\x03\x03\x02\x00", 5) + std::string(400, 't'))), 5);
  EXPECT_EQ(Kept(wire.S(std::string("\x17\x03\x03\x02\x00", 5) + std::string(400, 't'))), -1);
  EXPECT_EQ(Kept(wire.C(std::string("\x17\x03\x03\x02\x00", 5) + std::string(400, 't'))), -1);
  EXPECT_EQ(Kept(wire.C("t", 0x19)), 0);
}

TEST_F(SocketFilter, HandshakesAreKeptAndAcknowledgmentsAreNot) {
  Wire wire(*kernel);
  EXPECT_EQ(Kept(wire.C("", 0x02)), 0);
  EXPECT_EQ(Kept(wire.S("", 0x12)), 0);
  EXPECT_EQ(Kept(wire.C("", 0x10)), -1);
}

TEST_F(SocketFilter, TheOneForEthernetKeepsTheEthernetHeaderToo) {
  Kernel* const ethernet = Kernel::Get(BpfKind::kSocket);
  ASSERT_NE(ethernet, nullptr) << Kernel::WhyNot();
  ethernet->Apply(DefaultRules());
  Wire wire(*ethernet);
  const std::string frame = wire.FrameS("220 mx\r\n");
  EXPECT_EQ(ethernet->Run(frame.substr(0, 14) + frame), frame.size());
}

}  // namespace
}  // namespace backscatter::bpf_test
