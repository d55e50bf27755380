// metrics_bench: what a scrape costs against prometheus-cpp alone, and what the live lists cost
// beside all else that is done for a transaction. A benchmark is no test: the exit code is 0
// whatever the figures, and 1 only if it could not run.
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/app/config.h"
#include "agent/app/kept_ledger.h"
#include "agent/app/pipeline.h"
#include "agent/app/room_options.h"
#include "agent/app/snapshot_publisher.h"
#include "agent/source/merged_source.h"
#include "exporters/prometheus.h"
#include "exporters/prometheus_families.h"
#include "prometheus/text_serializer.h"
#include "tests/bench/captures.h"

namespace backscatter::bench {
namespace {

constexpr const char* kUsage =
    "usage: metrics_bench [--rounds N] [--data DIRECTORY]\n"
    "  The page of /metrics with over 10,000 series against prometheus-cpp's own serializer on\n"
    "  families that are there already, and a replay of the generated capture `envelopes` with "
    "and\n"
    "  without the live lists, in N interleaved rounds (5). CPU time, the best of each.\n"
    "       metrics_bench --replay with|without CAPTURE\n"
    "  One replay, to count its instructions: perf stat -e instructions:u metrics_bench ...\n";
constexpr double kScrapeLimit = 3;  // times prometheus-cpp

double Cpu() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Lists at their longest.
LiveSnapshot Large() {
  LiveSnapshot snapshot;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    const std::string domain = "domain" + number + ".example.org";
    const std::string hash = TargetHash("key", number);
    snapshot.targets.push_back({.address = "user@" + domain,
                                .label = {domain, hash},
                                .shown = true,
                                .recipients = {i * 977, static_cast<double>(i)},
                                .sources = static_cast<double>(i) * 1.37,
                                .networks = static_cast<double>(i)});
    snapshot.networks.push_back(
        {.network = "10.0." + number + ".0/24", .shown = true, .recipients = {i * 31, 0}});
    snapshot.domains.push_back({.domain = domain, .shown = true, .unknown_users = {i, 0}});
  }
  return snapshot;
}

void BenchScrape(int rounds) {
  const LiveSnapshot snapshot = Large();
  const std::vector<prometheus::MetricFamily> families = MetricFamilies(snapshot);
  std::size_t series = 0;
  for (const auto& family : families) series += family.metric.size();
  double bare = 1e9;
  double ours = 1e9;
  std::size_t bytes = 0;
  for (int round = 0; round < rounds * 4; ++round) {
    double start = Cpu();
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    bytes = out.str().size();
    bare = std::min(bare, Cpu() - start);
    start = Cpu();
    bytes = RenderMetrics(snapshot).size();
    ours = std::min(ours, Cpu() - start);
  }
  std::printf("a page of %zu series, %zu KiB\n", series, bytes >> 10);
  std::printf("  prometheus-cpp's serializer alone %8.2f ms\n", bare * 1e3);
  std::printf("  RenderMetrics                     %8.2f ms   %.2f times (limit %.0f): %s\n",
              ours * 1e3, ours / bare, kScrapeLimit,
              ours / bare <= kScrapeLimit ? "met" : "NOT MET");
}

struct ReplayCost {
  double cpu = 0;
  std::uint64_t null_senders = 0;
};

ReplayCost ReplayOnce(const std::string& capture, bool with_lists) {
  absl::StatusOr<LoadedConfig> loaded = LoadConfig(
      {.file = "/dev/null", .sets = {"local.networks=[192.0.2.0/24, '2001:db8:25::/48']"}});
  if (!loaded.ok()) Die(std::string(loaded.status().message()));
  const Config& config = loaded->config;
  const HashKey key = HashKey::Random();
  absl::StatusOr<KeptLedger> sent = KeptLedger::Open("", MakeSentOptions(config, key));
  if (!sent.ok()) Die(std::string(sent.status().message()));
  SnapshotBox box;
  SnapshotPublisher publisher({.counts = MakeLiveOptions(config, key),
                               .labeller = Labeller(TargetLabels::kHash, "key"),
                               .box = &box});
  Pipeline pipeline({.config = config,
                     .batv_keys = {},
                     .hash_key = key,
                     .live = with_lists ? &publisher.counts() : nullptr},
                    std::make_unique<KeptLedger>(*std::move(sent)));
  MergedSource source({capture}, {});
  const double start = Cpu();
  if (!source.Start().ok()) Die("cannot read " + capture);
  PacketTime published = 0;
  while (true) {
    const absl::StatusOr<PollResult> result = source.Poll(pipeline, 0);
    if (!result.ok()) Die("cannot read " + capture);
    if (*result == PollResult::kEnded) break;
    // As in `run`: each second of the traffic.
    if (with_lists && pipeline.latest() >= published + kSecond) {
      published = pipeline.latest();
      publisher.Publish(pipeline, published, published);
    }
  }
  pipeline.Finish();
  const double cpu = Cpu() - start;
  return {cpu, pipeline.Snapshot({}, {}, 1).transactions.null_sender_recipients};
}

void BenchLists(int rounds, const std::filesystem::path& data) {
  const std::string capture = GeneratedCapture(data, "envelopes");
  ReplayCost last = ReplayOnce(capture, false);  // warms the page cache
  double without = 1e9;
  double with = 1e9;
  for (int round = 0; round < rounds; ++round) {
    without = std::min(without, ReplayOnce(capture, false).cpu);
    last = ReplayOnce(capture, true);
    with = std::min(with, last.cpu);
  }
  std::printf("a replay with %zu null-sender RCPTs\n", static_cast<std::size_t>(last.null_senders));
  std::printf("  without live lists %8.3f s\n", without);
  std::printf("  with them          %8.3f s   %+.1f %%, %.0f ns an RCPT\n", with,
              (with / without - 1) * 100,
              (with - without) * 1e9 / static_cast<double>(last.null_senders));
}

}  // namespace
}  // namespace backscatter::bench

int main(int argc, char** argv) {
  using namespace backscatter::bench;
  int rounds = 5;
  std::filesystem::path data = BENCH_DATA;
  if (argc == 4 && std::string_view(argv[1]) == "--replay") {
    const ReplayCost cost = ReplayOnce(argv[3], std::string_view(argv[2]) == "with");
    std::printf("%.6f s, %zu null-sender RCPTs\n", cost.cpu,
                static_cast<std::size_t>(cost.null_senders));
    return 0;
  }
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--data" && !value.empty()) {
      data = value;
    } else if (flag != "--rounds" ||
               std::from_chars(value.data(), value.data() + value.size(), rounds).ec !=
                   std::errc() ||
               rounds < 1) {
      std::fputs(kUsage, flag == "--help" ? stdout : stderr);
      return flag == "--help" ? 0 : 1;
    }
  }
  BenchScrape(rounds);
  BenchLists(rounds, data);
  return 0;
}
