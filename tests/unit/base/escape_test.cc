#include "agent/base/escape.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "agent/base/utf8.h"

namespace backscatter {
namespace {

using namespace std::string_literals;

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonEscaped(text, out);
  return out;
}

TEST(JsonEscape, QuotesBackslashesAndControlsAreEscapedAndPlainTextStays) {
  EXPECT_EQ(Json("a@b.example"), "a@b.example");
  EXPECT_EQ(Json("\"q\\"), "\\\"q\\\\");
  EXPECT_EQ(Json("\r\n\t"), "\\r\\n\\t");
  EXPECT_EQ(Json("\0\x1f\x7f"s), "\\u0000\\u001f\\u007f");
}

TEST(JsonEscape, ValidUtf8StaysButWhatMovesOrReordersTextIsEscaped) {
  EXPECT_EQ(Json("gr\u00fc\u00df@\u4f8b.\U0001f600"), "gr\u00fc\u00df@\u4f8b.\U0001f600");
  EXPECT_EQ(Json("\u0085\u2028\u202e"), "\\u0085\\u2028\\u202e");
}

TEST(JsonEscape, OneReplacementForEachMaximalBadPart) {
  EXPECT_EQ(Json("\xff"), "\\ufffd");
  EXPECT_EQ(Json("\xc0\xaf"), "\\ufffd\\ufffd");             // overlong
  EXPECT_EQ(Json("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");  // surrogate
  EXPECT_EQ(Json("\xe2\x82"), "\\ufffd");                    // cut short
  EXPECT_EQ(Json("\xe2\x82"
                 "A"),
            "\\ufffd"
            "A");
  EXPECT_EQ(Json("\xf0\x9f\x98"
                 "\xf0\x9f\x98\x80"),
            "\\ufffd\U0001f600");
  EXPECT_EQ(Json("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd");  // above U+10FFFF
}

TEST(JsonEscape, AnyBytesParseBackAndValidTextParsesBackUnchanged) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() % 128 : random());
    const nlohmann::json parsed = nlohmann::json::parse("\"" + Json(bytes) + "\"");
    bool valid = true;
    for (std::string_view rest = bytes; !rest.empty();) {
      const Utf8Char c = ReadUtf8(rest);
      ASSERT_GE(c.length, 1u);
      ASSERT_LE(c.length, rest.size());
      valid = valid && c.valid;
      rest.remove_prefix(c.length);
    }
    if (valid) {
      ASSERT_EQ(parsed.get<std::string>(), bytes);
    }
  }
}

TEST(TerminalEscape, NothingThatMovesTheCursorOrReordersTextGetsThrough) {
  EXPECT_EQ(EscapeForTerminal("a\x1b[31m@b"), "a\\x1b[31m@b");
  EXPECT_EQ(EscapeForTerminal("\r\n\x7f"), "\\x0d\\x0a\\x7f");
  EXPECT_EQ(EscapeForTerminal("\xc2\x9b"), "\\xc2\\x9b");     // C1: CSI
  EXPECT_EQ(EscapeForTerminal("\u202e"), "\\xe2\\x80\\xae");  // right-to-left override
  EXPECT_EQ(EscapeForTerminal("\u2067"), "\\xe2\\x81\\xa7");  // isolate
  EXPECT_EQ(EscapeForTerminal("\xff\xe2\x82"), "\\xff\\xe2\\x82");
}

TEST(TerminalEscape, OrdinaryTextStaysAndABackslashIsDoubled) {
  EXPECT_EQ(EscapeForTerminal("\"a b\"@\u00fc.example"), "\"a b\"@\u00fc.example");
  EXPECT_EQ(EscapeForTerminal("\\x41"), "\\\\x41");
  EXPECT_EQ(EscapeForTerminal(""), "");
}

TEST(TerminalEscape, DifferentBytesNeverLookTheSame) {
  EXPECT_NE(EscapeForTerminal("\x1b"), EscapeForTerminal("\\x1b"));
}

}  // namespace
}  // namespace backscatter
