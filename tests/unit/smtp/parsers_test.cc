// The pure parsers of one line, and the scanner for the end of a body.
#include <random>

#include "gtest/gtest.h"

#include "agent/smtp/body_scanner.h"
#include "agent/smtp/command.h"
#include "agent/smtp/proxy_header.h"
#include "agent/smtp/reply.h"

namespace backscatter {
namespace {

TEST(ParseCommandTest, TakesTheVerbInAnyCaseAndTrimsTheRest) {
  EXPECT_EQ(ParseCommand("  mAiL \t FROM:<>  ").verb, Verb::kMail);
  EXPECT_EQ(ParseCommand("  mAiL \t FROM:<>  ").rest, "FROM:<>");
  EXPECT_EQ(ParseCommand("StartTLS").verb, Verb::kStarttls);
  EXPECT_EQ(ParseCommand("XCLIENT ADDR=1.2.3.4").verb, Verb::kXclient);
  EXPECT_EQ(ParseCommand("XFORWARD a").verb, Verb::kXforward);
  EXPECT_EQ(ParseCommand("").verb, Verb::kEmpty);
  EXPECT_EQ(ParseCommand(" \t").verb, Verb::kEmpty);
  EXPECT_EQ(ParseCommand("MAILFROM:<>").verb, Verb::kUnknown);
  EXPECT_EQ(ParseCommand("DATAX").verb, Verb::kUnknown);
  EXPECT_EQ(ParseCommand("\xc3\xa4\xc3\xb6").verb, Verb::kUnknown);
}

TEST(ParseBdatTest, TakesASizeAndLast) {
  BdatArgument bdat;
  EXPECT_TRUE(ParseBdat("0", bdat));
  EXPECT_TRUE(ParseBdat("4611686018427387904", bdat));  // 2^62
  EXPECT_FALSE(ParseBdat("4611686018427387905", bdat));
  EXPECT_TRUE(ParseBdat("86  lAsT", bdat));
  EXPECT_EQ(bdat.size, 86u);
  EXPECT_TRUE(bdat.last);
  EXPECT_FALSE(ParseBdat("", bdat));
  EXPECT_FALSE(ParseBdat("5LAST", bdat));
  EXPECT_FALSE(ParseBdat("5 LAST x", bdat));
  EXPECT_FALSE(ParseBdat("18446744073709551616", bdat));
}

TEST(ParseReplyLineTest, NeedsThreeDigitsAndABlankAHyphenOrNothing) {
  ReplyLine reply;
  ASSERT_TRUE(ParseReplyLine("250-PIPELINING", reply));
  EXPECT_EQ(reply.code, 250);
  EXPECT_FALSE(reply.last);
  EXPECT_EQ(reply.text, "PIPELINING");
  ASSERT_TRUE(ParseReplyLine("354", reply));
  EXPECT_TRUE(reply.last);
  EXPECT_FALSE(ParseReplyLine("25 ok", reply));
  EXPECT_FALSE(ParseReplyLine("2500 ok", reply));
  EXPECT_FALSE(ParseReplyLine("050 ok", reply));
  EXPECT_FALSE(ParseReplyLine("ok 250", reply));
  EXPECT_FALSE(ParseReplyLine("", reply));
}

TEST(ParseEnhancedStatusTest, TakesOnlyAWholeCode) {
  EXPECT_EQ(ParseEnhancedStatus("5.1.10 x").detail, 10);
  EXPECT_EQ(ParseEnhancedStatus("4.7.0").class_digit, 4);
  EXPECT_EQ(ParseEnhancedStatus("3.1.1").class_digit, 0);
  EXPECT_EQ(ParseEnhancedStatus("5.1").class_digit, 0);
  EXPECT_EQ(ParseEnhancedStatus("5.1.1.1").class_digit, 0);
  EXPECT_EQ(ParseEnhancedStatus("5.1.1111").class_digit, 0);
  EXPECT_EQ(ParseEnhancedStatus("10.0.0.1 blocked").class_digit, 0);
}

TEST(SaysUnknownUserTest, TrustsTheEnhancedCodeBeforeTheWords) {
  EXPECT_TRUE(SaysUnknownUser(550, ParseEnhancedStatus("5.1.1"), "x"));
  EXPECT_FALSE(SaysUnknownUser(550, ParseEnhancedStatus("5.7.1"), "user unknown"));
  EXPECT_TRUE(SaysUnknownUser(550, {}, "<x@y>: User Unknown"));
  EXPECT_TRUE(SaysUnknownUser(553, {}, "sorry, no mailbox here by that name"));
  EXPECT_FALSE(SaysUnknownUser(550, {}, "relay access denied"));
  EXPECT_FALSE(SaysUnknownUser(450, {}, "user unknown"));
}

TEST(ProxyHeaderTest, KnowsBothVersionsAndWhatIsNone) {
  ProxyHeader header;
  EXPECT_EQ(ParseProxyHeader("EHLO x\r\n", header), ProxyParse::kNone);
  EXPECT_EQ(ParseProxyHeader("PROX", header), ProxyParse::kIncomplete);
  EXPECT_EQ(ParseProxyHeader("PROXY UNKNOWN\r\nEHLO", header), ProxyParse::kHeader);
  EXPECT_EQ(header.length, 15u);
  EXPECT_FALSE(header.address.has_value());
  EXPECT_EQ(ParseProxyHeader("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", header), ProxyParse::kHeader);
  EXPECT_EQ(header.address->ToString(), "2001:db8::1");
  EXPECT_EQ(ParseProxyHeader("PROXY TCP4 not-an-address ::1 1 2\r\n", header), ProxyParse::kBroken);
  EXPECT_EQ(ParseProxyHeader("PROXY " + std::string(200, 'x'), header), ProxyParse::kBroken);
  const std::string v2("\r\n\r\n\0\r\nQUIT\n", 12);
  EXPECT_EQ(ParseProxyHeader(v2 + std::string("\x20\x00\0\0", 4), header), ProxyParse::kHeader);
  EXPECT_EQ(ParseProxyHeader(v2 + std::string("\x21\x11\xff\xff", 4), header), ProxyParse::kBroken);
  EXPECT_EQ(ParseProxyHeader(v2 + std::string("\x21\x11\0\4abcd", 8), header), ProxyParse::kBroken);
}

TEST(XclientAddressTest, TakesTheAddressAndNothingElse) {
  EXPECT_EQ(XclientAddress("NAME=x addr=192.0.2.9")->ToString(), "192.0.2.9");
  EXPECT_EQ(XclientAddress("ADDR=IPV6:2001:db8::9")->ToString(), "2001:db8::9");
  EXPECT_FALSE(XclientAddress("ADDR=[UNAVAILABLE]").has_value());
  EXPECT_FALSE(XclientAddress("NAME=spike").has_value());
}

// Line by line, for comparison: what ends where, without any cleverness.
BodyScanner::Result ScanSlowly(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '.' || (i > 0 && text[i - 1] != '\n')) continue;
    std::size_t end = i + 1;
    while (end < text.size() && text[end] == '\r') ++end;
    if (end == text.size() || text[end] != '\n') continue;
    const bool crlf_before = i == 0 || (i > 1 && text[i - 2] == '\r');
    const bool strict = crlf_before && end == i + 2;
    return {end + 1, strict ? EndOfData::kStrict : EndOfData::kLenient};
  }
  return {text.size(), EndOfData::kNone};
}

