// score_lab [--misses] [DIRECTORY]: label by verdict over the labelled capture of the lab.
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/replay/lab_score.h"

int main(int argc, char** argv) {
  namespace replay = backscatter::replay;
  bool misses = false;
  std::filesystem::path directory = replay::Lab();
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--misses") {
      misses = true;
    } else {
      directory = argv[i];
    }
  }
  if (!std::filesystem::exists(directory / "truth.jsonl")) {
    std::fprintf(stderr,
                 "usage: score_lab [--misses] [DIRECTORY]\n"
                 "  DIRECTORY holds gateway.pcap.gz and truth.jsonl; %s is not one.\n",
                 directory.c_str());
    return 2;
  }
  std::string error;
  const auto score = replay::ScoreLabDirectory(directory, error);
  if (misses) {
    for (const std::string& miss : score.misses) std::printf("%s\n", miss.c_str());
  }
  std::fputs(replay::LabScoreText(score).c_str(), stdout);
  if (!error.empty()) std::fprintf(stderr, "%s\n", error.c_str());
  return error.empty() ? 0 : 1;
}
