#include "agent/app/make_source.h"

#include "absl/status/status.h"

namespace backscatter {

absl::StatusOr<MadeSource> MakeSource(const Config& config, const CaptureRules& /*rules*/) {
  return absl::UnimplementedError("source " + config.source + " is not built in");
}

}  // namespace backscatter
