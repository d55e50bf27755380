// TLS: from its first record on nothing passes; PROXY headers before a dialogue do.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"

namespace backscatter::bpf_test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kHello = std::string("\x16\x03\x01\x02\x00\x01", 6) + std::string(500, 'h');
const std::string kRecord = std::string("\x17\x03\x03\x01\x00", 5) + std::string(256, 't');

const std::string kHead = kRecord.substr(0, 5);

class CutTls : public KernelTest {};

TEST_F(CutTls, StarttlsPassesTheBeginningOfTheHelloAndNothingElse) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").S("250 STARTTLS\r\n").C("STARTTLS\r\n").S("220 go\r\n");
  wire.C(kHello).S(kRecord).C(kRecord).S(kRecord).C(kRecord);
  EXPECT_EQ(wire.client(), "EHLO a\r\nSTARTTLS\r\n" + kHello.substr(0, 16));
  EXPECT_EQ(wire.server(), "220 mx\r\n250 STARTTLS\r\n220 go\r\n");
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 506u - 16 + 4 * 261);
}

TEST_F(CutTls, ARefusedStarttlsIsFollowedByCommands) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("STARTTLS\r\n").S("454 no\r\n").C("MAIL FROM:<>\r\n");
  EXPECT_EQ(wire.client(), "STARTTLS\r\nMAIL FROM:<>\r\n");
}

TEST_F(CutTls, ImplicitTlsBeginsWithTheClient) {
  Wire wire(*kernel, {.server_port = 465});
  wire.C(kHello).S(kRecord).C(kRecord).S(kRecord);
  EXPECT_EQ(wire.client(), kHello.substr(0, 16) + "[490]");
  EXPECT_EQ(wire.server(), kHead);
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), 490u + 3 * 261 - 5);
}

TEST_F(CutTls, ASessionThatWasEncryptedBeforeWeLookedStays) {
  Wire first(*kernel);
  first.S(kRecord).C(kRecord).S(kRecord);
  EXPECT_EQ(first.client() + first.server(), "");
  Wire second(*kernel);
  second.C(kRecord).S(kRecord).C(kRecord);
  EXPECT_EQ(second.client(), kRecord.substr(0, 16) + "[245]");
  EXPECT_EQ(second.server(), kHead);
}

TEST_F(CutTls, TheEndOfAnEncryptedSessionIsTold) {
  Wire wire(*kernel, {.server_port = 465});
  wire.C(kHello).S(kRecord).S(kRecord, 0x19);
  EXPECT_TRUE(wire.saw_end());
  EXPECT_EQ(wire.server(), kHead);
}

TEST_F(CutTls, TwoBytesOfAClientBehindAGreetingHideNothing) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").S("250 mx\r\n").C("\x16\x03\r\nMAIL FROM:<>\r\n");
  wire.S("500 what?\r\n250 ok\r\n").C("RCPT TO:<a@b>\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\n\x16\x03\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n");
}

