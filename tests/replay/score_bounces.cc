// score_bounces DIRECTORY: confusion matrix, rates and misses over a folder with TRUTH.tsv.
#include <cstdio>
#include <filesystem>

#include "tests/replay/bounce_score.h"

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::exists(std::filesystem::path(argv[1]) / "TRUTH.tsv")) {
    std::fprintf(stderr, "usage: score_bounces DIRECTORY (with TRUTH.tsv)\n");
    return 2;
  }
  const auto score = backscatter::replay::ScoreBounces(argv[1]);
  std::fputs(backscatter::replay::ScoreText(score).c_str(), stdout);
  return 0;
}
