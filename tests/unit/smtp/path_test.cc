#include "agent/smtp/path.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace backscatter {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

// ARCHITECTURE, Definitions; each was answered 250 and logged as from=<> by Postfix 3.7, or is
// null by its syntax.
TEST(MailArgument, EverySpellingOfTheNullSenderIsNull) {
  const std::vector<std::string> spellings = {
      "FROM:<>",       "from:<>",     "From:<>",        " FROM:<>",
      "  FROM:<>",     "FROM :<>",    "FROM\t:\t<>",    "FROM: <>",
      "FROM:  <>",     "FROM:< >",    "FROM:<  >",      "FROM:<\t>",
      "FROM:<>\t",     "FROM:<> ",    "FROM:<@a:>",     "FROM:<@a.test:>",
      "FROM:<@a,@b:>", "FROM:<@a: >", "FROM:<\"\">",    "FROM:\"\"",
      "FROM:\"\" ",    "FROM: \"\"",  "FROM:<@a:\"\">", "FROM:<@[IPv6:2001:db8::1]:>"};
  const std::vector<std::string> tails = {"",         " SIZE=2309 BODY=8BITMIME", " AUTH=user@x",
                                          "\tSIZE=1", " RET=HDRS ENVID=<a@b>",    " "};
  for (const std::string& spelling : spellings) {
    for (const std::string& tail : tails) {
      const std::string line = spelling + tail;
      const PathArgument argument = ParseMailArgument(line);
      EXPECT_TRUE(argument.has_keyword) << line;
      EXPECT_TRUE(argument.has_path) << line;
      EXPECT_TRUE(argument.null_path) << line;
      EXPECT_TRUE(argument.closed) << line;
    }
  }
}

TEST(MailArgument, NullSenderWithAuthParameterIsNullAsZeekLogsItWrong) {
  const PathArgument argument = ParseMailArgument(" FROM:<> AUTH=user@x");
  EXPECT_TRUE(argument.null_path);
  EXPECT_EQ(argument.path, "");
  EXPECT_EQ(argument.parameters, "AUTH=user@x");
}

// PITFALLS 28: parsers that lose the null sender in front of parameters.
TEST(MailArgument, Pitfall28NullSenderKeepsItsParameters) {
  const PathArgument argument = ParseMailArgument("FROM:<> SIZE=20785 BODY=8BITMIME");
  EXPECT_TRUE(argument.null_path);
  EXPECT_EQ(argument.parameters, "SIZE=20785 BODY=8BITMIME");
}

TEST(MailArgument, WithoutAnyPathThereIsNoNullSender) {
  for (const std::string_view line :
       {""sv, " "sv, "FROM:"sv, "FROM: "sv, "FROM:\t"sv, "FROM :"sv, "FROM"sv, "FROM:\r"sv,
        "FROM <>"sv, "<>"sv, "FRO:<>"sv, "TO:<>"sv, "XFROM:<>"sv, "FROM:<"sv, "FROM:< "sv}) {
    const PathArgument argument = ParseMailArgument(line);
    EXPECT_FALSE(argument.has_path) << line;
    EXPECT_FALSE(argument.null_path) << line;
  }
}

TEST(MailArgument, OrdinarySendersAreNotNull) {
  for (const std::string_view line :
       {"FROM:<a@b>"sv, "FROM:<postmaster>"sv, "FROM:<MAILER-DAEMON>"sv, "FROM:<\"\"@b>"sv,
        "FROM:<@b>"sv, "FROM:<@a:x@y>"sv, "FROM:<\" \">"sv, "FROM:<\0>"sv, "FROM:<<>>"sv,
        "FROM:a@b"sv, "FROM:SIZE=1"sv, "FROM:<.>"sv}) {
    const PathArgument argument = ParseMailArgument(line);
    EXPECT_TRUE(argument.has_path) << line;
    EXPECT_FALSE(argument.null_path) << line;
  }
}

struct Split {
  std::string_view line;
  std::string_view path;
  std::string_view parameters;
};

class PathSplit : public testing::TestWithParam<Split> {};

TEST_P(PathSplit, GivesPathAndParameters) {
  const PathArgument argument = ParseRcptArgument(GetParam().line);
  EXPECT_TRUE(argument.has_path);
  EXPECT_TRUE(argument.closed);
  EXPECT_EQ(argument.path, GetParam().path);
  EXPECT_EQ(argument.parameters, GetParam().parameters);
}