TEST(BodyScannerTest, AnySplitFindsWhatALineByLineReadingFinds) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 90, 'x');
    for (char& c : text) {
      const auto pick = random() % 8;
      c = pick == 0 ? '\r' : pick == 1 ? '\n' : pick == 2 ? '.' : 'x';
    }
    if (random() % 4 == 0) text += std::string(random() % 200, 'y') + "\r\n.\r\n";
    const BodyScanner::Result expected = ScanSlowly(text);
    BodyScanner scanner;
    scanner.Start();
    BodyScanner::Result found;
    std::size_t done = 0;
    while (done < text.size() && found.end == EndOfData::kNone) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 40, text.size() - done);
      const std::string_view piece = std::string_view(text).substr(done, size);
      found = scanner.Scan(piece);
      ASSERT_LE(found.dotless, FindDotLine(piece, 0)) << testing::PrintToString(text);
      done += found.consumed;
    }
    ASSERT_EQ(done, expected.consumed) << testing::PrintToString(text);
    ASSERT_EQ(found.end, expected.end) << testing::PrintToString(text);
  }
}

TEST(BodyScannerTest, ToldHowFarNoLineBeginsWithADot) {
  BodyScanner scanner;
  scanner.Start();
  EXPECT_EQ(scanner.Scan("one\r\ntwo\r\n").dotless, 9U);  // who knows what follows the last LF
  EXPECT_EQ(scanner.Scan("three\r\n..four\r\n").dotless, 6U);
  EXPECT_EQ(scanner.Scan(".five\r\nsix").dotless, 0U);
}

TEST(BodyScannerTest, AfterLostBytesADotCountsOnlyBehindALineEndThatWasSeen) {
  BodyScanner scanner;
  scanner.Resume();
  EXPECT_EQ(scanner.Scan(".\r\n").end, EndOfData::kNone);
  EXPECT_EQ(scanner.Scan(".\r\n").end, EndOfData::kStrict);
}

}  // namespace
}  // namespace backscatter
