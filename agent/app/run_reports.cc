#include "agent/app/run_reports.h"

#include <cstddef>
#include <utility>

#include "agent/app/pipeline_files.h"
#include "agent/base/abseil_bridge.h"

namespace backscatter {

void RunReports::Ask(EngineThread& engine, RunInfo run) {
  engine.Post([this, run = std::move(run)](Pipeline& pipeline) {
    Report report = pipeline.Snapshot(run, {}, 0);
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(std::move(report));
    }
    news_.Ring();
  });
}

void RunReports::WriteAsked(std::uint64_t packets) {
  std::vector<Report> reports;
  {
    const std::lock_guard lock(mutex_);
    reports.swap(asked_);
  }
  for (const Report& report : reports) {
    Write(report);
    Summarize("report", report, packets);
  }
}

bool RunReports::WriteLast(const Report& report, std::uint64_t packets) {
  const bool written = Write(report);
  Summarize("ended", report, packets);
  return written;
}

bool RunReports::Write(const Report& report) {
  if (path_.empty()) return true;
  const absl::Status written = WriteReportTo(path_, report);
  if (!written.ok()) log_.Error("report not written", {{"why", ToStd(written.message())}});
  return written.ok();
}

void RunReports::Summarize(std::string_view message, const Report& report, std::uint64_t packets) {
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < kLossCount; ++i) {
    if (report.ledger.Get(static_cast<Loss>(i)) > 0) ++lost;
  }
  const auto verdict = [&](Verdict v) { return report.verdicts[static_cast<std::size_t>(v)]; };
  log_.Info(message, {{"packets", packets},
                      {"sampling", report.run.sampling},
                      {"sessions", report.sessions.total},
                      {"encrypted", report.sessions.encrypted},
                      {"transactions", report.transactions.total},
                      {"null_sender", report.transactions.null_sender},
                      {"backscatter", verdict(Verdict::kBackscatter)},
                      {"targets", std::uint64_t{report.targets_known}},
                      {"sources", std::uint64_t{report.sources_known}},
                      {"kinds_of_loss", lost},
                      {"report", path_.empty() ? "none" : path_.c_str()}});
}

}  // namespace backscatter
