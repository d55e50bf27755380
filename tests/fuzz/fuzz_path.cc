// MAIL and RCPT arguments: views stay inside the line, what is claimed is there, nothing hangs.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/smtp/path.h"

namespace {

using backscatter::EsmtpParameter;
using backscatter::PathArgument;

void Check(bool holds) {
  if (!holds) std::abort();
}

bool Inside(std::string_view outer, std::string_view inner) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

void CheckArgument(std::string_view line, const PathArgument& argument) {
  Check(Inside(line, argument.path) && Inside(line, argument.parameters));
  if (!argument.path.empty() && !argument.parameters.empty()) {
    Check(argument.path.data() + argument.path.size() <= argument.parameters.data());
  }
  Check(argument.has_keyword || !argument.has_path);
  Check(argument.has_path || (argument.path.empty() && argument.parameters.empty()) ||
        !argument.closed);
  Check(!argument.null_path || (argument.has_path && argument.closed));
  if (argument.null_path && !argument.path.empty()) {
    Check(argument.path.front() == '@' || argument.path == "\"\"");
  }
  const std::string_view bare = backscatter::WithoutSourceRoute(argument.path);
  Check(Inside(argument.path, bare) && argument.path.ends_with(bare));

  std::string_view rest = argument.parameters;
  EsmtpParameter parameter;
  std::size_t before = rest.size();
  while (backscatter::ConsumeParameter(rest, parameter)) {
    Check(rest.size() < before);
    before = rest.size();
    Check(Inside(line, parameter.key) && Inside(line, parameter.value));
    Check(parameter.key.find_first_of(" \t=") == std::string_view::npos);
    Check(parameter.value.find_first_of(" \t") == std::string_view::npos);
    Check(parameter.has_value || parameter.value.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const PathArgument mail = backscatter::ParseMailArgument(line);
  const PathArgument rcpt = backscatter::ParseRcptArgument(line);
  Check(!(mail.has_keyword && rcpt.has_keyword));
  CheckArgument(line, mail);
  CheckArgument(line, rcpt);
  return 0;
}
