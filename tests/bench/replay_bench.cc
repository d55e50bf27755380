// replay_bench: backscatterd's CPU time and memory beside a bare libpcap loop that only counts.
// A benchmark is no test: the exit code is 0 whatever the figures, and 1 only if it could not run.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

#include "tests/bench/captures.h"
#include "tests/bench/measure.h"

namespace {

using backscatter::bench::Cost;
using backscatter::bench::GeneratedCapture;
using backscatter::bench::Median;
using backscatter::bench::MustMeasure;
using nlohmann::json;

constexpr const char* kUsage =
    "usage: replay_bench [--rounds N] [--data DIRECTORY] [--profile NAME]...\n"
    "       replay_bench --check REPORT TRUTH\n"
    "  Measures `backscatterd replay --format json` against a bare pcap_loop on generated "
    "captures,\n"
    "  in interleaved rounds (5). The captures (2 GB) are made once, in build/bench-data.\n"
    "  Profiles: bodies, envelopes, half-open, open; all of them where none is named.\n"
    "  --check says whether a JSON report has the counts of the generator's truth.\n";

struct Limits {
  const char* profile;
  double cpu_ratio;       // 0: none
  double peak_megabytes;  // 0: none
};
constexpr Limits kLimits[] = {
    {"bodies", 1.25, 0}, {"envelopes", 2.0, 0}, {"half-open", 0, 64}, {"open", 0, 0}};
constexpr double kBytesPerOpenFlow = 1024;
constexpr int kOpenFlows = 100'000;  // sessions of the profile "open"
constexpr int kFewFlows = 100;

struct Options {
  int rounds = 5;
  std::filesystem::path data = BENCH_DATA;
  std::vector<std::string> profiles;
};

bool ParseOptions(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const std::string_view value = argv[i + 1];
    if (flag == "--rounds") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), options.rounds);
      if (error != std::errc() || end != value.data() + value.size()) return false;
    } else if (flag == "--data") {
      options.data = value;
    } else if (flag == "--profile") {
      options.profiles.emplace_back(value);
    } else {
      return false;
    }
  }
  if (argc % 2 == 0 || options.rounds < 1) return false;
  for (const std::string& name : options.profiles) {
    bool known = false;
    for (const Limits& limits : kLimits) known = known || name == limits.profile;
    if (!known) return false;
  }
  return true;
}

std::vector<std::string> ReplayWords(const std::filesystem::path& capture) {
  return {BACKSCATTERD, "replay", "--format", "json", capture};
}

json ReadJson(const std::filesystem::path& path) {
  std::ifstream file(path);
  return json::parse(file, nullptr, false);
}

// "exact", or the first thing that is not.
std::string CompareCounts(const json& report, const json& truth) {
  if (!report.is_object() || !truth.is_object()) return "no report";
  for (const char* part : {"sessions", "transactions"}) {
    for (const auto& [key, value] : truth[part].items()) {
      if (report[part][key] != value) return std::string("wrong: ") + part + "." + key;
    }
  }
  for (const char* part : {"targets", "sources"}) {
    if (report[part].size() != truth[part].size()) return std::string("wrong: ") + part;
    for (const json& row : report[part]) {
      const auto wanted = truth[part].find(row["address"].get<std::string>());
      if (wanted == truth[part].end()) return std::string("wrong: ") + part;
      for (const auto& [key, value] : wanted->items()) {
        if (row[key] != value) return std::string("wrong: ") + part + "." + key;
      }
    }
  }
  return "exact";
}

// The first, unmeasured run: warms the page cache and looks whether the counts are exact.
// The comparison is a process of its own: what a child is charged as its peak memory is at least
// what its parent held when it started it, so this process stays small.
std::string CheckCounts(const std::filesystem::path& capture) {
  const std::string report = capture.string() + ".report.json";
  const std::string verdict = capture.string() + ".verdict";
  std::filesystem::path truth = capture;
  truth.replace_extension(".json");
  MustMeasure(ReplayWords(capture), report);
  MustMeasure({"/proc/self/exe", "--check", report, truth}, verdict);
  std::string line;
  std::ifstream file(verdict);
  std::getline(file, line);
  return line;
}

