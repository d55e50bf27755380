// verdict_bench: what verdicts cost on top of Replay, with the sent ledger filled to its capacity.
// A benchmark is no test: the exit code is 0 whatever the figures, and 1 only if it could not run.
#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/captures.h"
#include "tests/bench/verdict_replay.h"

namespace {

using backscatter::bench::GeneratedCapture;
using backscatter::bench::MustMeasure;
using backscatter::bench::VerdictReplay;
using backscatter::bench::VerdictReplayCost;

constexpr const char* kUsage =
    "usage: verdict_bench [--rounds N] [--mails N] [--data DIRECTORY]\n"
    "  CPU time of a replay without verdicts (bodies are not read, nothing is judged) and with "
    "them,\n"
    "  in N interleaved rounds (5), each in a process of its own, over two generated captures:\n"
    "    envelopes  that of replay_bench; its bounces return no header\n"
    "    bounces    the same flood; 90 % of its bounces return a header with a Message-ID, and 10 "
    "%\n"
    "               of these answer mail that was sent: what reading a bounce whole costs, without "
    "a\n"
    "               limit\n"
    "  The sent ledger is full before the first packet: N mails of capacity (1000000), four keys\n"
    "  each. Filling it does not count; all else does, from the first packet to the end of the "
    "report.\n";
constexpr double kLimit = 0.5;  // of the CPU time of `envelopes` without verdicts

struct Options {
  int rounds = 5;
  std::uint64_t mails = 1'000'000;
  std::filesystem::path data = BENCH_DATA;
};

template <typename T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseOptions(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--rounds") {
      if (!ParseNumber(argv[i + 1], options.rounds)) return false;
    } else if (flag == "--mails") {
      if (!ParseNumber(argv[i + 1], options.mails)) return false;
    } else if (flag == "--data") {
      options.data = argv[i + 1];
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && options.rounds >= 1 && options.mails >= 1;
}

// One replay in this process; its cost in one line on standard output.
int ReplayHere(const VerdictReplay& wanted) {
  const VerdictReplayCost cost = backscatter::bench::Replay(wanted);
  std::printf("%.6f %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.3f\n", cost.cpu_seconds,
              cost.transactions, cost.backscatter, cost.solicited, cost.keys,
              cost.ledger_megabytes);
  return 0;
}

VerdictReplayCost ReplayInChild(const Options& options, const std::filesystem::path& capture,
                                bool verdicts) {
  const std::string output = capture.string() + ".cost";
  MustMeasure({"/proc/self/exe", "--replay", verdicts ? "with" : "without",
               std::to_string(options.mails), capture},
              output);
  VerdictReplayCost cost;
  std::ifstream(output) >> cost.cpu_seconds >> cost.transactions >> cost.backscatter >>
      cost.solicited >> cost.keys >> cost.ledger_megabytes;
  std::filesystem::remove(output);
  return cost;
}

// A line of the table. Returns how much verdicts cost on top.
double BenchProfile(const Options& options, const char* profile) {
  const std::filesystem::path capture = GeneratedCapture(options.data, profile);
  VerdictReplayCost last = ReplayInChild(options, capture, false);  // warms the page cache
  double without = 1e9;
  double with = 1e9;
  for (int round = 0; round < options.rounds; ++round) {
    without = std::min(without, ReplayInChild(options, capture, false).cpu_seconds);
    last = ReplayInChild(options, capture, true);
    with = std::min(with, last.cpu_seconds);
  }
  const double ratio = (with - without) / std::max(without, 1e-6);
  const double all = static_cast<double>(std::max<std::uint64_t>(last.transactions, 1)) / 100;
  std::printf("%-10s %12" PRIu64 " %11.3f %11.3f %7.2f %11.1f %% %10.1f %% %10" PRIu64 " %7.1f\n",
              profile, last.transactions, without, with, ratio,
              static_cast<double>(last.backscatter) / all,
              static_cast<double>(last.solicited) / all, last.keys, last.ledger_megabytes);
  std::fflush(stdout);
  return ratio;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (argc == 5 && std::string_view(argv[1]) == "--replay") {
    VerdictReplay wanted{.capture = argv[4], .verdicts = std::string_view(argv[2]) == "with"};
    if (ParseNumber(argv[3], wanted.sent_mails)) return ReplayHere(wanted);
  }
  Options options;
  if (!ParseOptions(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::printf("verdicts on top of Replay: lowest CPU time (user and system) of %d rounds\n\n",
              options.rounds);
  std::printf("%-10s %12s %11s %11s %7s %13s %12s %10s %7s\n", "profile", "transactions",
              "without s", "with s", "on top", "backscatter", "solicited", "sent keys", "MB");
  const bool kept = BenchProfile(options, "envelopes") <= kLimit;
  BenchProfile(options, "bounces");
  std::printf("\nlimit of envelopes: %.2f, %s\n", kLimit, kept ? "kept" : "EXCEEDED");
  return 0;
}
