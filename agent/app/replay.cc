#include "agent/app/replay.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/app/engine.h"
#include "agent/app/output_file.h"
#include "agent/app/progress.h"
#include "agent/app/say.h"
#include "agent/app/stop_signal.h"
#include "agent/app/terminal.h"
#include "agent/base/escape.h"
#include "agent/base/keyed_hash.h"
#include "agent/mail/direction.h"
#include "agent/report/report.h"
#include "agent/report/tally.h"
#include "agent/source/merged_source.h"
#include "exporters/report_json.h"
#include "exporters/report_table.h"
#include "exporters/transaction_json.h"

namespace backscatter {
namespace {

constexpr std::size_t kTableTop = 20;
constexpr std::int64_t kMaxWait = 100'000'000;  // ns; a file never waits

EngineOptions MakeEngineOptions(const Config& config, const HashKey& key) {
  EngineOptions options;
  options.tcp.ports = config.ports;
  options.tcp.hash_key = key;
  options.trusted_proxies = config.trusted_proxies;
  return options;
}

TallyOptions MakeTallyOptions(const Config& config, const HashKey& key) {
  TallyOptions options;
  options.targets_capacity = config.targets_capacity;
  options.sources_capacity = config.sources_capacity;
  options.target = config.targets;
  options.hash_key = key;
  return options;
}

// Counts each transaction, and writes it where that is wanted.
class TransactionFan final : public TransactionSink {
 public:
  // `lines` may be null.
  TransactionFan(Tally* tally, OutputFile* lines, const Config& config)
      : tally_(*tally), lines_(lines), local_(config.local_networks), json_(config.targets) {}

  void OnTransaction(const Transaction& transaction) override {
    const Judgement judgement{.reason = "not_judged"};
    const JudgedTransaction judged{transaction, local_.DirectionOf(transaction), judgement};
    tally_.OnTransaction(judged);
    if (lines_ == nullptr) return;
    json_.Append(judged, lines_->buffer());
    // Whoever watches a slow pipe sees each line at once; a fast one costs ten writes a second.
    const Clock::time_point now = Clock::now();
    if (now - flushed_ >= kFlushInterval) {
      lines_->Flush();
      flushed_ = now;
    }
    lines_->FlushIfFull();
    if (lines_->reader_gone()) RequestStop();
  }
  void OnSession(const SessionSummary& session) override { tally_.OnSession(session); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kFlushInterval{100};

  Tally& tally_;
  OutputFile* lines_;
  LocalNetworks local_;
  TransactionJson json_;
  Clock::time_point flushed_;
};

class EngineFeed final : public PacketSink {
 public:
  EngineFeed(Engine* engine, Ledger* ledger) : engine_(*engine), ledger_(*ledger) {}
  void OnPacket(const Packet& packet) override { engine_.OnPacket(packet); }
  void OnLoss(Loss loss, std::uint64_t count) override { ledger_.Add(loss, count); }