std::uint64_t CountPackets(const std::filesystem::path& capture) {
  const std::string output = capture.string() + ".packets";
  MustMeasure({BARE_PCAP_LOOP, capture}, output);
  std::uint64_t packets = 0;
  std::ifstream(output) >> packets;
  return packets;
}

void PrintHeading() {
  std::printf("%-10s %9s %6s %10s %14s %6s %6s %8s %7s  %s\n", "profile", "packets", "MB",
              "bare CPU s", "backscatterd s", "ratio", "limit", "peak MB", "limit", "counts");
}

std::string Limit(double value, int decimals) {
  char text[32] = "-";
  if (value > 0) std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// One line of the table; the peak of the replay is returned.
double BenchProfile(const Options& options, const Limits& limits, std::string& exceeded) {
  const std::filesystem::path capture = GeneratedCapture(options.data, limits.profile);
  const std::string counts = CheckCounts(capture);
  const std::uint64_t packets = CountPackets(capture);
  std::vector<double> bare;
  std::vector<double> ours;
  double peak = 0;
  for (int round = 0; round < options.rounds; ++round) {
    bare.push_back(MustMeasure({BARE_PCAP_LOOP, capture}).cpu_seconds);
    const Cost cost = MustMeasure(ReplayWords(capture));
    ours.push_back(cost.cpu_seconds);
    peak = std::max(peak, cost.peak_megabytes);
  }
  const double ratio = Median(ours) / std::max(Median(bare), 1e-6);
  std::printf("%-10s %9llu %6.0f %10.3f %14.3f %6.2f %6s %8.1f %7s  %s\n", limits.profile,
              static_cast<unsigned long long>(packets),
              static_cast<double>(std::filesystem::file_size(capture)) / 1e6, Median(bare),
              Median(ours), ratio, Limit(limits.cpu_ratio, 2).c_str(), peak,
              Limit(limits.peak_megabytes, 0).c_str(), counts.c_str());
  std::fflush(stdout);
  if (limits.cpu_ratio > 0 && ratio > limits.cpu_ratio) {
    exceeded += std::string("  EXCEEDED: CPU time on ") + limits.profile + "\n";
  }
  if (limits.peak_megabytes > 0 && peak > limits.peak_megabytes) {
    exceeded += std::string("  EXCEEDED: peak memory on ") + limits.profile + "\n";
  }
  if (counts != "exact") exceeded += std::string("  NOT EXACT: ") + limits.profile + "\n";
  return peak;
}

void BenchOpenFlows(const Options& options, double peak, std::string& exceeded) {
  const auto few =
      GeneratedCapture(options.data, "open", {"--sessions", std::to_string(kFewFlows)});
  const double flows = kOpenFlows - kFewFlows;
  const double small = MustMeasure(ReplayWords(few)).peak_megabytes;
  const double bytes = (peak - small) * 1024 * 1024 / flows;
  std::printf(
      "memory per open established flow: %.0f bytes (%.1f MB above a run with %d, over %.0f "
      "flows); limit %.0f\n",
      bytes, peak - small, kFewFlows, flows, kBytesPerOpenFlow);
  if (bytes > kBytesPerOpenFlow) exceeded += "  EXCEEDED: memory per open flow\n";
}

bool Wanted(const Options& options, const char* profile) {
  for (const std::string& name : options.profiles) {
    if (name == profile) return true;
  }
  return options.profiles.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (argc == 4 && std::string_view(argv[1]) == "--check") {
    std::puts(CompareCounts(ReadJson(argv[2]), ReadJson(argv[3])).c_str());
    return 0;
  }
  Options options;
  if (!ParseOptions(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::printf("medians of %d interleaved rounds; CPU is user and system time of one process\n\n",
              options.rounds);
  PrintHeading();
  std::string exceeded;
  for (const Limits& limits : kLimits) {
    if (!Wanted(options, limits.profile)) continue;
    const double peak = BenchProfile(options, limits, exceeded);
    if (std::string_view(limits.profile) == "open") BenchOpenFlows(options, peak, exceeded);
  }
  std::printf("\n%s", exceeded.empty() ? "every limit is kept\n" : exceeded.c_str());
  return 0;
}
