// What the API tells, and what it keeps to itself.
#include "exporters/api_json.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <nlohmann/json.hpp>

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

// Parses and refuses a key that occurs twice in one object.
Json Parse(const std::string& text) {
  std::vector<std::set<std::string>> keys;
  return Json::parse(text, [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      EXPECT_TRUE(keys.back().insert(value.get<std::string>()).second) << value;
    }
    return true;
  });
}

HttpQuery Query(const std::string& raw) { return *HttpQuery::Parse(raw); }

TEST(ApiPage, HasBounds) {
  EXPECT_EQ(ParseApiPage({})->limit, 100u);
  EXPECT_EQ(ParseApiPage(Query("limit=1000&offset=7"))->limit, 1000u);
  EXPECT_EQ(ParseApiPage(Query("limit=1000&offset=7"))->offset, 7u);
  EXPECT_TRUE(ParseApiPage(Query("state=on"), {"state"}).ok());
  for (const char* const wrong :
       {"limit=0", "limit=1001", "limit=-1", "limit=", "limit=1x", "limit=+1", "limit=0x1",
        "limit=99999999999999999999", "offset=-1", "offset=1000001", "limit= 1", "page=1",
        "state=on", "Limit=1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseApiPage(Query(wrong)).status())) << wrong;
  }
  const ApiPage page{.limit = 10, .offset = 95};
  EXPECT_EQ(page.Begin(100), 95u);
  EXPECT_EQ(page.End(100), 100u);
  EXPECT_EQ(page.End(1000), 105u);
  EXPECT_EQ(page.Begin(3), 3u);
  EXPECT_EQ(page.End(3), 3u);
}

ApiReport ReportOf(std::size_t rows) {
  ApiReport api;
  api.report.run = {.source = "bpf", .has_time = true, .start = kSecond, .end = 2 * kSecond};
  for (std::size_t i = 0; i < rows; ++i) {
    AddressCounts row;
    row.address = "secret" + std::to_string(i) + "@ours.test";
    row.recipients = 1000 - i;
    row.distinct = 3;
    row.verdicts[static_cast<std::size_t>(Verdict::kBackscatter)] = 2;
    api.report.targets.push_back(row);
    api.labels.push_back({.domain = "ours.test", .target = "hash" + std::to_string(i)});
    row.address = "192.0.2." + std::to_string(i);
    api.report.sources.push_back(row);
  }
  api.report.targets_known = 5000;
  api.report.sources_known = rows;
  return api;
}

TEST(ApiTargets, APageOfThemIsNamedByLabels) {
  const Json json = Parse(RenderApiTargets(ReportOf(30), {.limit = 10, .offset = 25}));
  EXPECT_EQ(json.at("schema"), "backscatter.targets/1");
  EXPECT_EQ(json.at("known"), 5000);
  EXPECT_EQ(json.at("available"), 30);
  EXPECT_EQ(json.at("offset"), 25);
  EXPECT_EQ(json.at("limit"), 10);
  EXPECT_EQ(json.at("exact"), true);
  const Json& rows = json.at("targets");
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].at("target"), "hash25");
  EXPECT_EQ(rows[0].at("domain"), "ours.test");
  EXPECT_EQ(rows[0].at("recipients"), 975);
  EXPECT_EQ(rows[0].at("sources"), 3);
  EXPECT_EQ(rows[0].at("verdicts"), Json({{"backscatter", 2}}));
  EXPECT_THAT(json.dump(), Not(HasSubstr("secret")));
  EXPECT_TRUE(Parse(RenderApiTargets(ReportOf(3), {.offset = 3})).at("targets").empty());
}

