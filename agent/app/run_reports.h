// The reports of a run: made by the engine's thread, written by the main one.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/app/engine_thread.h"
#include "agent/app/log.h"
#include "agent/app/wake.h"
#include "agent/report/report.h"

namespace backscatter {

class RunReports {
 public:
  // `path`: empty for none, "-" for standard output. `log` and `news` outlive it.
  RunReports(std::string path, Log* log, const Wake* news)
      : path_(std::move(path)), log_(*log), news_(*news) {}

  // Rings `news` once it is made. The engine's thread must end before this object does.
  void Ask(EngineThread& engine, RunInfo run);
  // Writes those that were made meanwhile. `packets`: captured so far, for their lines of the log.
  void WriteAsked(std::uint64_t packets);
  // The last one, with its line of the log. False: it was not written.
  bool WriteLast(const Report& report, std::uint64_t packets);

 private:
  bool Write(const Report& report);
  void Summarize(std::string_view message, const Report& report, std::uint64_t packets);

  const std::string path_;
  Log& log_;
  const Wake& news_;
  std::mutex mutex_;
  std::vector<Report> asked_;  // not written yet
};

}  // namespace backscatter
