#include "exporters/metric_labels.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "absl/strings/str_format.h"

#include "agent/base/utf8.h"

namespace backscatter {

std::string TargetHash(std::string_view key, std::string_view address) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(address.data()), address.size(), digest.data(),
       &length);
  std::string digits;
  for (std::size_t i = 0; i < kTargetHashDigits / 2; ++i) {
    absl::StrAppendFormat(&digits, "%02x", digest[i]);
  }
  return digits;
}

TargetLabel Labeller::Label(std::string_view address, std::string_view domain) const {
  TargetLabel label{.domain = std::string(domain)};
  if (address.empty() || how_ == TargetLabels::kDomain) return label;
  if (how_ == TargetLabels::kPlain || address == "-") {
    label.target = address;
  } else {
    label.target = TargetHash(key_, address);
  }
  return label;
}

std::string LabelValue(std::string_view text) {
  std::string value;
  while (!text.empty()) {
    const Utf8Char next = ReadUtf8(text);
    std::string shown(text.substr(0, next.length));
    if (!next.valid) {
      shown = "\xef\xbf\xbd";
    } else if (IsUnsafeToShow(next.code_point)) {
      shown = absl::StrFormat("\\u{%x}", static_cast<std::uint32_t>(next.code_point));
    }
    if (value.size() + shown.size() > kMaxLabelValue) break;
    value += shown;
    text.remove_prefix(next.length);
  }
  return value;
}

}  // namespace backscatter
