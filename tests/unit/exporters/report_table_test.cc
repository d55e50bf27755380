#include "exporters/report_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "exporters/text_layout.h"
#include "exporters/verdict_words.h"

namespace backscatter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr PacketTime kStart = 1'795'561'827 * kSecond;

AddressCounts Row(std::string address, std::uint64_t accepted, std::uint64_t refused,
                  std::uint64_t distinct) {
  return {.address = std::move(address),
          .recipients = accepted + refused + 1,
          .accepted = accepted,
          .deferred = 1,
          .refused = refused,
          .distinct = distinct,
          .first = kStart,
          .last = kStart + 59 * kSecond};
}

Report Flood() {
  Report report;
  report.run = {.source = "file", .has_time = true, .start = kStart, .end = kStart + 94 * kSecond};
  report.captures = {{.file = "mail.pcap", .packets = 120'400, .bytes = 12'345'678}};
  report.sessions = {.total = 1200, .plain = 1100, .encrypted = 100, .one_sided = 2};
  report.transactions = {.total = 2000,
                         .null_sender = 1500,
                         .null_sender_recipients = 1600,
                         .accepted = 1000,
                         .rejected = 900,
                         .aborted = 60,
                         .unfinished = 40};
  report.recipients = 2500;
  report.transactions.retries = 50;
  report.verdicts[static_cast<std::size_t>(Verdict::kNormal)] = 500;
  report.verdicts[static_cast<std::size_t>(Verdict::kBackscatter)] = 1440;
  report.verdicts[static_cast<std::size_t>(Verdict::kNullRejectedRcpt)] = 5;
  report.verdicts[static_cast<std::size_t>(Verdict::kSolicited)] = 5;
  report.targets = {Row("victim@example.org", 1000, 199, 311),
                    Row("someone.with.a.long.name@mail.department.example.org", 90, 9, 12),
                    Row("\u4f8b\u5b50@example.net", 0, 1, 1)};
  report.targets_known = 1532;
  report.sources = {Row("2001:db8:1234:5678:9abc:def0:1234:5678", 700, 0, 3),
                    Row("198.51.100.7", 20, 1, 2)};
  report.sources_known = 2;
  report.sent = {.sessions = 700,
                 .readable = 680,
                 .mails = 12'345,
                 .since = kStart - 3600 * kSecond,
                 .clients = {{.address = "203.0.113.25", .sessions = 300, .readable = 281}}};
  report.ledger.Add(Loss::kTcpGapBytes, 5120);
  report.ledger.Add(Anomaly::kBareLineFeed, 12);
  report.ledger.Add(Anomaly::kLongLine, 3456);
  return report;
}

TEST(ReportTable, SaysWhenNoOutboundSessionTaughtWhatWeSent) {
  Report report = Flood();
  report.sent = {};
  EXPECT_THAT(RenderReportTable(report, {}), HasSubstr("0 mails known; no outbound session was"));
  report.verdicts = {};  // nothing was judged by it
  report.verdicts[static_cast<std::size_t>(Verdict::kNormal)] = 500;
  EXPECT_THAT(RenderReportTable(report, {}), Not(HasSubstr("What we sent")));
}

TEST(ReportTable, AFloodOnAUtf8TerminalIsTheGoldenTable) {
  EXPECT_EQ(RenderReportTable(Flood(), {.unicode = true}),
            R"(Backscatter report  2026-11-24 23:10:27 to 23:12:01 UTC (1 min 34 s)
mail.pcap · 120,400 packets · 12.3 MB

Sessions      1,200   1,100 plain · 100 encrypted
Transactions  2,000   1,000 accepted · 900 rejected · 60 aborted · 40 unfinished
Recipients    2,500
Null sender   1,500   with 1,600 recipients

Verdicts (without 50 retries)
transactions  share        verdict             meaning
       1,440  ██████  74%  backscatter         bounces of mail we did not send
         500  ██▏     26%  normal              ordinary mail
           5  ▏       <1%  null_rejected_rcpt  refused before the message
           5  ▏       <1%  solicited           bounces of our own mail

Top targets (3 of 1,532)
RCPTs  share        accepted  rejected  sources     first      last  target
1,200  ██████  75%     1,000       200      311  23:10:27  23:11:26  victim@example.org
  100  ▌        6%        90        10       12  23:10:27  23:11:26  someone.with.a.…ent.example.org
    2  ▏       <1%         0         2        1  23:10:27  23:11:26  例子@example.net

Top sources
RCPTs  share        accepted  rejected  targets     first      last  source
  701  ██████  44%       700         1        3  23:10:27  23:11:26  2001:db8:1234:5…:def0:1234:5678
   22  ▎        1%        20         2        2  23:10:27  23:11:26  198.51.100.7

What we sent  12,345 mails known, since 2026-11-24T22:10:27 UTC; 680 of 700 outbound sessions could
              be read
              least of 203.0.113.25: 281 of 300
Unseen        100 of 1,200 sessions encrypted (TLS): what they carried is not counted
Half seen     2 of 1,200 sessions captured in one direction only
Lost          5,120 bytes of TCP streams that were not captured
Odd           long_line 3,456, bare_line_feed 12
)");
}

TEST(ReportTable, SaysWhatWasIgnored) {
  Report report = Flood();
  EXPECT_THAT(RenderReportTable(report, {}), Not(HasSubstr("Ignored")));
  report.transactions.ignored = 86'400;
  EXPECT_THAT(RenderReportTable(report, {}),
              HasSubstr("Ignored       86,400 transactions of ignore.networks or ignore.targets"));
}

TEST(ReportTable, OrdinaryMailAloneIsNoVerdictWorthALine) {
  Report report;
  EXPECT_THAT(RenderReportTable(report, {}), Not(HasSubstr("Verdicts")));
  report.verdicts[static_cast<std::size_t>(Verdict::kNormal)] = 3;
  EXPECT_THAT(RenderReportTable(report, {}), Not(HasSubstr("Verdicts")));
  report.verdicts[static_cast<std::size_t>(Verdict::kCalloutProbe)] = 1;
  report.transactions.retries = 1;
  EXPECT_THAT(RenderReportTable(report, {}), HasSubstr("Verdicts (without 1 retry)\n"));
}

TEST(ReportTable, EveryVerdictHasWordsThatFitItsLine) {
  Report report;
  report.verdicts.fill(999'999'999);
  const std::string table = RenderReportTable(report, {.width = 80});
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    const std::string_view words = VerdictWords(static_cast<Verdict>(i));
    EXPECT_FALSE(words.empty());
    EXPECT_THAT(table, HasSubstr(std::string(words) + "\n"));
  }
}

TEST(ReportTable, PipedItIsPlainAscii) {
  const std::string table = RenderReportTable(Flood(), {});
  EXPECT_TRUE(std::all_of(table.begin(), table.end(),
                          [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  EXPECT_THAT(table, HasSubstr("1,200  ######  75%"));
  EXPECT_THAT(table, HasSubstr("someone.with.a...nt.example.org"));
  EXPECT_THAT(table, HasSubstr("\\xe4\\xbe\\x8b"));
}

TEST(ReportTable, ColorOnlyWhenAskedFor) {
  EXPECT_THAT(RenderReportTable(Flood(), {.color = true}), HasSubstr("\x1b[1m"));
  EXPECT_THAT(RenderReportTable(Flood(), {.unicode = true}), Not(HasSubstr("\x1b")));
}

TEST(ReportTable, NothingFromTheWireReachesTheTerminalUnescaped) {
  Report report = Flood();
  report.targets[0].address = "a\x1b[2J\r\u202e@x";
  report.captures[0].file = "f\x1b]0;title\x07";
  report.captures[0].error = "bad\nname";
  for (const bool unicode : {true, false}) {
    const std::string table = RenderReportTable(report, {.unicode = unicode});
    for (const char* bad : {"\x1b", "\r", "\x07", "\u202e", "bad\nname"}) {
      EXPECT_THAT(table, Not(HasSubstr(bad)));
    }
  }
}

TEST(ReportTable, NoLineIsWiderThanAskedForWhateverTheNumbers) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 300; ++round) {
    Report report = Flood();
    const std::uint64_t most = round % 2 == 0 ? std::uint64_t{1} << (random() % 34) : 1000;
    for (std::vector<AddressCounts>* rows : {&report.targets, &report.sources}) {
      for (AddressCounts& row : *rows) {
        row = Row(std::string(random() % 300, 'x') + "\u4f8b@example.org", random() % most,
                  random() % most, random() % most);
        row.undercount = random() % 2;
      }
    }
    if (random() % 2 == 0) report.run.end += 86400 * kSecond;
    report.error_bounds.distinct = random() % most;
    for (std::uint64_t& count : report.verdicts) count = random() >> (random() % 64);
    report.captures[0].file = std::string(random() % 200, 'f');
    report.captures[0].error = std::string(random() % 200, 'e') + " is " + std::string(90, 'w');
    for (const std::size_t width : {std::size_t{80}, std::size_t{100}}) {
      const std::string table =
          RenderReportTable(report, {.unicode = round % 3 != 0, .width = width});
      for (std::size_t at = 0; at < table.size();) {
        const std::size_t end = table.find('\n', at);
        EXPECT_LE(DisplayWidth(std::string_view(table).substr(at, end - at)), width) << table;
        at = end + 1;
      }
    }
  }
}

TEST(ReportTable, WhatIsNotExactIsMarkedAndExplained) {
  Report report = Flood();
  report.error_bounds = {.targets = 12, .distinct = 1000};
  report.targets[0].undercount = 7;
  const std::string table = RenderReportTable(report, {});
  EXPECT_THAT(table, HasSubstr("1,200+  ######"));
  EXPECT_THAT(table, HasSubstr("311+"));
  EXPECT_THAT(table, HasSubstr("recipients of a target may be too low, by at most 12;"));
  EXPECT_THAT(table, HasSubstr("distinct sources and targets may be too low, by at most 1,000;"));
  EXPECT_THAT(RenderReportTable(Flood(), {}), Not(HasSubstr("Not exact")));
}

TEST(ReportTable, ASampledRunSaysWhatItEstimates) {
  Report report = Flood();
  report.run.sampling = 0.1;
  report.estimates.sessions = 9'000;
  report.estimates.transactions = 12'000;
  report.estimated_null_sender_recipients = 16'000;
  EXPECT_THAT(RenderReportTable(report, {}),
              HasSubstr("sampled at 0.1: about 9,000 sessions, 12,000 transactions"));
}

TEST(ReportTable, ADamagedCaptureIsNamedWithItsError) {
  Report report = Flood();
  report.captures[0].error = "mail.pcap: record at offset 4,096 claims 3,900,000,000 bytes";
  EXPECT_THAT(RenderReportTable(report, {}),
              HasSubstr("Damaged       mail.pcap: record at offset 4,096 claims"));
}

TEST(ReportTable, WithoutAnyTargetItSaysWhatWasSeenInstead) {
  Report report;
  EXPECT_THAT(RenderReportTable(report, {}), HasSubstr("No packets were read."));
  report.captures = {{.file = "a.pcap", .packets = 1234}};
  EXPECT_THAT(RenderReportTable(report, {}), HasSubstr("No SMTP seen in 1,234 packets."));
  report.sessions = {.total = 5, .encrypted = 5};
  EXPECT_THAT(RenderReportTable(report, {}), HasSubstr("all 5 sessions were encrypted"));
  report.sessions = {.total = 5, .plain = 3, .encrypted = 2};
  EXPECT_THAT(RenderReportTable(report, {}),
              HasSubstr("No MAIL command in 5 sessions, 2 of them encrypted."));
  report.transactions.total = 9;
  EXPECT_THAT(RenderReportTable(report, {}),
              HasSubstr("No bounces: none of 9 transactions had the null sender."));
  report.transactions.null_sender = 4;
  EXPECT_THAT(RenderReportTable(report, {}),
              HasSubstr("None of 4 null-sender transactions named a recipient."));
  report.transactions.null_sender_recipients = 4;
  EXPECT_THAT(RenderReportTable(report, {}), HasSubstr("local.networks"));
}

TEST(ReportTable, OverSeveralDaysTimesCarryTheirDate) {
  Report report = Flood();
  report.run.end = kStart + 3 * 86400 * kSecond;
  const std::string table = RenderReportTable(report, {});
  EXPECT_THAT(table, HasSubstr("2026-11-24 23:10:27 to 2026-11-27 23:10:27 UTC (3 d 0 h)"));
  EXPECT_THAT(table, HasSubstr("  11-24 23:10  11-24 23:11  victim@example.org"));
}

}  // namespace
}  // namespace backscatter
