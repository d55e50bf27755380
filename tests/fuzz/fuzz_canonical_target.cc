// The first byte chooses the options, the rest is a path. Whatever it holds, the target is bounded,
// printable, of one form, and (tags aside) its own canonical form.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/mail/canonical_target.h"
#include "agent/mail/domain_name.h"

namespace {

using backscatter::CanonicalTarget;
using backscatter::MakeCanonicalTarget;
using backscatter::TargetOptions;

void Check(bool holds) {
  if (!holds) std::abort();
}

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsControl(char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f; }

void CheckForm(const CanonicalTarget& target, const TargetOptions& options) {
  Check(!target.address.empty() && target.address.size() <= backscatter::kMaxTargetLength);
  Check(target.domain.size() <= backscatter::kMaxDomainLength);
  Check(std::ranges::none_of(target.address, IsControl));
  Check(backscatter::IsValidUtf8(target.address) && backscatter::IsValidUtf8(target.domain));
  if (!target.domain.starts_with("[IPv6:")) Check(std::ranges::none_of(target.domain, IsUpper));
  const std::string_view local =
      std::string_view(target.address).substr(0, target.address.rfind('@'));
  if (options.fold_case) Check(std::ranges::none_of(local, IsUpper));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const TargetOptions options{.fold_case = (data[0] & 1) != 0, .fold_detail = (data[0] & 2) != 0};
  const std::string_view path(reinterpret_cast<const char*>(data) + 1, size - 1);
  CanonicalTarget target;
  const bool parsed = MakeCanonicalTarget(path, options, target);
  Check(parsed == (target.address != "-"));
  CheckForm(target, options);
  if (!parsed) {
    Check(target.domain.empty());
    return 0;
  }
  CanonicalTarget again;
  const bool parsed_again = MakeCanonicalTarget(target.address, options, again);
  Check(parsed_again);
  CheckForm(again, options);
  if (target.address.find('=') == std::string_view::npos) Check(again.address == target.address);
  return 0;
}
