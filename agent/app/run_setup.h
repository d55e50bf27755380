// What `run` opens before the first packet, so that nothing is lost for a wrong name later.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/kept_ledger.h"
#include "agent/app/output_file.h"
#include "agent/base/keyed_hash.h"
#include "agent/mail/batv.h"
#include "agent/report/report.h"
#include "agent/source/capture_rules.h"

namespace backscatter {

struct RunFiles {
  BatvKeys batv_keys;
  std::unique_ptr<KeptLedger> sent;
  std::unique_ptr<OutputFile> lines;  // null: no transactions are written
};

// InvalidArgument or NotFound for what the operator gave, else what the system refused.
absl::StatusOr<RunFiles> OpenRunFiles(const RunFlags& flags, const Config& config,
                                      const HashKey& key);

// What the source is to capture: the local networks of `config` and the host's own addresses.
CaptureRules MakeCaptureRules(const Config& config, std::uint32_t seed);

// Writes the report as JSON: "-" is standard output; a file is replaced at once, for its owner
// only.
absl::Status WriteReportTo(const std::string& path, const Report& report);

}  // namespace backscatter
