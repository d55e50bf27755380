// One `backscatterd replay`, read back: the report and the transactions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace backscatter::replay {

struct Replayed {
  int exit_code = -1;
  nlohmann::json report;  // discarded() where the output was no JSON
  std::vector<nlohmann::json> transactions;
  std::string errors;  // standard error
};

// The program is the one that this build made. `options` stand before the capture.
Replayed Replay(const std::filesystem::path& capture, bool with_transactions,
                const std::string& working_directory = {},
                const std::vector<std::string>& options = {});

// The shared captures: $BACKSCATTER_SHARED/captures, else ../shared/captures beside the sources.
std::filesystem::path SharedCaptures();

}  // namespace backscatter::replay
