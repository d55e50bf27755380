#include "agent/app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr std::size_t kMinColumns = 80;
constexpr std::size_t kMaxColumns = 100;

std::string_view Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// By name, not by setlocale: the locale need not be installed for a terminal to know UTF-8.
bool Utf8Locale() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = Variable(name);
    if (value.empty()) continue;
    const std::string_view charset = value.substr(std::min(value.find('.'), value.size()));
    return StartsWithIgnoreCase(charset, ".UTF-8") || StartsWithIgnoreCase(charset, ".utf8");
  }
  return false;
}

}  // namespace

Terminal DescribeTerminal(int fd) {
  Terminal terminal;
  if (isatty(fd) != 1) return terminal;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = std::clamp<std::size_t>(size.ws_col, kMinColumns, kMaxColumns);
  }
  const bool dumb = Variable("TERM") == "dumb" || Variable("TERM").empty();
  terminal.colour = !dumb && Variable("NO_COLOR").empty();
  terminal.unicode = !dumb && Utf8Locale();
  return terminal;
}

}  // namespace backscatter