TEST(ApiTargets, WhatIsNotExactSaysSo) {
  ApiReport api = ReportOf(1);
  api.report.error_bounds = {.targets = 7, .distinct = 2};
  api.report.targets[0].undercount = 5;
  Json json = Parse(RenderApiTargets(api, {}));
  EXPECT_EQ(json.at("exact"), false);
  EXPECT_EQ(json.at("error_bound"), 7);
  EXPECT_EQ(json.at("distinct_exact"), false);
  EXPECT_EQ(json.at("distinct_error_bound"), 2);
  EXPECT_EQ(json.at("targets")[0].at("undercount"), 5);
  EXPECT_FALSE(json.at("targets")[0].contains("estimated_recipients"));
  api = ReportOf(1);
  api.report.run.sampling = 0.5;
  api.report.targets[0].estimated_recipients = 2000;
  json = Parse(RenderApiTargets(api, {}));
  EXPECT_EQ(json.at("exact"), false);
  EXPECT_EQ(json.at("sampling"), 0.5);
  EXPECT_EQ(json.at("targets")[0].at("estimated_recipients"), 2000);
}

TEST(ApiSources, AreNamedByTheirAddress) {
  const Json json = Parse(RenderApiSources(ReportOf(3), {.limit = 2}));
  EXPECT_EQ(json.at("schema"), "backscatter.sources/1");
  ASSERT_EQ(json.at("sources").size(), 2u);
  EXPECT_EQ(json.at("sources")[1].at("address"), "192.0.2.1");
  EXPECT_EQ(json.at("sources")[1].at("targets"), 3);
}

LiveSnapshot Snapshot() {
  LiveSnapshot snapshot;
  snapshot.version = "1.2";
  snapshot.made_at = 10 * kSecond;
  snapshot.run = {.source = "pcap", .interfaces = {"eth\"0"}, .has_time = true, .start = kSecond};
  snapshot.ledger.Add(static_cast<Loss>(0), 3);
  snapshot.totals.sessions[static_cast<std::size_t>(MailDirection::kInbound)][1].Add(1, 4);
  for (int i = 0; i < 3; ++i) {
    Flood flood;
    flood.domain = "theirs.test";
    flood.target = "secret@theirs.test";
    flood.start = i * kSecond;
    flood.recipients = static_cast<std::uint64_t>(i);
    if (i == 0) flood.end = kSecond;
    snapshot.floods.push_back(flood);
    snapshot.flood_labels.push_back({.domain = "", .target = "00ff"});
  }
  return snapshot;
}

TEST(ApiFloods, TheLatestComeFirstAndCanBeChosen) {
  const LiveSnapshot snapshot = Snapshot();
  const Json all = Parse(RenderApiFloods(snapshot, std::nullopt, {}));
  EXPECT_EQ(all.at("schema"), "backscatter.floods/1");
  ASSERT_EQ(all.at("floods").size(), 3u);
  EXPECT_EQ(all.at("floods")[0].at("recipients"), 2);
  EXPECT_EQ(all.at("floods")[0].at("target"), "00ff");
  EXPECT_TRUE(all.at("floods")[0].at("domain").is_null());
  EXPECT_THAT(all.dump(), Not(HasSubstr("theirs.test")));
  EXPECT_EQ(Parse(RenderApiFloods(snapshot, true, {})).at("floods").size(), 2u);
  const Json ended = Parse(RenderApiFloods(snapshot, false, {}));
  ASSERT_EQ(ended.at("floods").size(), 1u);
  EXPECT_EQ(ended.at("floods")[0].at("recipients"), 0);
  EXPECT_EQ(Parse(RenderApiFloods(snapshot, true, {.limit = 1, .offset = 1}))
                .at("floods")[0]
                .at("recipients"),
            1);
}

