#include "agent/app/replay.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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

#include "agent/app/feed_file.h"
#include "agent/app/output_file.h"
#include "agent/app/pipeline.h"
#include "agent/app/pipeline_files.h"
#include "agent/app/progress.h"
#include "agent/app/say.h"
#include "agent/app/stop_signal.h"
#include "agent/app/terminal.h"
#include "agent/base/escape.h"
#include "agent/base/keyed_hash.h"
#include "agent/report/report.h"
#include "agent/source/merged_source.h"
#include "exporters/report_table.h"

namespace backscatter {
namespace {

constexpr std::size_t kTableTop = 20;
constexpr std::int64_t kMaxWait = 100'000'000;  // ns; a file never waits

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
  (void)PutReportJson(report, out);  // the file says it when it is closed
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

// What would be destroyed by writing to it.
absl::Status CheckIsNoCapture(std::string_view flag, const std::string& path,
                              const std::vector<std::string>& captures) {
  for (const std::string& capture : captures) {
    if (!IsSameFile(path, capture)) continue;
    return absl::InvalidArgumentError(std::string(flag) + " " + EscapeForTerminal(path) +
                                      " would overwrite the capture " + EscapeForTerminal(capture));
  }
  return absl::OkStatus();
}

absl::StatusOr<PipelineFiles> Open(const ReplayFlags& flags, const Config& config,
                                   const HashKey& key) {
  for (const auto& [flag, path] :
       {std::pair{"--transactions", &flags.transactions}, {"--sent-ledger", &flags.sent_ledger}}) {
    const absl::Status status = CheckIsNoCapture(flag, *path, flags.files);
    if (!status.ok()) return status;
  }
  return OpenPipelineFiles({.sent = flags.sent_ledger, .transactions = flags.transactions}, config,
                           key);
}

// The feed that is configured, or null.
absl::StatusOr<std::unique_ptr<FeedFile>> OpenFeed(const Config& config, Pipeline& pipeline) {
  if (config.sent_feed.empty()) return std::unique_ptr<FeedFile>();
  return FeedFile::Open(config.sent_feed, pipeline.ledger(), pipeline.sent().ledger);
}

ExitCode Refuse(const absl::Status& status) {
  Say(status);
  return ExitCodeOf(status);
}

// True if all of it was written.
bool WriteOut(const ReplayFlags& flags, const Report& report) {
  const int fd = flags.transactions == "-" ? STDERR_FILENO : STDOUT_FILENO;
  OutputFile out(fd, fd == STDOUT_FILENO ? "standard output" : "standard error");
  WriteReport(report, flags.format, fd, out);
  return CloseAndSay(out);
}

}  // namespace

ExitCode RunReplay(const ReplayFlags& flags, const Config& config, const std::atomic<bool>& stop) {
  const HashKey key = HashKey::Random();
  absl::StatusOr<PipelineFiles> opened = Open(flags, config, key);
  if (!opened.ok()) return Refuse(opened.status());
  bool whole = opened->sent->warning().empty();
  if (!whole) Say(opened->sent->warning());

  Pipeline pipeline({.config = config,
                     .batv_keys = std::move(opened->batv_keys),
                     .hash_key = key,
                     .lines = opened->lines.get(),
                     .on_reader_gone = RequestStop},
                    std::move(opened->sent));
  absl::StatusOr<std::unique_ptr<FeedFile>> sent_feed = OpenFeed(config, pipeline);
  if (!sent_feed.ok()) return Refuse(sent_feed.status());
  pipeline.SetFeed(*std::move(sent_feed));
  MergedSource source(flags.files, {.stop = &stop});
  Progress progress(stderr, isatty(STDERR_FILENO) == 1);

  const absl::Status driven = Drive(source, pipeline, progress);
  pipeline.Finish();
  progress.Clear();

  whole &= driven.ok();
  if (!driven.ok()) Say(driven);
  if (opened->lines != nullptr) whole &= CloseAndSay(*opened->lines);
  if (const absl::Status saved = pipeline.SaveSent(); !saved.ok()) {
    Say(saved);
    whole = false;
  }
  std::vector<CaptureInfo> captures = MakeCaptures(source.Results());
  RunInfo run = MakeRun(captures);
  const std::size_t top = flags.top.value_or(flags.format == ReportFormat::kTable ? kTableTop : 0);
  const Report report = pipeline.Snapshot(std::move(run), std::move(captures), top);
  whole &= WriteOut(flags, report);
  whole &= !SayInputErrors(report.captures);
  return whole ? ExitCode::kDone : ExitCode::kDamaged;
}

}  // namespace backscatter
