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
  wire.C(kHello).S(kRecord).C(kRecord);
  EXPECT_EQ(wire.client(), kHello.substr(0, 16));
  EXPECT_EQ(wire.server(), "");
}

TEST_F(CutTls, ASessionThatWasEncryptedBeforeWeLookedStays) {
  Wire first(*kernel);
  first.S(kRecord).C(kRecord).S(kRecord);
  EXPECT_EQ(first.client() + first.server(), "");
  Wire second(*kernel);
  second.C(kRecord).S(kRecord).C(kRecord);
  EXPECT_EQ(second.client(), kRecord.substr(0, 16));
  EXPECT_EQ(second.server(), "");
}

TEST_F(CutTls, TheEndOfAnEncryptedSessionIsTold) {
  Wire wire(*kernel, {.server_port = 465});
  wire.C(kHello).S(kRecord).S(kRecord, 0x19);
  EXPECT_TRUE(wire.saw_end());
  EXPECT_EQ(wire.server(), "");
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
