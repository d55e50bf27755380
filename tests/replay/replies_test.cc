// The reply codes that the lab's own client logged, against the transactions read from the wire.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/replay/replayed.h"
#include "tests/replay/run_program.h"

namespace backscatter::replay {
namespace {

using nlohmann::json;
using Codes = std::vector<int>;

// All numbers of three digits in `text` that stand alone.
Codes CodesIn(const std::string& text) {
  Codes codes;
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t end = i;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
    if (end == i + 3) codes.push_back(std::stoi(text.substr(i, 3)));
    i = end == i ? i + 1 : end;
  }
  return codes;
}

int Code(const json& reply) { return reply.is_number() ? reply.get<int>() : 0; }

// MAIL, the RCPTs, 354 where a DATA body started, the body: in the order they were answered.
Codes Flatten(const json& transaction) {
  Codes codes = {Code(transaction["mail_reply"])};
  for (const json& recipient : transaction["recipients"]) {
    codes.push_back(Code(recipient["reply"]));
  }
  const json& body = transaction["body"];
  if (body["started"] == true && body["command"] == "DATA") codes.push_back(354);
  if (body["reply"].is_number()) codes.push_back(Code(body["reply"]));
  return codes;
}

struct Logged {
  Replayed replayed;
  json log;
};

// Fills `logged`; false (and a skip or failure) where there is nothing to compare.
void Load(const std::string& name, Logged& logged) {
  const auto capture = SharedCaptures() / (name + ".pcap");
  const auto log = SharedCaptures() / "replies" / (name + ".txt");
  if (!std::filesystem::exists(capture) || !std::filesystem::exists(log)) {
    GTEST_SKIP() << capture << " or its log is not here";
  }
  logged.replayed = Replay(capture, true);
  ASSERT_EQ(logged.replayed.exit_code, 0) << logged.replayed.errors;
  logged.log = json::parse(ReadWholeFile(log), nullptr, false);
  ASSERT_TRUE(logged.log.is_object());
}

// ---- logs with one entry "SENDER ['rcpt', ...] [codes]" a message ----------------------------

struct Message {
  std::string sender;
  std::string recipients;
  Codes codes;
};

bool ParseMessage(const std::string& entry, Message& message) {
  const std::size_t recipients = entry.find(" ['");
  const std::size_t codes = entry.rfind("[");
  if (recipients == std::string::npos || codes <= recipients + 1) return false;
  message.sender = entry.substr(0, recipients);
  message.recipients = entry.substr(recipients, codes - recipients);
  message.codes = CodesIn(entry.substr(codes));
  return true;
}

bool Matches(const json& transaction, const Message& message) {
  if (transaction["mail_from"] != message.sender) return false;
  std::string recipients;
  for (const json& recipient : transaction["recipients"]) {
    recipients +=
        (recipients.empty() ? " ['" : ", '") + recipient["address"].get<std::string>() + "'";
  }
  return recipients + "] " == message.recipients;
}

class MessageLog : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Lab, MessageLog,
                         testing::Values("lab__multi-tx_postfix", "lab__multi-tx-ipv6_postfix",
                                         "lab__multi-tx-sll2_postfix", "lab__proxy-v1v2_postfix",
                                         "lab__starttls-refused_postfix",
                                         "lab__xclient-xforward_postfix"));

TEST_P(MessageLog, EveryLoggedMessageHasItsRepliesInOrder) {
  Logged logged;
  ASSERT_NO_FATAL_FAILURE(Load(GetParam(), logged));
  if (IsSkipped()) return;
  std::size_t next = 0;
  const auto& transactions = logged.replayed.transactions;
  std::size_t messages = 0;
  for (const json& entry : logged.log["log"]) {
    Message message;
    if (!ParseMessage(entry.get<std::string>(), message)) continue;
    ++messages;
    while (next < transactions.size() && !Matches(transactions[next], message)) ++next;
    ASSERT_LT(next, transactions.size()) << "not found: " << entry;
    EXPECT_EQ(Flatten(transactions[next]), message.codes) << entry;
    ++next;
  }
  EXPECT_GT(messages, 0u);
}

TEST(NestedMail, IsLoggedAndReadAs503) {
  Logged logged;
  ASSERT_NO_FATAL_FAILURE(Load("lab__multi-tx_postfix", logged));
  if (testing::Test::IsSkipped()) return;
  const auto& transactions = logged.replayed.transactions;
  EXPECT_EQ(std::count_if(transactions.begin(), transactions.end(),
                          [](const json& t) { return t["mail_reply"] == 503; }),
            1);
}

// ---- logs with one entry "... 250 ... 250" a transaction: MAIL and its only RCPT ---------------

class EnvelopeLog : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Lab, EnvelopeLog,
                         testing::Values("lab__null-syntax_postfix", "lab__rcpt-syntax_postfix",
                                         "lab__rcpt-syntax_exim"));

