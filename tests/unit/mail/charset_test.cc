#include "agent/mail/charset.h"

#include <gtest/gtest.h>

#include "agent/mail/encoded_words.h"
#include "tests/unit/mail/message_samples.h"

namespace backscatter {
namespace {

std::string Converted(CharsetConverter* converter, std::string_view charset,
                      std::string_view text) {
  std::string out;
  converter->Append(charset, text, 1000, &out);
  return out;
}

TEST(Charset, CommonSetsOfMailBecomeUtf8InAnyCaseAndByTheirOtherNames) {
  CharsetConverter converter;
  for (const std::string_view latin :
       {"ISO-8859-1", "iso8859-1", "Latin1", "windows-1252", "CP1252"}) {
    EXPECT_EQ(Converted(&converter, latin,
                        "Zur\xfc"
                        "ck"),
              "Zurück")
        << latin;
  }
  EXPECT_EQ(Converted(&converter, "KOI8-R", "\xc4\xc1"), "да");
  EXPECT_EQ(Converted(&converter, "windows-1251", "\xe4\xe0"), "да");
  for (const std::string_view japanese : {"shift_jis", "Shift-JIS", "x-sjis", "cp932"}) {
    EXPECT_EQ(Converted(&converter, japanese, "\x94\x7a\x90\x4d"), "配信") << japanese;
  }
  EXPECT_EQ(Converted(&converter, "iso-2022-jp", "\x1b$BG[?.\x1b(B"), "配信");
  EXPECT_EQ(Converted(&converter, "gb2312", "\xca\xd5"), "收");
  EXPECT_EQ(Converted(&converter, "ks_c_5601-1987", "\xb0\xa1"), "가");
}

TEST(Charset, WhatIsNotKnownStaysAsItIs) {
  CharsetConverter converter;
  for (const std::string_view odd : {"no-such-set", "utf-16", "cp930", "iso-2022-cn-ext",
                                     "koi8-r//TRANSLIT", "../../tmp/x", "windows-1252,"}) {
    EXPECT_EQ(Converted(&converter, odd, "a\xff"), "a\xff") << odd;
  }
  EXPECT_EQ(converter.opened(), 0U);
  EXPECT_EQ(Converted(&converter, "euc-jp",
                      "a\xff"
                      "b"),
            "a\xff"
            "b");
}

// 64 KB of From fields, each in other sets than the one before, took two seconds.
TEST(Charset, AMessageThatNamesManySetsInTurnOpensEachOnce) {
  const auto converter = std::make_shared<CharsetConverter>();
  std::string message;
  while (message.size() < 60'000) {
    message +=
        "From: =?koi8-r?q?a?= =?iso-2022-kr?q?b?= =?euc-tw?q?b?= =?gb18030?q?b?= "
        "=?big5-hkscs?q?b?= =?ISO-2022-CN-EXT?q?b?= <>\r\n";
  }
  for (int i = 0; i < 3; ++i) {
    MessageReader reader(converter);
    reader.Read(message + "\r\n");
    reader.Finish(true);
  }
  EXPECT_EQ(converter->opened(), 5U);
}

// One converter serves all readers: a shift state must not reach from one message to the next.
TEST(Charset, EachTextBeginsInTheInitialShiftState) {
  CharsetConverter converter;
  EXPECT_EQ(Converted(&converter, "iso-2022-jp", "\x1b$BG["), "配");
  EXPECT_EQ(Converted(&converter, "iso-2022-jp", "G[?."), "G[?.");
}

}  // namespace
}  // namespace backscatter
