#include "agent/app/say.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "agent/base/abseil_bridge.h"

namespace backscatter {

void Say(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines += "backscatterd: ";
    lines += text.substr(0, end);
    lines += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::fputs(lines.c_str(), stderr);
}

void Say(const absl::Status& status) { Say(ToStd(status.message())); }

}  // namespace backscatter
