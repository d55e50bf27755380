#include "agent/app/run_paths.h"

namespace backscatter {

PipelinePaths RunPathsOf(const RunFlags& flags, const Config& config) {
  return {.sent = config.sent_file,
          .sent_advice =
              "; set sent.file to a file that can be read and written, or --set "
              "sent.file= to keep nothing",
          .floods = config.flood_file,
          .floods_advice =
              "; set detection.file to a file that can be read and written, or --set "
              "detection.file= to keep nothing",
          .transactions = flags.transactions,
          .transactions_mode = OutputFile::Mode::kAppend};
}

}  // namespace backscatter
