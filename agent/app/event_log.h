// The file of events: floods as they come and go, and transactions where that is asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/log.h"
#include "agent/app/output_file.h"
#include "agent/detect/flood.h"
#include "agent/detect/verdict.h"
#include "agent/report/live_snapshot.h"

namespace backscatter {

// One thread. At most kOldFiles + 1 files of about `max_bytes` each: what is full becomes FILE.1,
// and what was FILE.1 becomes FILE.2. A full disk loses events, counts them, and is tried again
// once a minute; nothing ever waits for it.
class EventLog final : public FloodListener {
 public:
  static constexpr int kOldFiles = 4;

  struct Options {
    std::string file;
    std::uint64_t max_bytes = 0;
    bool transactions = false;
    bool sampled = false;
    // How a flood is named, and a recipient by its path.
    std::function<TargetLabel(const Flood&)> label_of_flood;
    std::function<TargetLabel(std::string_view path)> label_of_path;
  };
  // PermissionDenied where the system refuses; InvalidArgument for a named pipe or a folder. `log`
  // must outlive it.
  static absl::StatusOr<std::unique_ptr<EventLog>> Open(Options options, Log* log);

  void OnRaised(const Flood& flood) override;
  void OnUpdated(const Flood& flood) override;
  void OnCleared(const Flood& flood) override;
  void OnTransaction(const JudgedTransaction& judged);

  // Once a second: writes what waits, and tries again where it could not be.
  void Tick();
  // Somebody moved the file away (logrotate): goes on with a new one of the same name.
  void Reopen();
  void Reconfigure(std::uint64_t max_bytes, bool transactions, bool sampled);

  // Events that were not written, or not whole.
  std::uint64_t lost() const { return file_->lost_lines(); }

 private:
  explicit EventLog(Options options, Log* log) : options_(std::move(options)), log_(*log) {}

  void Write(std::string_view event, PacketTime time, const Flood& flood);
  void Flush();
  void Rotate();
  std::string Old(int number) const { return options_.file + "." + std::to_string(number); }

  Options options_;
  Log& log_;
  std::unique_ptr<OutputFile> file_;
  bool plain_ = false;       // a plain file, which can be renamed
  std::uint64_t bytes_ = 0;  // in it
  std::uint64_t told_lost_ = 0;
  int ticks_ = 0;  // since it was last tried again
  LogLimit lost_limit_{60 * kSecond};
  LogLimit rotate_limit_{60 * kSecond};
  std::vector<TargetLabel> labels_;  // scratch
};

}  // namespace backscatter
