#include "tests/replay/replayed.h"

#include <cstdlib>
#include <sstream>

#include "tests/replay/run_program.h"

namespace backscatter::replay {

Replayed Replay(const std::filesystem::path& capture, bool with_transactions,
                const std::string& working_directory, const std::vector<std::string>& options) {
  const ScratchDirectory scratch;
  std::vector<std::string> arguments = {"replay", "--format", "json"};
  const std::string lines = scratch.File("transactions.jsonl");
  if (with_transactions) arguments.insert(arguments.end(), {"--transactions", lines});
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.push_back(capture);
  const ProgramResult result =
      RunProgram(BACKSCATTERD, arguments, scratch.path(), working_directory);
  Replayed replayed;
  replayed.exit_code = result.exit_code;
  replayed.errors = result.errors;
  replayed.report = nlohmann::json::parse(result.output, nullptr, false);
  std::istringstream text(with_transactions ? ReadWholeFile(lines) : std::string());
  for (std::string line; std::getline(text, line);) {
    replayed.transactions.push_back(nlohmann::json::parse(line, nullptr, false));
  }
  return replayed;
}

std::filesystem::path SharedCaptures() {
  const char* shared = std::getenv("BACKSCATTER_SHARED");
  const std::filesystem::path root =
      shared != nullptr ? std::filesystem::path(shared)
                        : std::filesystem::path(BACKSCATTER_SOURCE_DIR) / ".." / "shared";
  return root / "captures";
}

}  // namespace backscatter::replay