TEST(ApiStatus, TellsHowTheAgentIs) {
  HttpFigures http;
  http.wrong_passwords = 6;
  http.connections.open = 2;
  const Json json = Parse(RenderApiStatus(Snapshot(), "capturing", http, 12 * kSecond));
  EXPECT_EQ(json.at("schema"), "backscatter.status/1");
  EXPECT_EQ(json.at("version"), "1.2");
  EXPECT_EQ(json.at("stage"), "capturing");
  EXPECT_EQ(json.at("age_seconds"), 2.0);
  EXPECT_EQ(json.at("run").at("interfaces")[0], "eth\"0");
  EXPECT_EQ(json.at("floods_on"), 2);
  EXPECT_EQ(json.at("losses"), Json({{std::string(LossName(static_cast<Loss>(0))), 3}}));
  EXPECT_EQ(json.at("sessions").at("inbound").at("encrypted").at("count"), 4);
  EXPECT_FALSE(json.at("sessions").at("inbound").at("encrypted").contains("estimated"));
  EXPECT_TRUE(json.at("sent").at("coverage").is_null());
  EXPECT_EQ(json.at("http").at("wrong_passwords"), 6);
  EXPECT_EQ(json.at("http").at("open"), 2);
}

TEST(ApiStatus, TellsWhoIsBusyNow) {
  LiveSnapshot snapshot = Snapshot();
  snapshot.recipients = {.minute = 1, .ten_minutes = 2, .hour = 3, .day = 4.5};
  snapshot.targets.push_back({.address = "secret@theirs.test",
                              .label = {.domain = "", .target = "00ff"},
                              .windows = {.minute = 5, .ten_minutes = 6, .hour = 7, .day = 8},
                              .sources = 40.4,
                              .networks = 2,
                              .last = kSecond});
  snapshot.domains.push_back({.domain = "ours.test", .windows = {.hour = 9}, .sources = 1});
  snapshot.networks.push_back({.network = "192.0.2.0/24", .windows = {.day = 10}});
  const std::string text = RenderApiStatus(snapshot, "capturing", {}, 0);
  EXPECT_THAT(text, Not(HasSubstr("theirs.test")));
  const Json recent = Parse(text).at("recent");
  EXPECT_EQ(recent.at("last_day"), 4.5);
  EXPECT_EQ(recent.at("targets")[0].at("target"), "00ff");
  EXPECT_TRUE(recent.at("targets")[0].at("domain").is_null());
  EXPECT_EQ(recent.at("targets")[0].at("last_ten_minutes"), 6);
  EXPECT_EQ(recent.at("targets")[0].at("sources"), 40);
  EXPECT_EQ(recent.at("domains")[0].at("domain"), "ours.test");
  EXPECT_EQ(recent.at("domains")[0].at("last_hour"), 9);
  EXPECT_EQ(recent.at("networks")[0].at("network"), "192.0.2.0/24");
  EXPECT_EQ(recent.at("networks")[0].at("last_day"), 10);
}

TEST(ApiTransaction, NoAddressAndNothingOfTheMessageIsTold) {
  Transaction transaction = Bounce("203.0.113.5", kSecond);
  transaction.helo = transaction.Store("secret-helo");
  transaction.mail_parameters = transaction.Store("ENVID=secret-envid");
  Recipient& recipient = AddRecipient(transaction, "Secret.Person@Ours.TEST", 550);
  recipient.parameters = transaction.Store("ORCPT=rfc822;secret-orcpt@ours.test");
  MessageFacts facts;
  facts.kind = MessageKind::kDsnFailed;
  facts.subject = "secret subject";
  facts.original_message_ids = {"<secret-id@ours.test>"};
  transaction.facts = &facts;
  const Judgement judgement{.verdict = Verdict::kBackscatter,
                            .solicited = false,
                            .confidence = Confidence::kMedium,
                            .reason = "not_sent"};
  std::vector<std::string> asked;
  const TargetNamer name = [&](std::string_view address) {
    asked.emplace_back(address);
    return TargetLabel{.domain = "ours.test", .target = "00ff"};
  };
  const std::string row =
      RenderApiTransaction({transaction, MailDirection::kInbound, judgement}, {}, name);
  EXPECT_THAT(row, Not(HasSubstr("ecret")));
  EXPECT_THAT(asked, testing::ElementsAre("Secret.Person@ours.test"));
  const Json json = Parse(row);
  EXPECT_EQ(json.at("recipients"), Json({{{"domain", "ours.test"},
                                          {"target", "00ff"},
                                          {"reply", 550},
                                          {"final_reply", nullptr}}}));
  EXPECT_TRUE(json.at("sender").is_null());
  EXPECT_EQ(json.at("source"), "203.0.113.5");
  EXPECT_EQ(json.at("verdict"), "backscatter");
  EXPECT_EQ(json.at("kind"), MessageKindName(MessageKind::kDsnFailed));
  transaction.null_sender = false;
  transaction.mail_from = transaction.Store("secret@theirs.test");
  const Json sent =
      Parse(RenderApiTransaction({transaction, MailDirection::kOutbound, judgement}, {}, name));
  EXPECT_EQ(sent.at("sender"), Json({{"domain", "ours.test"}, {"target", "00ff"}}));
}