TEST_P(EnvelopeLog, EveryEntryHasItsMailAndRcptReply) {
  Logged logged;
  ASSERT_NO_FATAL_FAILURE(Load(GetParam(), logged));
  if (IsSkipped()) return;
  auto transactions = logged.replayed.transactions;
  std::stable_sort(transactions.begin(), transactions.end(),
                   [](const json& a, const json& b) { return a["start"] < b["start"]; });
  ASSERT_EQ(transactions.size(), logged.log["log"].size());
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    const std::string entry = logged.log["log"][i];
    const Codes codes = CodesIn(entry.substr(entry.rfind(" rcpt ") - 4));
    ASSERT_EQ(codes.size(), 2u) << entry;
    EXPECT_EQ(transactions[i]["mail_reply"], codes[0]) << entry;
    ASSERT_EQ(transactions[i]["recipients"].size(), 1u) << entry;
    EXPECT_EQ(transactions[i]["recipients"][0]["reply"], codes[1]) << entry;
  }
}

// ---- logs that are a plain list of codes -------------------------------------------------------

class CodeLog : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Lab, CodeLog,
                         testing::Values("lab__bareLF-cmds_exim", "lab__bareLF-cmds_postfix",
                                         "lab__bdat-tricky_exim", "lab__bdat-tricky_postfix",
                                         "lab__pipe-all-one-segment_exim", "lab__utf8-nul_exim"));

TEST_P(CodeLog, TransactionsShowTheLoggedCodesInOrder) {
  Logged logged;
  ASSERT_NO_FATAL_FAILURE(Load(GetParam(), logged));
  if (IsSkipped()) return;
  Codes read;
  for (const json& transaction : logged.replayed.transactions) {
    const Codes codes = Flatten(transaction);
    read.insert(read.end(), codes.begin(), codes.end());
  }
  Codes wanted;
  for (const json& code : logged.log["log"]) wanted.push_back(std::stoi(code.get<std::string>()));
  std::erase(wanted, 221);
  if (std::string(GetParam()).starts_with("lab__bdat-tricky")) {
    // The log mixes replies to chunks with others, and all are 250: MAIL, RCPT, LAST three times.
    EXPECT_THAT(wanted, testing::Each(250));
    wanted.assign(9, 250);
  }
  EXPECT_EQ(read, wanted);
}

// ---- smuggling: codes a connection -------------------------------------------------------------

class SmuggleLog : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Lab, SmuggleLog,
                         testing::Values("lab__smuggle_postfix", "lab__smuggle_exim"));

TEST_P(SmuggleLog, EachConnectionHasTheTransactionsThatTheServerRan) {
  Logged logged;
  ASSERT_NO_FATAL_FAILURE(Load(GetParam(), logged));
  if (IsSkipped()) return;
  std::map<std::string, std::vector<json>> by_client;
  for (const json& t : logged.replayed.transactions) {
    by_client[t["client"].get<std::string>()].push_back(t);
  }
  std::vector<std::pair<std::string, std::string>> order;  // start, client
  for (const auto& [client, transactions] : by_client) {
    order.emplace_back(transactions.front()["start"].get<std::string>(), client);
  }
  std::sort(order.begin(), order.end());
  ASSERT_EQ(order.size(), logged.log["log"].size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::string entry = logged.log["log"][i];
    const auto& transactions = by_client[order[i].second];
    Codes read = {Code(transactions.front()["body"]["reply"])};
    for (std::size_t t = 1; t < transactions.size(); ++t) {
      const Codes codes = Flatten(transactions[t]);
      read.insert(read.end(), codes.begin(), codes.end());
      EXPECT_EQ(transactions[t]["null_sender"], true);
    }
    Codes wanted = CodesIn(entry.substr(entry.find('[')));
    EXPECT_EQ(read, wanted) << entry;
  }
}

// ---- the flood: counts a target and a source ---------------------------------------------------

std::map<std::string, std::uint64_t> Column(const json& table, const char* column) {
  std::map<std::string, std::uint64_t> counts;
  for (const json& row : table) counts[row["address"]] = row[column];
  return counts;
}

TEST(FloodLog, TargetsAndSourcesHaveTheCountsThatTheClientKept) {
  Logged logged;
  ASSERT_NO_FATAL_FAILURE(Load("lab__flood300_postfix", logged));
  if (testing::Test::IsSkipped()) return;
  using Counts = std::map<std::string, std::uint64_t>;
  const json& report = logged.replayed.report;
  EXPECT_EQ(Column(report["targets"], "recipients"), logged.log["per_victim_null"].get<Counts>());
  EXPECT_EQ(Column(report["targets"], "accepted"), logged.log["accepted"].get<Counts>());
  EXPECT_EQ(Column(report["sources"], "recipients"), logged.log["per_source_null"].get<Counts>());
}

}  // namespace
}  // namespace backscatter::replay
