// make_goldens DIRECTORY: writes the golden captures and what the built backscatterd says of them.
// Read every difference before you commit it: the outputs are what the tests hold the program to.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/replay/goldens.h"
#include "tests/replay/replayed.h"

namespace {

bool Write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_goldens DIRECTORY   (tests/replay/golden)\n", stderr);
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  for (const backscatter::replay::Golden& golden : backscatter::replay::MakeGoldens()) {
    const std::string capture = golden.name + ".pcap";
    if (!Write(directory / capture, backscatter::support::ToPcap(golden.frames))) {
      std::fprintf(stderr, "make_goldens: cannot write in %s\n", argv[1]);
      return 1;
    }
    const auto replayed = backscatter::replay::Replay(capture, true, directory);
    if (replayed.exit_code != 0 || !replayed.report.is_object()) {
      std::fprintf(stderr, "make_goldens: %s: exit code %d\n%s", capture.c_str(),
                   replayed.exit_code, replayed.errors.c_str());
      return 1;
    }
    std::string lines;
    for (const auto& transaction : replayed.transactions) lines += transaction.dump() + "\n";
    if (!Write(directory / (golden.name + ".report.json"), replayed.report.dump(1) + "\n") ||
        !Write(directory / (golden.name + ".transactions.jsonl"), lines)) {
      return 1;
    }
    std::printf("%-18s %s\n", golden.name.c_str(), golden.rule.c_str());
  }
  return 0;
}