// The first block is what lab servers were given (captures/replies/lab__rcpt-syntax_*).
INSTANTIATE_TEST_SUITE_P(
    AsRealServersTakeThem, PathSplit,
    testing::Values(
        Split{"TO:<victim@v.test>", "victim@v.test", ""},
        Split{"TO:<@r1.test,@r2.test:victim@v.test>", "@r1.test,@r2.test:victim@v.test", ""},
        Split{"TO:<\"victim x\"@v.test>", "\"victim x\"@v.test", ""},
        Split{"TO:<\"victim>y\"@v.test>", "\"victim>y\"@v.test", ""},
        Split{"TO:<\"victim\\\"z\"@v.test>", "\"victim\\\"z\"@v.test", ""},
        Split{"TO:<victim@v.test> NOTIFY=NEVER ORCPT=rfc822;other@b.test", "victim@v.test",
              "NOTIFY=NEVER ORCPT=rfc822;other@b.test"},
        Split{"TO:victim@v.test", "victim@v.test", ""},
        Split{"TO: <victim@v.test>", "victim@v.test", ""},
        Split{"TO:<victim@[10.77.0.2]>", "victim@[10.77.0.2]", ""},
        // Case and blanks.
        Split{"to:<a@b>", "a@b", ""}, Split{" tO\t: \t<a@b>\t", "a@b", ""},
        Split{"TO:< a@b >  NOTIFY=NEVER  ", "a@b", "NOTIFY=NEVER"}, Split{"TO:<a@b>\r", "a@b", ""},
        Split{"TO:<a@b> X=1\r", "a@b", "X=1"},
        // No blank before the parameters.
        Split{"TO:<a@b>NOTIFY=NEVER", "a@b", "NOTIFY=NEVER"},
        // No brackets.
        Split{"TO:user@x SIZE=1", "user@x", "SIZE=1"},
        Split{"TO: user@x\tSIZE=1", "user@x", "SIZE=1"}, Split{"TO:\"a b\"@c", "\"a b\"@c", ""},
        Split{"TO:\"a b\"@c X=\"", "\"a b\"@c", "X=\""}, Split{"TO:\"a b@c X=1", "\"a", "b@c X=1"},
        // Quotes and escapes.
        Split{"TO:<\"a>b c\"@x> P=<q>", "\"a>b c\"@x", "P=<q>"},
        Split{"TO:<a\\>b@c> X", "a\\>b@c", "X"}, Split{"TO:<a\\>", "a\\", ""},
        Split{"TO:<\"a@b> SIZE=1", "\"a@b", "SIZE=1"}, Split{"TO:<\"a\\\\\"@b>", "\"a\\\\\"@b", ""},
        // Any bytes.
        Split{"TO:<\xc3\xa4@\xc3\xb6.test> SMTPUTF8", "\xc3\xa4@\xc3\xb6.test", "SMTPUTF8"},
        Split{"TO:<\xff\xfe@b>", "\xff\xfe@b", ""}, Split{"TO:<a\0b@c>"sv, "a\0b@c"sv, ""}));

// PITFALLS 23: arkime lost the first letter of a path without blank and brackets.
TEST(MailArgument, Pitfall23WithoutBlankAndBracketsNoLetterIsLost) {
  EXPECT_EQ(ParseMailArgument("FROM:user@x").path, "user@x");
}

TEST(MailArgument, AnUnclosedBracketEndsAtABlankAndIsSaid) {
  const PathArgument argument = ParseMailArgument("FROM:<a@b SIZE=1");
  EXPECT_TRUE(argument.has_path);
  EXPECT_FALSE(argument.closed);
  EXPECT_EQ(argument.path, "a@b");
  EXPECT_EQ(argument.parameters, "SIZE=1");
  EXPECT_FALSE(ParseMailArgument("FROM:<").has_path);
}

TEST(SourceRoute, IsTakenOffOnlyWhereThereIsOne) {
  EXPECT_EQ(WithoutSourceRoute("@a,@b:x@y"), "x@y");
  EXPECT_EQ(WithoutSourceRoute("@[IPv6:2001:db8::1]:x@y"), "x@y");
  EXPECT_EQ(WithoutSourceRoute("@a:"), "");
  EXPECT_EQ(WithoutSourceRoute("@a"), "@a");
  EXPECT_EQ(WithoutSourceRoute("x@[IPv6:::1]"), "x@[IPv6:::1]");
  EXPECT_EQ(WithoutSourceRoute("@\"a:b\"@c"), "@\"a:b\"@c");
  EXPECT_EQ(WithoutSourceRoute(""), "");
}

TEST(Parameters, ComeOneByOne) {
  std::string_view rest = "SIZE=2309 BODY=8BITMIME\t SMTPUTF8 ENVID= ORCPT=rfc822;a+3Db =5 A=b=c";
  const std::vector<EsmtpParameter> expected = {
      {"SIZE", "2309", true}, {"BODY", "8BITMIME", true},      {"SMTPUTF8", "", false},
      {"ENVID", "", true},    {"ORCPT", "rfc822;a+3Db", true}, {"", "5", true},
      {"A", "b=c", true}};
  EsmtpParameter parameter;
  for (const EsmtpParameter& want : expected) {
    ASSERT_TRUE(ConsumeParameter(rest, parameter));
    EXPECT_EQ(parameter.key, want.key);
    EXPECT_EQ(parameter.value, want.value);
    EXPECT_EQ(parameter.has_value, want.has_value);
  }
  EXPECT_FALSE(ConsumeParameter(rest, parameter));
}

}  // namespace
}  // namespace backscatter
