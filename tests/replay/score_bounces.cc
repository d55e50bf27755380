// score_bounces DIRECTORY: sends the messages of a folder with TRUTH.tsv through the program, and
// prints the confusion matrix, the rates and the misses with `bounce.read: all`, then the rates
// with the default, which reads only what null and daemon-looking senders send.
#include <cstdio>
#include <filesystem>

#include "tests/replay/bounce_score.h"

namespace {

bool Print(const char* directory, const char* read, bool with_misses) {
  using namespace backscatter::replay;
  std::string error;
  const BounceScore score = ScoreBounceDirectory(directory, read, error);
  std::printf("bounce.read: %s\n%s", read, BounceScoreText(score, with_misses).c_str());
  if (!error.empty()) std::fprintf(stderr, "score_bounces: %s\n", error.c_str());
  return error.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::exists(std::filesystem::path(argv[1]) / "TRUTH.tsv")) {
    std::fprintf(stderr, "usage: score_bounces DIRECTORY (with TRUTH.tsv)\n");
    return 2;
  }
  const bool all = Print(argv[1], "all", true);
  std::printf("\n");
  const bool reports = Print(argv[1], "reports", false);
  return all && reports ? 0 : 1;
}
