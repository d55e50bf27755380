// The command `run`: watches the mail of this host until it is told to end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/exit_code.h"
#include "agent/base/capabilities.h"
#include "agent/source/capture_rules.h"
#include "agent/source/live_source.h"

namespace backscatter {

struct MadeSource {
  std::unique_ptr<LiveSource> source;
  std::string why;           // this one: "kernel probes: ..."
  std::string warning = {};  // what it cannot do, though it was asked to
  // Once it is started; either may be empty. What its end needs, and how it is attached.
  std::function<CapabilitySet()> keeps = {};
  std::function<std::string()> details = {};
};

// What a test puts in place of the host.
struct RunSeams {
  // By Config::source, bpf_attach and bpf_ring_bytes.
  std::function<absl::StatusOr<MadeSource>(const Config&, const CaptureRules&)> make_source;
  int log_fd = 2;
};

// Reads its configuration anew on SIGHUP, so it takes where that is from. Everything that goes
// wrong is a line of the log. kRefused where the system lets it not capture, or stops it later.
ExitCode RunAgent(const RunFlags& flags, LoadedConfig loaded, const RunSeams& seams);

}  // namespace backscatter
