// make_capture: writes a generated capture and what is true of it.
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/generator.h"

namespace {

using backscatter::support::FindProfile;
using backscatter::support::PcapWriter;
using backscatter::support::Profile;
using backscatter::support::Truth;

constexpr const char* kUsage =
    "usage: make_capture --profile NAME [--seed N] [--sessions N] [--syns N] --out FILE.pcap\n"
    "                    [--truth FILE.json]\n";

struct Arguments {
  std::string profile;
  std::string out;
  std::string truth;
  std::uint64_t seed = 1;
  std::optional<std::uint32_t> sessions;
  std::optional<std::uint32_t> syns;
};

template <typename T>
bool ParseNumber(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseArguments(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) return false;
    const std::string_view value = argv[i + 1];
    if (flag == "--profile") {
      arguments.profile = value;
    } else if (flag == "--out") {
      arguments.out = value;
    } else if (flag == "--truth") {
      arguments.truth = value;
    } else if (flag == "--seed") {
      if (!ParseNumber(value, arguments.seed)) return false;
    } else if (flag == "--sessions") {
      if (!ParseNumber(value, arguments.sessions.emplace())) return false;
    } else if (flag == "--syns") {
      if (!ParseNumber(value, arguments.syns.emplace())) return false;
    } else {
      return false;
    }
  }
  return !arguments.profile.empty() && !arguments.out.empty();
}

bool WriteText(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

int Fail(const std::string& path) {
  std::fprintf(stderr, "make_capture: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!ParseArguments(argc, argv, arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  std::optional<Profile> profile = FindProfile(arguments.profile);
  if (!profile.has_value()) {
    std::fprintf(stderr, "make_capture: no profile '%s' (there are: %s)\n",
                 arguments.profile.c_str(),
                 std::string(backscatter::support::kProfileNames).c_str());
    return 2;
  }
  if (arguments.sessions.has_value()) profile->sessions = *arguments.sessions;
  if (arguments.syns.has_value()) profile->lone_syns = *arguments.syns;
  PcapWriter file(arguments.out, profile->unit);
  Truth truth;
  Generate(*profile, arguments.seed, file, truth);
  if (!file.Finish()) return Fail(arguments.out);
  if (!arguments.truth.empty() && !WriteText(arguments.truth, truth.ToJson())) {
    return Fail(arguments.truth);
  }
  std::fprintf(stderr, "%s: %llu packets, %llu bytes, %llu sessions, %llu transactions\n",
               arguments.out.c_str(), static_cast<unsigned long long>(file.packets()),
               static_cast<unsigned long long>(file.bytes()),
               static_cast<unsigned long long>(truth.sessions()),
               static_cast<unsigned long long>(truth.transactions()));
  return 0;
}
