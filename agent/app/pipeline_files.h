// What a command opens for its pipeline, before the first packet, so that nothing is lost for a
// wrong name later; and the report, which is written at the end.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/kept_floods.h"
#include "agent/app/kept_ledger.h"
#include "agent/app/output_file.h"
#include "agent/base/keyed_hash.h"
#include "agent/mail/batv.h"
#include "agent/report/report.h"

namespace backscatter {

struct PipelinePaths {
  std::string sent = {};              // of what was sent; empty: memory only
  std::string_view sent_advice = {};  // put behind the error where it cannot be opened
  std::string floods = {};            // state of the detector of floods; empty: memory only
  std::string_view floods_advice = {};
  std::string transactions = {};  // empty: none; "-": standard output
  OutputFile::Mode transactions_mode = OutputFile::Mode::kReplace;
};

struct PipelineFiles {
  BatvKeys batv_keys = {};
  std::unique_ptr<KeptLedger> sent = {};
  std::unique_ptr<KeptFloods> floods = {};
  std::unique_ptr<OutputFile> lines = {};  // null: no transactions are written
};

// The state folder of the package; a run by hand has no systemd to make it.
void MakeFolderOf(const std::string& path);

// InvalidArgument or NotFound for what the operator gave, else what the system refused.
absl::StatusOr<PipelineFiles> OpenPipelineFiles(const PipelinePaths& paths, const Config& config,
                                                const HashKey& key);

// Puts the report into `out`, as JSON. An error is one of `out`, which says it when it is closed.
absl::Status PutReportJson(const Report& report, OutputFile& out);

// Writes the report as JSON: "-" is standard output; a file is replaced at once, for its owner
// only.
absl::Status WriteReportTo(const std::string& path, const Report& report);

}  // namespace backscatter
