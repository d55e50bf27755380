#include "exporters/prometheus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "agent/base/utf8.h"
#include "agent/mail/canonical_target.h"
#include "exporters/metric_catalogue.h"
#include "exporters/metric_labels.h"

namespace backscatter {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Eq;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Lines of series whose names begin so, without the prefix of all.
std::vector<std::string> Series(const std::string& page, const std::string& name) {
  std::vector<std::string> found;
  for (const std::string& line : Lines(page)) {
    if (line.starts_with("backscatter_" + name)) found.push_back(line.substr(12));
  }
  return found;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// With something in every metric there is.
LiveSnapshot Full() {
  LiveSnapshot snapshot;
  snapshot.number = 1;
  snapshot.version = "1.2.3";
  snapshot.run = {.source = "bpf", .interfaces = {"eth0", "eth1"}, .sampling = 0.5};
  snapshot.made_at = 1'800'000'000 * kSecond + kSecond / 4;
  snapshot.packet_time = 1'800'000'000 * kSecond;
  snapshot.bpf_programs = {{"packet", 1.5, 100}};
  snapshot.targets = {{.address = "joe@ours.example",
                       .label = {"ours.example", "0123456789abcdef"},
                       .shown = true,
                       .recipients = {7, 14},
                       .sources = 3,
                       .networks = 2}};
  snapshot.networks = {{.network = "192.0.2.0/24", .shown = true, .recipients = {7, 14}}};
  snapshot.domains = {{.domain = "ours.example", .shown = true}};
  snapshot.emissions = {{.cause = "unknown", .transactions = {1, 2}}};
  snapshot.floods = {{.kind = FloodKind::kJoeJob,
                      .domain = "ours.example",
                      .target = "joe@ours.example",
                      .confidence = Confidence::kStrong,
                      .start = snapshot.packet_time - kMinute,
                      .recipients = 300,
                      .estimated_recipients = 600,
                      .sources = 40,
                      .networks = 30,
                      .peak_per_minute = 250}};
  snapshot.flood_labels = {{"ours.example", "0123456789abcdef"}};
  snapshot.floods_raised[0] = 1;
  snapshot.detection_delay.Observe(0.3);
  snapshot.sent_coverage = 0.75;
  snapshot.sent_since = snapshot.packet_time - kHour;
  return snapshot;
}

struct Line {
  std::string name;
  std::map<std::string, std::string> labels;  // values as they stand there
};

// The text format, well enough for what we write.
Line ParseLine(const std::string& text) {
  static const std::regex kLine(R"re(([a-z_]+)(\{(.*)\})? [-+.e0-9A-Za-z]+)re");
  static const std::regex kLabel(R"re(([a-z_]+)="((\\.|[^"\\])*)",?)re");
  std::smatch match;
  Line line;
  EXPECT_TRUE(std::regex_match(text, match, kLine)) << text;
  if (match.empty()) return line;
  line.name = match[1];
  const std::string labels = match[3];
  std::size_t used = 0;
  for (std::sregex_iterator it(labels.begin(), labels.end(), kLabel), end; it != end; ++it) {
    line.labels[(*it)[1]] = (*it)[2];
    used += static_cast<std::size_t>(it->length());
  }
  EXPECT_EQ(used, labels.size()) << text;
  return line;
}

TEST(Metrics, EveryMetricOfTheCatalogueIsThereWithItsTypeHelpAndLabelsAndNoOther) {
  std::map<std::string, MetricSpec> expected;
  for (const MetricSpec& spec : MetricCatalogue()) {
    expected.emplace(spec.name, spec);
    if (spec.has_estimate) expected.emplace(EstimateName(spec), spec);
  }
  std::set<std::string> seen;
  for (const std::string& text : Lines(RenderMetrics(Full()))) {
    if (text.starts_with("# HELP ")) {
      const std::string rest = text.substr(7);
      EXPECT_TRUE(expected.contains(rest.substr(0, rest.find(' ')))) << text;
      continue;
    }
    if (text.starts_with("# TYPE ")) {
      const std::string rest = text.substr(7);
      const MetricSpec& spec = expected.at(rest.substr(0, rest.find(' ')));
      const char* const kind = spec.kind == MetricKind::kCounter     ? "counter"
                               : spec.kind == MetricKind::kHistogram ? "histogram"
                                                                     : "gauge";
      EXPECT_EQ(rest.substr(rest.find(' ') + 1), kind);
      continue;
    }
    Line line = ParseLine(text);
    if (line.name.starts_with("backscatter_detection_delay_seconds")) {
      line.name = "backscatter_detection_delay_seconds";
      line.labels.erase("le");
    }
    ASSERT_TRUE(expected.contains(line.name)) << text;
    seen.insert(line.name);
    const MetricSpec& spec = expected.at(line.name);
    std::set<std::string> labels;
    for (const auto& [label, value] : line.labels) labels.insert(label);
    const std::set<std::string> wanted(
        spec.labels.begin(), spec.labels.begin() + static_cast<std::ptrdiff_t>(spec.label_count()));
    EXPECT_EQ(labels, wanted) << text;
  }
  for (const auto& [name, spec] : expected) EXPECT_TRUE(seen.contains(name)) << name;
}

TEST(Metrics, ThePageOfAnAgentThatHasSeenNothingHasEverythingThatIsNeverAbsent) {
  const std::string page = RenderMetrics(LiveSnapshot{});
  for (const MetricSpec& spec : MetricCatalogue()) {
    if (!spec.absent.empty()) continue;
    if (spec.id == Metric::kEmittedBounces) continue;  // its causes come with the snapshot
    EXPECT_THAT(page, HasSubstr("\n# TYPE " + std::string(spec.name) + " "));
  }
  EXPECT_THAT(page, Not(HasSubstr("estimated")));
  EXPECT_EQ(Series(page, "losses_total").size(), kLossCount);
  EXPECT_EQ(Series(page, "anomalies_total").size(), kAnomalyCount);
  EXPECT_EQ(Series(page, "floods_total").size(), kFloodKinds);
  EXPECT_THAT(page, HasSubstr("backscatter_bounces_total{direction=\"inbound\",verdict="
                              "\"backscatter\",solicited=\"false\",confidence=\"strong\"} 0\n"));
}

// Packet capture has a ring for each interface, of other sizes.
TEST(Metrics, TheRingBufferIsThatOfTheKernelProbesOnly) {
  LiveSnapshot snapshot = Full();
  snapshot.ring_buffer_bytes = 16 << 20;
  EXPECT_THAT(RenderMetrics(snapshot), HasSubstr("\nbackscatter_ring_buffer_bytes 16777216\n"));
  snapshot.run.source = "pcap";
  EXPECT_THAT(RenderMetrics(snapshot), Not(HasSubstr("backscatter_ring_buffer_bytes")));
}

TEST(Metrics, TheDocumentIsMadeFromTheCatalogue) {
  const std::string path = std::string(BACKSCATTER_SOURCE_DIR) + "/METRICS.md";
  if (std::getenv("BACKSCATTER_UPDATE") != nullptr) {
    std::ofstream(path, std::ios::binary) << MetricsDocument();
  }
  EXPECT_EQ(ReadFile(path), MetricsDocument())
      << "METRICS.md is not that of the catalogue; BACKSCATTER_UPDATE=1 exporters_test writes it";
}

// promtool of Debian, where ./dev test has fetched it.
TEST(Metrics, PromtoolFindsNothingToSay) {
  const std::string promtool =
      std::string(BACKSCATTER_SOURCE_DIR) + "/build/mail-servers/tree/usr/bin/promtool";
  if (!std::filesystem::exists(promtool)) {
    GTEST_SKIP() << "no promtool at " << promtool << ": ./dev test fetches it";
  }
  const std::string base = testing::TempDir() + "metrics." + std::to_string(getpid());
  std::ofstream(base) << RenderMetrics(Full());
  const std::string command = promtool + " check metrics < " + base + " > " + base + ".out 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_EQ(ReadFile(base + ".out"), "");
  EXPECT_EQ(status, 0);
  std::filesystem::remove(base);
  std::filesystem::remove(base + ".out");
}

TEST(Metrics, WhatEnteredAListIsToldAsNothingUntilItMayBeShown) {
  LiveSnapshot snapshot = Full();
  snapshot.run.sampling = 1;
  EXPECT_THAT(
      Series(RenderMetrics(snapshot), "target_recipients_total"),
      ElementsAre(
          "target_recipients_total{domain=\"ours.example\",target=\"0123456789abcdef\"} 7"));
  snapshot.targets[0].shown = false;
  EXPECT_THAT(
      Series(RenderMetrics(snapshot), "target_recipients_total"),
      ElementsAre(
          "target_recipients_total{domain=\"ours.example\",target=\"0123456789abcdef\"} 0"));
}

TEST(Metrics, HostileNamesAreEscapedBoundedAndValid) {
  LiveSnapshot snapshot = Full();
  const std::string longest(64 << 10, 'x');
  const std::vector<std::string> hostile = {"a\"b\\c\nd@x",
                                            std::string("nul\0x", 5),
                                            "\xff\xfe@y",
                                            "\xe2\x80\xae"
                                            "gnp",
                                            "\x1b[31mred",
                                            longest,
                                            std::string(700, '\xc3')};
  snapshot.targets.clear();
  for (const std::string& name : hostile) {
    snapshot.targets.push_back({.address = name, .label = {"ours.example", name}, .shown = true});
  }
  const std::string page = RenderMetrics(snapshot);
  const std::vector<std::string> series = Series(page, "target_recipients_total");
  ASSERT_EQ(series.size(), hostile.size());
  for (const std::string& text : series) {
    EXPECT_LE(text.size(), 2 * kMaxLabelValue);
    const Line line = ParseLine("backscatter_" + text);
    EXPECT_EQ(line.labels.size(), 2u) << text;
  }
  for (std::string_view rest = page; !rest.empty();) {
    const Utf8Char next = ReadUtf8(rest);
    ASSERT_TRUE(next.valid);
    EXPECT_TRUE(next.code_point == '\n' || !IsUnsafeToShow(next.code_point));
    rest.remove_prefix(next.length);
  }
  EXPECT_THAT(series[0], HasSubstr(R"(target="a\"b\\c\\u{a}d@x")"));
}

TEST(Metrics, NoTwoAddressesAreOneSeries) {
  LiveSnapshot snapshot = Full();
  snapshot.targets.clear();
  for (const std::string last : {"a@ours.example", "b@ours.example"}) {
    // Each of its octets is shown as six.
    const std::string name = std::string(kMaxTargetLength - last.size(), '\x7f') + last;
    snapshot.targets.push_back({.address = name, .label = {"ours.example", name}, .shown = true});
  }
  const std::vector<std::string> series =
      Series(RenderMetrics(snapshot), "target_recipients_total");
  ASSERT_EQ(series.size(), 2u);
  EXPECT_NE(series[0], series[1]);
}

TEST(Metrics, AFloodThatIsOverIsToldForFiveMinutes) {
  LiveSnapshot snapshot = Full();
  EXPECT_THAT(Series(RenderMetrics(snapshot), "flood_active"),
              ElementsAre("flood_active{kind=\"joe_job\",domain=\"ours.example\",target="
                          "\"0123456789abcdef\"} 1"));
  snapshot.floods[0].end = snapshot.packet_time;
  EXPECT_THAT(Series(RenderMetrics(snapshot), "flood_active"),
              ElementsAre("flood_active{kind=\"joe_job\",domain=\"ours.example\",target="
                          "\"0123456789abcdef\"} 0"));
  snapshot.packet_time += 5 * kMinute;
  EXPECT_EQ(Series(RenderMetrics(snapshot), "flood_active").size(), 1u);
  snapshot.packet_time += 1;
  EXPECT_THAT(Series(RenderMetrics(snapshot), "flood_"), IsEmpty());
}

TEST(Metrics, FloodsOfOneNameAreOneSeries) {
  LiveSnapshot snapshot = Full();
  Flood one = {.kind = FloodKind::kEmitter,
               .network = "192.0.2.0/24",
               .confidence = Confidence::kWeak,
               .start = 200 * kSecond,
               .estimated_recipients = 20,
               .sources = 2,
               .networks = 1,
               .peak_per_minute = 7};
  Flood two = one;
  two.network = "198.51.100.0/24";
  two.start = 100 * kSecond;
  two.confidence = Confidence::kMedium;
  two.peak_per_minute = 9;
  Flood over = one;
  over.start = 50 * kSecond;
  over.end = snapshot.packet_time;
  snapshot.floods = {over, two, one};
  snapshot.flood_labels = {{}, {}, {}};
  const std::string page = RenderMetrics(snapshot);
  const std::string labels = "{kind=\"emitter\",domain=\"\",target=\"\"} ";
  EXPECT_THAT(Series(page, "flood_active"), ElementsAre("flood_active" + labels + "2"));
  EXPECT_THAT(Series(page, "flood_start"),
              ElementsAre("flood_start_timestamp_seconds" + labels + "100"));
  EXPECT_THAT(Series(page, "flood_recipients"), ElementsAre("flood_recipients" + labels + "40"));
  EXPECT_THAT(Series(page, "flood_sources"), ElementsAre("flood_sources" + labels + "4"));
  EXPECT_THAT(Series(page, "flood_peak"), ElementsAre("flood_peak_per_minute" + labels + "9"));
  EXPECT_THAT(Series(page, "flood_confidence"), ElementsAre("flood_confidence" + labels + "2"));
}

TEST(Metrics, EstimatesStandBesideCountsOnlyWhereTheyDiffer) {
  LiveSnapshot snapshot = Full();
  EXPECT_THAT(Series(RenderMetrics(snapshot), "target_recipients_estimated_total"),
              ElementsAre(testing::EndsWith("} 14")));
  snapshot.run.sampling = 1;
  EXPECT_THAT(RenderMetrics(snapshot), Not(HasSubstr("_estimated_total")));
  snapshot.weighted = true;  // it was not always 1
  EXPECT_THAT(RenderMetrics(snapshot), HasSubstr("_estimated_total"));
}

TEST(Metrics, TheDelayIsACumulativeHistogram) {
  LiveSnapshot snapshot;
  for (const double seconds : {0.05, 0.3, 0.5, 1000.0}) snapshot.detection_delay.Observe(seconds);
  const std::vector<std::string> series =
      Series(RenderMetrics(snapshot), "detection_delay_seconds");
  EXPECT_THAT(series, Contains("detection_delay_seconds_bucket{le=\"0.1\"} 1"));
  EXPECT_THAT(series, Contains("detection_delay_seconds_bucket{le=\"0.5\"} 3"));
  EXPECT_THAT(series, Contains("detection_delay_seconds_bucket{le=\"300\"} 3"));
  EXPECT_THAT(series, Contains("detection_delay_seconds_bucket{le=\"+Inf\"} 4"));
  EXPECT_THAT(series, Contains("detection_delay_seconds_count 4"));
}

TEST(Labels, AHashNamesTheAddressByTheKeyAlone) {
  const Labeller labeller(TargetLabels::kHash, "key");
  const TargetLabel label = labeller.Label("joe@ours.example", "ours.example");
  EXPECT_EQ(label.domain, "ours.example");
  // printf joe@ours.example | openssl dgst -sha256 -hmac key
  EXPECT_EQ(label.target, "e2d04e5e3d6cece8");
  EXPECT_EQ(Labeller(TargetLabels::kHash, "key").Label("joe@ours.example", "").target,
            label.target);
  EXPECT_NE(Labeller(TargetLabels::kHash, "kez").Label("joe@ours.example", "").target,
            label.target);
  EXPECT_EQ(labeller.Label("", "ours.example").target, "");
  EXPECT_EQ(labeller.Label("-", "").target, "-");
}

TEST(Labels, ByDomainOrPlainAsTheOperatorAsks) {
  const TargetLabel domain =
      Labeller(TargetLabels::kDomain, "").Label("joe@o.example", "o.example");
  EXPECT_EQ(domain, (TargetLabel{"o.example", ""}));
  const TargetLabel plain = Labeller(TargetLabels::kPlain, "").Label("joe@o.example", "o.example");
  EXPECT_EQ(plain, (TargetLabel{"o.example", "joe@o.example"}));
}

}  // namespace
}  // namespace backscatter
