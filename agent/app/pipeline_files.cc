#include "agent/app/pipeline_files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/app/batv_key_files.h"
#include "agent/app/room_options.h"
#include "agent/base/escape.h"
#include "exporters/report_json.h"

namespace backscatter {
namespace {

bool IsReplaceable(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) != 0 || S_ISREG(about.st_mode);
}

absl::Status WithAdvice(const absl::Status& status, std::string_view advice) {
  return absl::Status(status.code(), std::string(status.message()) + std::string(advice));
}

absl::Status WriteAll(OutputFile& out, const Report& report) {
  const absl::Status written = PutReportJson(report, out);
  const absl::Status closed = out.Close();
  return closed.ok() ? written : closed;
}

}  // namespace

void MakeFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  (void)mkdir(path.substr(0, slash).c_str(), 0750);  // saving says what is wrong
}

absl::StatusOr<PipelineFiles> OpenPipelineFiles(const PipelinePaths& paths, const Config& config,
                                                const HashKey& key) {
  PipelineFiles files;
  absl::StatusOr<BatvKeys> keys = ReadBatvKeys(config.batv_keys);
  if (!keys.ok()) return keys.status();
  files.batv_keys = *std::move(keys);
  absl::StatusOr<KeptLedger> sent = KeptLedger::Open(paths.sent, MakeSentOptions(config, key));
  if (!sent.ok()) return WithAdvice(sent.status(), paths.sent_advice);
  files.sent = std::make_unique<KeptLedger>(*std::move(sent));
  absl::StatusOr<KeptFloods> floods =
      KeptFloods::Open(paths.floods, MakeFloodOptions(config, HashKey::Random()));
  if (!floods.ok()) return WithAdvice(floods.status(), paths.floods_advice);
  files.floods = std::make_unique<KeptFloods>(*std::move(floods));
  if (paths.transactions.empty()) return files;
  absl::StatusOr<std::unique_ptr<OutputFile>> lines =
      OutputFile::Open(paths.transactions, paths.transactions_mode);
  if (!lines.ok()) return lines.status();
  files.lines = *std::move(lines);
  return files;
}

absl::Status PutReportJson(const Report& report, OutputFile& out) {
  return WriteReportJson(report, [&out](std::string_view piece) {
    out.buffer() += piece;
    out.FlushIfFull();
    return out.status();
  });
}

absl::Status WriteReportTo(const std::string& path, const Report& report) {
  if (path == "-" || !IsReplaceable(path)) {
    absl::StatusOr<std::unique_ptr<OutputFile>> out = OutputFile::Open(path);
    return out.ok() ? WriteAll(**out, report) : out.status();
  }
  const std::string aside = path + ".new";
  absl::StatusOr<std::unique_ptr<OutputFile>> out = OutputFile::Open(aside);
  if (!out.ok()) return out.status();
  if (const absl::Status status = WriteAll(**out, report); !status.ok()) return status;
  if (std::rename(aside.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(EscapeForTerminal(path) +
                                     ": cannot be written: " + std::strerror(errno));
}

}  // namespace backscatter
