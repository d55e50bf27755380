#include "exporters/report_json.h"

#include <gtest/gtest.h>

#include <string>

#include <nlohmann/json.hpp>

namespace backscatter {
namespace {

using Json = nlohmann::json;

std::string Text(const Report& report) {
  std::string text;
  const absl::Status status = WriteReportJson(report, [&](std::string_view piece) {
    text += piece;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  return text;
}

AddressCounts Row(std::string address, std::uint64_t recipients) {
  return {.address = std::move(address),
          .recipients = recipients,
          .accepted = 4,
          .deferred = 1,
          .refused = 2,
          .unknown = 3,
          .delivered = 3,
          .distinct = 5,
          .first = 0,
          .last = kSecond};
}

TEST(ReportJson, AnEmptyReportIsTheGoldenDocument) {
  EXPECT_EQ(Text(Report{}),
            R"({"schema":"backscatter.report/1",)"
            R"("run":{"source":"","interfaces":[],"start":null,"end":null,"sampling":1},)"
            R"("captures":[],)"
            R"("sessions":{"total":0,"plain":0,"encrypted":0,"one_sided":0,"mid_stream":0,)"
            R"("with_gaps":0},)"
            R"("transactions":{"total":0,"null_sender":0,"null_sender_recipients":0,"accepted":0,)"
            R"("rejected":0,"aborted":0,"unfinished":0,"retries":0},)"
            R"("recipients":0,"verdicts":{},"targets":[],"sources":[],"domains":[],)"
            R"("emitted":{"transactions":0,"causes":{},"recipient_domains":[],"examples":[]},)"
            R"("sent":{"sessions":0,"readable":0,"coverage":0,"mails":0,"dropped":0,)"
            R"("since":null,"clients":[]},)"
            R"("floods":[],)"
            R"("exact":{"targets":true,"sources":true,"domains":true,"emitted_domains":true,)"
            R"("distinct":true},)"
            R"("losses":{},"anomalies":{}})"
            "\n");
}

TEST(ReportJson, RowsHaveEveryKeyOfTheSchema) {
  Report report;
  report.targets = {Row("a@example.org", 10)};
  report.sources = {Row("198.51.100.1", 10)};
  report.domains = {
      {.domain = "example.org", .recipients = 10, .unknown_user = 2, .sources = 5, .targets = 1}};
  const Json json = Json::parse(Text(report));
  Json expected = {{"address", "a@example.org"},
                   {"recipients", 10},
                   {"accepted", 4},
                   {"deferred", 1},
                   {"refused", 2},
                   {"unknown", 3},
                   {"delivered", 3},
                   {"sources", 5},
                   {"verdicts", Json::object()},
                   {"first", "1970-01-01T00:00:00.000000000Z"},
                   {"last", "1970-01-01T00:00:01.000000000Z"}};
  EXPECT_EQ(json.at("targets").at(0), expected);
  expected.erase("sources");
  expected["targets"] = 5;
  expected["address"] = "198.51.100.1";
  EXPECT_EQ(json.at("sources").at(0), expected);
  EXPECT_EQ(json.at("domains").at(0), (Json{{"domain", "example.org"},
                                            {"recipients", 10},
                                            {"unknown_user", 2},
                                            {"sources", 5},
                                            {"targets", 1}}));
}

TEST(ReportJson, VerdictsAreThoseThatOccurredInTheOrderOfTheSchema) {
  Report report;
  report.transactions = {.total = 10, .retries = 2};
  report.verdicts[static_cast<std::size_t>(Verdict::kUnknown)] = 1;
  report.verdicts[static_cast<std::size_t>(Verdict::kBackscatter)] = 7;
  report.targets = {Row("a@example.org", 10)};
  report.targets[0].verdicts[static_cast<std::size_t>(Verdict::kSolicited)] = 3;
  const std::string text = Text(report);
  EXPECT_NE(text.find(R"("verdicts":{"backscatter":7,"unknown":1})"), std::string::npos);
  const Json json = Json::parse(text);
  EXPECT_EQ(json.at("transactions").at("retries"), 2);
  EXPECT_FALSE(json.at("transactions").contains("ignored"));
  report.transactions.ignored = 3;
  EXPECT_EQ(Json::parse(Text(report)).at("transactions").at("ignored"), 3);
  EXPECT_EQ(json.at("targets").at(0).at("verdicts"), (Json{{"solicited", 3}}));
}

TEST(ReportJson, CapturesSayWhatWasReadAndWhatWentWrong) {
  Report report;
  report.captures = {{.file = "a.pcap",
                      .packets = 2,
                      .bytes = 120,
                      .first = 0,
                      .last = kSecond,
                      .link_types = {1, 276, 4711}},
                     {.file = "b\n.pcap", .error = "not a capture"}};
  const Json captures = Json::parse(Text(report)).at("captures");
  EXPECT_EQ(captures.at(0).at("link_types"), (Json{"ETHERNET", "LINUX_SLL2", "4711"}));
  EXPECT_TRUE(captures.at(0).at("error").is_null());
  EXPECT_EQ(captures.at(0).at("last"), "1970-01-01T00:00:01.000000000Z");
  EXPECT_EQ(captures.at(1).at("error"), "not a capture");
  EXPECT_EQ(captures.at(1).at("file"), "b\n.pcap");
  EXPECT_TRUE(captures.at(1).at("first").is_null());
}

TEST(ReportJson, WhatIsNotExactSaysSoWithItsBound) {
  Report report;
  report.error_bounds = {.targets = 12, .distinct = 3};
  report.targets = {Row("a@example.org", 10)};
  report.targets[0].undercount = 7;
  const Json json = Json::parse(Text(report));
  EXPECT_EQ(json.at("exact"), (Json{{"targets", false},
                                    {"sources", true},
                                    {"domains", true},
                                    {"emitted_domains", true},
                                    {"distinct", false}}));
  EXPECT_EQ(json.at("error_bounds"), (Json{{"targets", 12},
                                           {"sources", 0},
                                           {"domains", 0},
                                           {"distinct", 3},
                                           {"domain_distinct", 0}}));
  EXPECT_EQ(json.at("targets").at(0).at("undercount"), 7);
}

TEST(ReportJson, EstimatesAppearOnlyWhenSampled) {
  Report report;
  report.estimated_recipients = 20;
  report.targets = {Row("a@example.org", 10)};
  report.targets[0].estimated_recipients = 20;
  EXPECT_EQ(Text(report).find("estimated"), std::string::npos);
  report.run.sampling = 0.5;
  const Json json = Json::parse(Text(report));
  EXPECT_EQ(json.at("run").at("sampling"), 0.5);
  EXPECT_EQ(json.at("estimated_recipients"), 20);
  EXPECT_EQ(json.at("targets").at(0).at("estimated_recipients"), 20);
  EXPECT_TRUE(json.at("transactions").contains("estimated_null_sender_recipients"));
  EXPECT_TRUE(json.at("transactions").contains("estimated_accepted"));
  EXPECT_TRUE(json.at("sessions").contains("estimated_total"));
  EXPECT_TRUE(json.contains("estimated_verdicts"));
}

TEST(ReportJson, EstimatesStayWhereTheRatioIsOneAgain) {
  Report report;
  report.weighted = true;
  EXPECT_TRUE(Json::parse(Text(report)).contains("estimated_recipients"));
}

TEST(ReportJson, LossesAndAnomaliesAreThoseThatHappened) {
  Report report;
  report.ledger.Add(Loss::kTcpGapBytes, 9);
  report.ledger.Add(Anomaly::kLongLine);
  const Json json = Json::parse(Text(report));
  EXPECT_EQ(json.at("losses"), (Json{{"tcp.gap_bytes", 9}}));
  EXPECT_EQ(json.at("anomalies"), (Json{{"long_line", 1}}));
}

TEST(ReportJson, ALongReportComesInBoundedPieces) {
  Report report;
  for (int i = 0; i < 20000; ++i) report.targets.push_back(Row(std::to_string(i), 1));
  std::string text;
  std::size_t longest = 0;
  ASSERT_TRUE(WriteReportJson(report, [&](std::string_view piece) {
                longest = std::max(longest, piece.size());
                text += piece;
                return absl::OkStatus();
              }).ok());
  EXPECT_LT(longest, 80u << 10);
  EXPECT_EQ(Json::parse(text).at("targets").size(), 20000u);
}

TEST(ReportJson, AnErrorOfTheSinkStopsTheWritingAndIsHandedBack) {
  Report report;
  for (int i = 0; i < 20000; ++i) report.targets.push_back(Row(std::to_string(i), 1));
  int calls = 0;
  const absl::Status status = WriteReportJson(report, [&](std::string_view) {
    ++calls;
    return absl::ResourceExhaustedError("disk full");
  });
  EXPECT_EQ(status.message(), "disk full");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace backscatter