TEST_F(CutTls, NorBehindAStarttlsThatWasRefusedOrFollowedByAnotherCommand) {
  Wire refused(*kernel);
  refused.S("220 mx\r\n").C("STARTTLS\r\n").S("454 no\r\n").C("\x16\x03\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(refused.client(), "STARTTLS\r\n\x16\x03\r\nMAIL FROM:<>\r\n");
  Wire other(*kernel);
  other.S("220 mx\r\n").C("STARTTLS\r\nNOOP\r\n").S("454 no\r\n220 odd\r\n");
  other.C("\x16\x03\r\nMAIL FROM:<>\r\n");
  EXPECT_THAT(other.client(), testing::EndsWith("NOOP\r\n\x16\x03\r\nMAIL FROM:<>\r\n"));
}

TEST_F(CutTls, StarttlsIsKnownHoweverItIsSplit) {
  const std::string starttls = "starttls\r\n";
  for (std::size_t split = 1; split < starttls.size(); ++split) {
    Wire wire(*kernel);
    wire.S("220 mx\r\n").C(starttls.substr(0, split)).C(starttls.substr(split));
    wire.S("220 go\r\n").C(kHello).C(kRecord);
    EXPECT_EQ(wire.client(), starttls + kHello.substr(0, 16)) << split;
  }
}

TEST_F(CutTls, BeforeTheGreetingTheServersAnswerDecides) {
  Wire wire(*kernel);
  wire.C("\x16\x03\x01\x02\x03\r\nMAIL FROM:<a@b>\r\n").S("220 mx\r\n500 what?\r\n");
  wire.C("EHLO a\r\n").S("250 mx\r\n").C("MAIL FROM:<>\r\n");
  EXPECT_EQ(wire.client(), "\x16\x03\x01\x02\x03\r\nMAIL FROM[8]EHLO a\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(wire.server(), "220 mx\r\n500 what?\r\n250 mx\r\n");
  EXPECT_EQ(kernel->Counted(BS_STATELESS_BYTES), 8u);
}

TEST_F(CutTls, InTheMiddleOfASessionTheServersAnswerDecidesToo) {
  Wire wire(*kernel);
  wire.C("\x16\x03\x01\x02\x03\r\n").S("354 go\r\n").Body(500).C(".\r\n").S("250 ok\r\n");
  wire.C("QUIT\r\n");
  EXPECT_EQ(wire.client(), "\x16\x03\x01\x02\x03\r\n[500].\r\nQUIT\r\n");
}

TEST_F(CutTls, AServerThatSpeaksTlsBehindStarttlsIsBelieved) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("STARTTLS\r\n").S("220 go\r\n").MissC(kHello).S(kRecord);
  wire.C(kRecord).S(kRecord).C("MAIL FROM:<>\r\n");
  EXPECT_EQ(wire.client(), "STARTTLS\r\n");
  EXPECT_EQ(wire.server(), "220 mx\r\n220 go\r\n" + kHead);
}

TEST_F(CutTls, AServerThatSaysTheLikeOfItElsewhereIsNot) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n").S("\x16\x03\x01\x02\r\n").C("NOOP\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\nNOOP\r\n");
  EXPECT_EQ(wire.server(), "220 mx\r\n\x16\x03\x01\x02\r\n");
}

TEST_F(CutTls, ALongUploadIsNotOutOfOrder) {
  Wire wire(*kernel, {.server_port = 465});
  wire.C(kHello).S(kRecord);
  const std::string record = kRecord + std::string(3000 - kRecord.size(), 't');
  for (int i = 0; i < (18 << 20) / 3000; ++i) wire.C(record);
  EXPECT_EQ(kernel->Counted(BS_UNORDERED_BYTES), 0u);
}

TEST_F(CutTls, WhatComesAgainIsCountedOnce) {
  Wire wire(*kernel, {.server_port = 465});
  wire.C(kHello).S(kRecord).C(kRecord).S(kRecord);
  const std::uint64_t counted = kernel->Counted(BS_CUT_BYTES);
  wire.AgainC(kRecord.size(), kRecord).AgainS(kRecord.size(), kRecord);
  EXPECT_EQ(kernel->Counted(BS_CUT_BYTES), counted);
}

TEST_F(CutTls, AProxyHeaderOfVersion1Passes) {
  const std::string proxy = "PROXY TCP4 192.0.2.1 203.0.113.1 4711 25\r\n";
  Wire wire(*kernel);
  wire.C(proxy).S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_EQ(wire.client(), proxy + "EHLO a\r\n");
}

TEST_F(CutTls, AProxyHeaderOfVersion2Passes) {
  const std::string proxy =
      std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16) + std::string(12, '\x01');
  Wire wire(*kernel);
  wire.C(proxy).S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_EQ(wire.client(), proxy + "EHLO a\r\n");
}

TEST_F(CutTls, WhatIsGluedToAProxyHeaderPassesIfItIsACommandOrTls) {
  const std::string proxy = "PROXY TCP4 192.0.2.1 203.0.113.1 4711 25\r\n";
  Wire command(*kernel);
  command.C(proxy + "EHLO a\r\n");
  EXPECT_EQ(command.client(), proxy + "EHLO a\r\n");
  Wire tls(*kernel);
  tls.C(proxy + kHello);
  EXPECT_EQ(tls.client(), proxy + kHello.substr(0, 16));
  Wire text(*kernel);
  text.C(proxy + "ZYGOTE\r\n").S("220 mx\r\n");
  EXPECT_THAT(text.client(), Not(HasSubstr("ZYGOTE")));
}

TEST_F(CutTls, AnythingElseThatAClientSaysFirstStays) {
  Wire wire(*kernel);
  wire.C("GET / HTTP/1.1\r\nCookie: ZYGOTE\r\n\r\n").S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_EQ(wire.client(), "[34]EHLO a\r\n");
}

}  // namespace
}  // namespace backscatter::bpf_test
