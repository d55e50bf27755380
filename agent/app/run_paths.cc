#include "agent/app/run_paths.h"

#include <sys/stat.h>

#include <cstddef>

namespace backscatter {

void MakeFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  (void)mkdir(path.substr(0, slash).c_str(), 0750);  // saving says what is wrong
}

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
