#include "tests/bench/captures.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>

namespace backscatter::bench {

void Die(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
  std::exit(1);
}

Cost MustMeasure(const std::vector<std::string>& words, const std::string& output) {
  const std::optional<Cost> cost = Measure(words, output);
  if (!cost.has_value() || cost->exit_code != 0) Die("this failed: " + words[0]);
  return *cost;
}

std::filesystem::path GeneratedCapture(const std::filesystem::path& directory,
                                       const std::string& profile,
                                       const std::vector<std::string>& more) {
  const std::string name = more.empty() ? profile : profile + "-few";
  const std::filesystem::path capture = directory / (name + ".pcap");
  std::error_code error;
  if (std::filesystem::exists(capture) &&
      std::filesystem::last_write_time(capture, error) >
          std::filesystem::last_write_time(MAKE_CAPTURE, error)) {
    return capture;
  }
  std::filesystem::create_directories(directory, error);
  const std::filesystem::path unfinished = capture.string() + ".new";
  std::vector<std::string> words = {MAKE_CAPTURE,
                                    "--profile",
                                    profile,
                                    "--out",
                                    unfinished,
                                    "--truth",
                                    directory / (name + ".json")};
  words.insert(words.end(), more.begin(), more.end());
  const std::optional<Cost> cost = Measure(words, "/dev/null");
  if (!cost.has_value() || cost->exit_code != 0) Die("cannot make " + capture.string());
  std::filesystem::rename(unfinished, capture, error);
  if (error) Die("cannot make " + capture.string() + ": " + error.message());
  return capture;
}

}  // namespace backscatter::bench
