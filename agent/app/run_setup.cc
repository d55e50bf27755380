#include "agent/app/run_setup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "agent/app/batv_key_files.h"
#include "agent/app/room_options.h"
#include "agent/base/escape.h"
#include "exporters/report_json.h"

namespace backscatter {
namespace {

// The state folder of the package; a run by hand has no systemd to make it.
void MakeFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  (void)mkdir(path.substr(0, slash).c_str(), 0750);  // saving says what is wrong
}

bool IsReplaceable(const std::string& path) {
  struct stat about {};
  return lstat(path.c_str(), &about) != 0 || S_ISREG(about.st_mode);
}

absl::Status WriteReport(OutputFile& out, const Report& report) {
  const absl::Status written = WriteReportJson(report, [&out](std::string_view piece) {
    out.buffer() += piece;
    out.FlushIfFull();
    return out.status();
  });
  const absl::Status closed = out.Close();
  return closed.ok() ? written : closed;
}

}  // namespace

absl::StatusOr<RunFiles> OpenRunFiles(const RunFlags& flags, const Config& config,
                                      const HashKey& key) {
  RunFiles files;
  absl::StatusOr<BatvKeys> keys = ReadBatvKeys(config.batv_keys);
  if (!keys.ok()) return keys.status();
  files.batv_keys = *std::move(keys);
  MakeFolderOf(config.sent_file);
  absl::StatusOr<KeptLedger> sent =
      KeptLedger::Open(config.sent_file, MakeSentOptions(config, key));
  if (!sent.ok()) {
    return absl::Status(sent.status().code(),
                        std::string(sent.status().message()) +
                            "; set sent.file to a file that can be read and written, or --set "
                            "sent.file= to keep nothing");
  }
  files.sent = std::make_unique<KeptLedger>(*std::move(sent));
  if (flags.transactions.empty()) return files;
  absl::StatusOr<std::unique_ptr<OutputFile>> lines =
      OutputFile::Open(flags.transactions, OutputFile::Mode::kAppend);
  if (!lines.ok()) return lines.status();
  files.lines = *std::move(lines);
  return files;
}

CaptureRules MakeCaptureRules(const Config& config, std::uint32_t seed) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return {.ports = config.ports,
          .sampling_ratio = config.sampling_ratio,
          .seed = seed,
          .local = config.local_networks,
          .capture_bytes = static_cast<std::uint32_t>(std::min(config.bounce_capture_bytes, kMost)),
          .read_all = config.bounce_read_all,
          .daemon_senders = config.bounce_daemon_senders};
}

absl::Status WriteReportTo(const std::string& path, const Report& report) {
  if (path == "-" || !IsReplaceable(path)) {
    absl::StatusOr<std::unique_ptr<OutputFile>> out = OutputFile::Open(path);
    return out.ok() ? WriteReport(**out, report) : out.status();
  }
  const std::string aside = path + ".new";
  absl::StatusOr<std::unique_ptr<OutputFile>> out = OutputFile::Open(aside);
  if (!out.ok()) return out.status();
  if (const absl::Status status = WriteReport(**out, report); !status.ok()) return status;
  if (std::rename(aside.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(EscapeForTerminal(path) +
                                     ": cannot be written: " + std::strerror(errno));
}

}  // namespace backscatter