TEST(ApiTransactions, AreRowsThatWereMadeBefore) {
  ApiTransactions transactions{.capacity = 10, .seen = 20, .kept = 10, .rows = {}};
  EXPECT_TRUE(Parse(RenderApiTransactions(transactions, {})).at("transactions").empty());
  for (const char* const row : {R"({"a":1})", R"({"a":2})"}) {
    transactions.rows.push_back(std::make_shared<const std::string>(row));
  }
  const Json json = Parse(RenderApiTransactions(transactions, {.limit = 2}));
  EXPECT_EQ(json.at("seen"), 20);
  EXPECT_EQ(json.at("available"), 10);
  EXPECT_EQ(json.at("transactions"), Json::parse(R"([{"a":1},{"a":2}])"));
}

void CollectKeys(const Json& json, std::set<std::string>& keys) {
  for (const auto& [key, value] : json.items()) {
    if (json.is_object()) keys.insert(key);
    if (key == "verdicts" || key == "losses" || key == "anomalies") continue;  // names of counts
    if (value.is_structured()) CollectKeys(value, keys);
  }
}

TEST(ApiDocument, NamesEveryKey) {
  std::ifstream in(std::string(BACKSCATTER_SOURCE_DIR) + "/docs/API.md");
  const std::string document{std::istreambuf_iterator<char>(in), {}};
  ASSERT_FALSE(document.empty());
  ApiReport report = ReportOf(1);
  report.report.run.sampling = 0.5;
  report.report.targets[0].undercount = 1;
  LiveSnapshot snapshot = Snapshot();
  snapshot.run.sampling = 0.5;
  snapshot.floods[0].top_sources.push_back({});
  snapshot.targets.push_back({});
  snapshot.domains.push_back({});
  snapshot.networks.push_back({});
  const Transaction transaction = BounceTo("a@v.test", "192.0.2.1");
  ApiTransactions transactions{.capacity = 1, .seen = 1, .kept = 1, .rows = {}};
  transactions.rows.push_back(std::make_shared<const std::string>(
      RenderApiTransaction({transaction, MailDirection::kInbound, Judgement()}, {},
                           [](std::string_view) { return TargetLabel(); })));
  std::set<std::string> keys;
  for (const std::string& text :
       {RenderApiTargets(report, {}), RenderApiSources(report, {}),
        RenderApiFloods(snapshot, std::nullopt, {}), RenderApiStatus(snapshot, "", {}, 0),
        RenderApiTransactions(transactions, {}), RenderApiError(400, "")}) {
    CollectKeys(Parse(text), keys);
  }
  EXPECT_GT(keys.size(), 70u);
  for (const std::string& key : keys) {
    EXPECT_TRUE(document.find("`" + key + "`") != std::string::npos ||
                document.find("\"" + key + "\"") != std::string::npos)
        << "docs/API.md: " << key;
  }
}

TEST(ApiError, IsJsonWithItsStatus) {
  EXPECT_EQ(RenderApiError(400, "a \"b\""),
            "{\"schema\":\"backscatter.error/1\",\"status\":400,\"error\":\"a \\\"b\\\"\"}\n");
}

}  // namespace
}  // namespace backscatter