 private:
  Engine& engine_;
  Ledger& ledger_;
};

bool IsSameFile(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 && S_ISREG(first.st_mode) &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Reads until the end of the input. Costs one clock reading a batch of packets.
absl::Status Drive(Source& source, PacketSink& sink, Progress& progress) {
  if (const absl::Status status = source.Start(); !status.ok()) return status;
  while (true) {
    const absl::StatusOr<PollResult> result = source.Poll(sink, kMaxWait);
    if (!result.ok()) return result.status();
    if (*result == PollResult::kEnded) return absl::OkStatus();
    if (!progress.Due()) continue;
    const SourceStats stats = source.Stats();
    progress.Show(stats.input_bytes, stats.input_size);
  }
}

std::vector<CaptureInfo> MakeCaptures(std::vector<CaptureResult> results) {
  std::vector<CaptureInfo> captures;
  for (CaptureResult& result : results) {
    CaptureInfo capture;
    capture.file = std::move(result.path);
    capture.packets = result.stats.packets;
    capture.bytes = result.stats.bytes;
    capture.first = result.stats.first;
    capture.last = result.stats.last;
    capture.link_types = std::move(result.stats.link_types);
    capture.error = std::move(result.error);
    // Standard input is ended by Ctrl-C as a rule; a file that was not read to its end is not
    // whole.
    if (result.stopped && capture.error.empty() && capture.file != "-") {
      capture.error = capture.file + ": stopped by a signal before its end; the " +
                      std::to_string(capture.packets) + " packets before were read";
    }
    captures.push_back(std::move(capture));
  }
  return captures;
}

RunInfo MakeRun(const std::vector<CaptureInfo>& captures) {
  RunInfo run;
  run.source = "file";
  for (const CaptureInfo& capture : captures) {
    if (capture.packets == 0) continue;
    run.start = run.has_time ? std::min(run.start, capture.first) : capture.first;
    run.end = run.has_time ? std::max(run.end, capture.last) : capture.last;
    run.has_time = true;
  }
  return run;
}

void WriteReport(const Report& report, ReportFormat format, int fd, OutputFile& out) {
  if (format == ReportFormat::kTable) {
    const Terminal terminal = DescribeTerminal(fd);
    out.buffer() += RenderReportTable(
        report, {.unicode = terminal.unicode, .color = terminal.colour, .width = terminal.columns});
    return;
  }
  const absl::Status status = WriteReportJson(report, [&out](std::string_view piece) {
    out.buffer() += piece;
    out.FlushIfFull();
    return out.status();
  });
  (void)status;  // the file knows it too, and says it when it is closed
}

// True if everything was written. A reader that went away was told nothing and needs no word.
bool CloseAndSay(OutputFile& file) {
  const absl::Status status = file.Close();
  if (!status.ok() && !file.reader_gone()) Say(status);
  return status.ok();
}

bool SayInputErrors(const std::vector<CaptureInfo>& captures) {
  bool any = false;
  for (const CaptureInfo& capture : captures) {
    if (capture.error.empty()) continue;
    Say(EscapeForTerminal(capture.error));
    any = true;
  }
  return any;
}

absl::StatusOr<std::unique_ptr<OutputFile>> OpenTransactions(const ReplayFlags& flags) {
  if (flags.transactions.empty()) return std::unique_ptr<OutputFile>();
  for (const std::string& file : flags.files) {
    if (!IsSameFile(flags.transactions, file)) continue;
    return absl::InvalidArgumentError("--transactions " + EscapeForTerminal(flags.transactions) +
                                      " would overwrite the capture " + EscapeForTerminal(file));
  }
  return OutputFile::Open(flags.transactions);
}

}  // namespace

ExitCode RunReplay(const ReplayFlags& flags, const Config& config, const std::atomic<bool>& stop) {
  const absl::StatusOr<std::unique_ptr<OutputFile>> lines = OpenTransactions(flags);
  if (!lines.ok()) {
    Say(lines.status());
    return absl::IsInvalidArgument(lines.status()) ? ExitCode::kUsage : ExitCode::kRefused;
  }
  const HashKey key = HashKey::Random();
  Ledger ledger;
  Tally tally(MakeTallyOptions(config, key), &ledger);
  TransactionFan fan(&tally, lines->get(), config);
  Engine engine(MakeEngineOptions(config, key), &ledger, &fan);
  EngineFeed feed(&engine, &ledger);
  MergedSource source(flags.files, {.stop = &stop});
  Progress progress(stderr, isatty(STDERR_FILENO) == 1);

  const absl::Status driven = Drive(source, feed, progress);
  engine.Finish();
  progress.Clear();

  bool whole = driven.ok();
  if (!driven.ok()) Say(driven);
  if (*lines != nullptr) whole &= CloseAndSay(**lines);
  std::vector<CaptureInfo> captures = MakeCaptures(source.Results());
  RunInfo run = MakeRun(captures);
  const std::size_t top = flags.top.value_or(flags.format == ReportFormat::kTable ? kTableTop : 0);
  const Report report = MakeReport(tally, ledger, std::move(run), std::move(captures), top);
  const int fd = flags.transactions == "-" ? STDERR_FILENO : STDOUT_FILENO;
  OutputFile out(fd, fd == STDOUT_FILENO ? "standard output" : "standard error");
  WriteReport(report, flags.format, fd, out);
  whole &= CloseAndSay(out);
  whole &= !SayInputErrors(report.captures);
  return whole ? ExitCode::kDone : ExitCode::kDamaged;
}

}  // namespace backscatter
