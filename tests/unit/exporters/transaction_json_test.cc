#include "exporters/transaction_json.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

using Json = nlohmann::json;

std::string Line(const Transaction& transaction, const Judgement& judgement = {},
                 MailDirection direction = MailDirection::kUnknown) {
  std::string out;
  TransactionJson().Append({transaction, direction, judgement}, out);
  return out;
}

// Parses and refuses a key that occurs twice in one object.
Json Parse(const std::string& line) {
  std::vector<std::set<std::string>> keys;
  return Json::parse(line, [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      EXPECT_TRUE(keys.back().insert(value.get<std::string>()).second) << value;
    }
    return true;
  });
}

TEST(TransactionJson, AFullTransactionIsTheGoldenLine) {
  Transaction transaction = Bounce("203.0.113.5", 1'795'561'827 * kSecond);
  transaction.end = transaction.start + 1;
  transaction.helo = transaction.Store("mx.sender.test");
  transaction.protocol = Protocol::kEsmtp;
  transaction.tls = TlsState::kStarttls;
  transaction.mail_parameters = transaction.Store("SIZE=2309 body=8BITMIME");
  Recipient& recipient = AddRecipient(transaction, "prvs=1234abcdef=Ann@Example.ORG", 550);
  recipient.parameters = transaction.Store("ORCPT=rfc822;ann+2B@example.org NOTIFY=NEVER");
  recipient.enhanced = {.subject = 1, .detail = 1, .class_digit = 5};
  transaction.body_read = BodyRead::kHeaders;
  transaction.body_bytes = 2309;
  const Judgement judgement{.verdict = Verdict::kBackscatter,
                            .solicited = false,
                            .confidence = Confidence::kMedium,
                            .reason = "not_sent"};
  EXPECT_EQ(
      Line(transaction, judgement, MailDirection::kInbound),
      R"({"schema":"backscatter.transaction/1","start":"2026-11-24T23:10:27.000000000Z",)"
      R"("end":"2026-11-24T23:10:27.000000001Z","client":"203.0.113.5:40000",)"
      R"("server":"192.0.2.25:25","source":"203.0.113.5","direction":"inbound",)"
      R"("helo":"mx.sender.test","protocol":"esmtp","tls":"starttls","mail_from":"",)"
      R"("null_sender":true,"mail_parameters":{"SIZE":"2309","BODY":"8BITMIME"},)"
      R"("mail_reply":250,"recipients":[{"address":"prvs=1234abcdef=Ann@Example.ORG",)"
      R"("target":"Ann@example.org","parameters":{"ORCPT":"rfc822;ann+2B@example.org",)"
      R"("NOTIFY":"NEVER"},"reply":550,"enhanced":"5.1.1","final_reply":null}],)"
      R"("recipients_not_kept":0,"body":{"command":"DATA","started":true,"read":"headers",)"
      R"("bytes":2309,"reply":250},"outcome":"accepted","retry":false,"bounce":null,)"
      R"("verdict":"backscatter","solicited":false,"confidence":"medium","reason":"not_sent",)"
      R"("completeness":"complete","weight":1})"
      "\n");
}

TEST(TransactionJson, EveryKeyIsThereAndUnknownIsNull) {
  const Json line = Parse(Line(Transaction{}));
  for (const char* key :
       {"schema",     "start",       "end",        "client",       "server",
        "source",     "direction",   "helo",       "protocol",     "tls",
        "mail_from",  "null_sender", "mail_reply", "recipients",   "body",
        "outcome",    "retry",       "bounce",     "verdict",      "solicited",
        "confidence", "reason",      "weight",     "completeness", "mail_parameters"}) {
    EXPECT_TRUE(line.contains(key)) << key;
  }
  for (const char* key : {"helo", "mail_from", "mail_reply", "bounce", "solicited", "reason"}) {
    EXPECT_TRUE(line.at(key).is_null()) << key;
  }
  EXPECT_TRUE(line.at("body").at("command").is_null());
  EXPECT_TRUE(line.at("body").at("reply").is_null());
  EXPECT_EQ(line.at("direction"), "unknown");
}

TEST(TransactionJson, ARetryHasNoVerdictOfItsOwn) {
  const Json line = Parse(Line(
      Bounce("203.0.113.5"),
      {.retry = true, .verdict = Verdict::kBackscatter, .solicited = false, .reason = "not_sent"}));
  EXPECT_EQ(line.at("retry"), true);
  for (const char* key : {"verdict", "solicited", "confidence", "reason"}) {
    EXPECT_TRUE(line.at(key).is_null()) << key;
  }
}

TEST(TransactionJson, ABounceIsWhatItsMessageSays) {
  MessageFacts facts;
  facts.kind = MessageKind::kDsnFailed;
  facts.reporting_mta = "mx.sender.test";
  facts.recipients = {{.final_recipient = "bob@example.net",
                       .original_recipient = "b@example.net",
                       .action = DsnAction::kFailed,
                       .status = {.subject = 1, .detail = 1, .class_digit = 5}},
                      {}};
  facts.original_message_ids = {"1@example.org", "2@example.org"};
  facts.subject = "Undelivered mail";
  Transaction transaction = Bounce("203.0.113.5");
  transaction.facts = &facts;
  EXPECT_EQ(Parse(Line(transaction)).at("bounce"),
            Json::parse(R"({"kind":"dsn_failed","reporting_mta":"mx.sender.test","recipients":[)"
                        R"({"final_recipient":"bob@example.net","action":"failed",)"
                        R"("status":"5.1.1"},)"
                        R"({"final_recipient":null,"action":null,"status":null}],)"
                        R"("original_message_ids":["1@example.org","2@example.org"],)"
                        R"("subject":"Undelivered mail"})"));
}

TEST(TransactionJson, WhatIsNotKnownOfABounceIsNull) {
  MessageFacts facts;
  Transaction transaction = Bounce("203.0.113.5");
  transaction.facts = &facts;
  EXPECT_TRUE(Parse(Line(transaction)).at("bounce").is_null());  // kOther
  facts.kind = MessageKind::kAutoReply;
  EXPECT_EQ(Parse(Line(transaction)).at("bounce"),
            Json::parse(R"({"kind":"auto_reply","reporting_mta":null,"recipients":[],)"
                        R"("original_message_ids":[],"subject":null})"));
}

TEST(TransactionJson, WhereNothingWasReturnedTheOriginalIsWhatItAnswers) {
  MessageFacts facts;
  facts.kind = MessageKind::kAutoReply;
  facts.references = {"answered@example.org", "older@example.org"};
  Transaction transaction = Bounce("203.0.113.5");
  transaction.facts = &facts;
  EXPECT_EQ(Parse(Line(transaction)).at("bounce").at("original_message_ids"),
            Json::parse(R"(["answered@example.org"])"));
  facts.original_message_ids = {"returned@example.org"};
  EXPECT_EQ(Parse(Line(transaction)).at("bounce").at("original_message_ids"),
            Json::parse(R"(["returned@example.org"])"));
}

TEST(TransactionJson, HostileBytesOfAMessageStayInsideTheirString) {
  const std::string hostile = "a\"}\n{\x1b\xff";
  MessageFacts facts;
  facts.kind = MessageKind::kNonstandardBounce;
  facts.reporting_mta = facts.subject = hostile;
  facts.recipients.emplace_back().final_recipient = hostile;
  facts.original_message_ids = {hostile};
  Transaction transaction = Bounce("203.0.113.5");
  transaction.facts = &facts;
  const std::string line = Line(transaction);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Json bounce = Parse(line).at("bounce");
  const std::string safe = "a\"}\n{\x1b\ufffd";
  EXPECT_EQ(bounce.at("reporting_mta"), safe);
  EXPECT_EQ(bounce.at("subject"), safe);
  EXPECT_EQ(bounce.at("recipients").at(0).at("final_recipient"), safe);
  EXPECT_EQ(bounce.at("original_message_ids").at(0), safe);
}

TEST(TransactionJson, TheNullSenderIsEmptyInEachOfItsSpellings) {
  Transaction transaction = Bounce("203.0.113.5");
  transaction.mail_from = transaction.Store("@relay.test:");
  EXPECT_EQ(Parse(Line(transaction)).at("mail_from"), "");
  transaction.null_sender = false;
  EXPECT_EQ(Parse(Line(transaction)).at("mail_from"), "@relay.test:");
}

TEST(TransactionJson, OfAParameterGivenTwiceTheFirstCounts) {
  Transaction transaction = Bounce("203.0.113.5");
  transaction.mail_parameters = transaction.Store("size=1 SMTPUTF8 SIZE=2 smtputf8=3");
  const Json parameters = Parse(Line(transaction)).at("mail_parameters");
  EXPECT_EQ(parameters, (Json{{"SIZE", "1"}, {"SMTPUTF8", ""}}));
}

TEST(TransactionJson, ParameterKeysThatLookAlikeOnceEscapedAreOneKey) {
  Transaction transaction = Bounce("203.0.113.5");
  transaction.mail_parameters = transaction.Store("\xff=1 \xfe=2");
  EXPECT_EQ(Parse(Line(transaction)).at("mail_parameters").size(), 1u);
}

TEST(TransactionJson, HostileBytesStayInsideTheirLineAndTheirString) {
  Transaction transaction = BounceTo("a\"}\n{\x1b\xff\u2028@x", "203.0.113.5");
  transaction.helo = transaction.Store(std::string_view("\0\r\n", 3));
  const std::string line = Line(transaction);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Json parsed = Parse(line);
  EXPECT_EQ(parsed.at("recipients").at(0).at("address"), "a\"}\n{\x1b\ufffd\u2028@x");
  EXPECT_EQ(parsed.at("recipients").at(0).at("target"), "-");
}

TEST(TransactionJson, EveryNameIsThatOfTheSchema) {
  Transaction transaction = BounceTo("a@example.org", "2001:db8::5", 0);
  transaction.protocol = Protocol::kLmtp;
  transaction.tls = TlsState::kImplicit;
  transaction.body_command = BodyCommand::kBdat;
  transaction.body_read = BodyRead::kWhole;
  transaction.outcome = Outcome::kUnfinished;
  transaction.completeness = Completeness::kMidStream;
  transaction.weight = 2.5;
  transaction.recipients[0].final_reply = 452;
  const Json line = Parse(Line(transaction));
  EXPECT_EQ(line.at("client"), "[2001:db8::5]:40000");
  EXPECT_EQ(line.at("protocol"), "lmtp");
  EXPECT_EQ(line.at("tls"), "implicit");
  EXPECT_EQ(line.at("body").at("command"), "BDAT");
  EXPECT_EQ(line.at("body").at("read"), "whole");
  EXPECT_EQ(line.at("outcome"), "unfinished");
  EXPECT_EQ(line.at("completeness"), "mid_stream");
  EXPECT_EQ(line.at("weight"), 2.5);
  EXPECT_TRUE(line.at("recipients").at(0).at("reply").is_null());
  EXPECT_EQ(line.at("recipients").at(0).at("final_reply"), 452);
}

}  // namespace
}  // namespace backscatter
