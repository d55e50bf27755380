#include "agent/app/event_log.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/status/status.h"

#include "agent/base/abseil_bridge.h"
#include "agent/base/escape.h"
#include "exporters/event_json.h"

namespace backscatter {
namespace {

constexpr int kTicksBetweenTries = 60;
constexpr std::size_t kBuffered = 64 << 10;

// Of what is at `path`; nothing there is a new plain file.
struct FileFacts {
  bool plain = true;
  bool usable = true;
  std::uint64_t bytes = 0;
};
FileFacts FactsOf(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) return {};
  return {.plain = S_ISREG(about.st_mode),
          .usable = S_ISREG(about.st_mode) || S_ISCHR(about.st_mode),
          .bytes = S_ISREG(about.st_mode) ? static_cast<std::uint64_t>(about.st_size) : 0};
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLog>> EventLog::Open(Options options, Log* log) {
  const FileFacts facts = FactsOf(options.file);
  if (!facts.usable) {
    return absl::InvalidArgumentError("events.file: " + EscapeForTerminal(options.file) +
                                      ": events go to a plain file only");
  }
  std::unique_ptr<EventLog> events(new EventLog(std::move(options), log));
  absl::StatusOr<std::unique_ptr<OutputFile>> file =
      OutputFile::Open(events->options_.file, OutputFile::Mode::kAppend);
  if (!file.ok()) {
    return absl::Status(file.status().code(),
                        "events.file: " + std::string(file.status().message()));
  }
  events->file_ = *std::move(file);
  events->plain_ = facts.plain;
  events->bytes_ = facts.bytes;
  return events;
}

void EventLog::OnRaised(const Flood& flood) { Write("flood_raised", flood.last, flood); }
void EventLog::OnUpdated(const Flood& flood) { Write("flood_updated", flood.last, flood); }
void EventLog::OnCleared(const Flood& flood) {
  Write("flood_cleared", flood.end.value_or(flood.last), flood);
}

void EventLog::Write(std::string_view event, PacketTime time, const Flood& flood) {
  AppendFloodEvent(event, time, flood, options_.label_of_flood(flood), options_.sampled,
                   file_->buffer());
  Flush();
}

void EventLog::OnTransaction(const JudgedTransaction& judged) {
  if (!options_.transactions) return;
  labels_.clear();
  for (const Recipient& recipient : judged.transaction.recipients) {
    labels_.push_back(options_.label_of_path(judged.transaction.Text(recipient.address)));
  }
  AppendTransactionEvent(judged, labels_, file_->buffer());
  if (file_->buffer().size() >= kBuffered) Flush();
}

void EventLog::Flush() {
  const std::size_t length = file_->buffer().size();
  if (length == 0) return;
  file_->Flush();
  if (file_->status().ok()) bytes_ += length;
  if (plain_ && bytes_ >= options_.max_bytes) Rotate();
  if (lost() == std::exchange(told_lost_, lost())) return;
  log_.Write(lost_limit_, LogLevel::kWarn, "events are lost until there is room for them",
             {{"lost", lost()}, {"why", ToStd(file_->status().message())}});
}

// Where a file cannot be renamed the one that is full goes on, for as much again.
void EventLog::Rotate() {
  for (int number = kOldFiles; number > 0; --number) {
    const std::string from = number == 1 ? options_.file : Old(number - 1);
    if (std::rename(from.c_str(), Old(number).c_str()) == 0 || errno == ENOENT) continue;
    log_.Write(rotate_limit_, LogLevel::kWarn, "the file of events grows on",
               {{"why", std::strerror(errno)}});
    bytes_ = 0;
    return;
  }
  Reopen();
}

void EventLog::Reopen() {
  const absl::Status opened = file_->Reopen();
  if (!opened.ok()) {
    log_.Write(rotate_limit_, LogLevel::kWarn, "events go on as before",
               {{"why", ToStd(opened.message())}});
    bytes_ = 0;
    return;
  }
  const FileFacts facts = FactsOf(options_.file);
  plain_ = facts.plain;
  bytes_ = facts.bytes;
}

void EventLog::Tick() {
  Flush();
  if (file_->status().ok() || ++ticks_ < kTicksBetweenTries) return;
  ticks_ = 0;
  Reopen();
}

void EventLog::Reconfigure(std::uint64_t max_bytes, bool transactions, bool sampled) {
  options_.max_bytes = max_bytes;
  options_.transactions = transactions;
  options_.sampled = sampled;
}

}  // namespace backscatter
