#include "exporters/process_facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

namespace backscatter {
namespace {

std::string ReadWhole(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Seconds since 1970 at which the host was started.
std::optional<double> BootTime() {
  std::istringstream in(ReadWhole("/proc/stat"));
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

// proc(5): what follows the name, which stands in parentheses and may hold anything.
void ReadStat(ProcessFacts& facts) {
  const std::string stat = ReadWhole("/proc/self/stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream in(stat.substr(name_end + 1));
  constexpr int kFirst = 3;  // the state, as proc(5) numbers the fields
  constexpr int kUser = 14, kSystem = 15, kStart = 22, kVirtual = 23, kResident = 24;
  double values[kResident + 1] = {};
  int field = kFirst;
  for (std::string word; field <= kResident && in >> word; ++field) {
    if (field > kFirst) values[field] = std::strtod(word.c_str(), nullptr);
  }
  if (field <= kResident) return;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  facts.cpu_seconds = (values[kUser] + values[kSystem]) / ticks;
  facts.virtual_bytes = static_cast<std::uint64_t>(values[kVirtual]);
  facts.resident_bytes = static_cast<std::uint64_t>(values[kResident]) *
                         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (const std::optional<double> boot = BootTime()) {
    facts.start_seconds = *boot + values[kStart] / ticks;
  }
}

}  // namespace

ProcessFacts ReadProcessFacts() {
  ProcessFacts facts;
  ReadStat(facts);
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (!error) {
    const auto count = std::distance(begin(open), end(open));
    facts.open_fds = static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(count - 1, 0));
  }
  struct rlimit limit {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.max_fds = limit.rlim_cur;
  return facts;
}

}  // namespace backscatter
