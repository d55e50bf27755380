#include "agent/mail/domain_name.h"

#include <idn2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/base/ascii.h"
#include "agent/base/ip_address.h"
#include "agent/base/utf8.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxDomain = 255;
constexpr std::size_t kMaxLabel = 63;

// What a domain byte turns into; 0 = not allowed. UTF-8 bytes stay as they are.
constexpr std::array<char, 256> MakeDomainTable() {
  std::array<char, 256> table{};
  for (std::size_t c = 0x21; c < 256; ++c) {
    if (c != 0x7f) table[c] = ToLower(static_cast<char>(c));
  }
  for (const char special : std::string_view("()<>[]:;@\\,\"")) {
    table[static_cast<std::uint8_t>(special)] = 0;
  }
  return table;
}
constexpr std::array<char, 256> kDomainTable = MakeDomainTable();

enum class Names { kBad, kAscii, kUtf8 };

// Lower-cases into `out` and checks characters, labels and length.
Names LowerCase(std::string_view domain, std::string& out) {
  out.clear();
  if (!domain.empty() && domain.back() == '.') domain.remove_suffix(1);
  if (domain.empty() || domain.size() > kMaxDomain) return Names::kBad;
  out.resize(domain.size());
  std::size_t label_start = 0;
  unsigned seen = 0;
  for (std::size_t i = 0; i < domain.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(domain[i]);
    const char c = kDomainTable[byte];
    if (c == 0) return Names::kBad;
    seen |= byte;
    if (c == '.') {
      if (i == label_start || i - label_start > kMaxLabel) return Names::kBad;
      label_start = i + 1;
    }
    out[i] = c;
  }
  if (label_start == domain.size()) return Names::kBad;
  if (seen >= 0x80) return Names::kUtf8;  // the length of a UTF-8 label says nothing yet
  return domain.size() - label_start > kMaxLabel ? Names::kBad : Names::kAscii;
}

std::optional<std::string> ToALabel(const std::string& domain) {
  char* raw = nullptr;
  const int result = idn2_to_ascii_8z(domain.c_str(), &raw, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owned(raw, idn2_free);
  if (result != IDN2_OK) return std::nullopt;
  return std::string(owned.get());
}

bool MakeLiteral(std::string_view domain, std::string& out) {
  if (domain.size() < 2 || domain.back() != ']') return false;
  std::string_view inside = domain.substr(1, domain.size() - 2);
  if (StartsWithIgnoreCase(inside, "IPv6:")) inside.remove_prefix(5);
  const std::optional<IpAddress> address = IpAddress::Parse(inside);
  if (!address) return false;
  out = address->is_v4() ? "[" : "[IPv6:";
  out += address->ToString();
  out += ']';
  return true;
}

}  // namespace

bool MakeCanonicalDomain(std::string_view domain, std::string& out) {
  if (domain.starts_with('[')) {
    if (MakeLiteral(domain, out)) return true;
    out.clear();
    return false;
  }
  const Names names = LowerCase(domain, out);
  if (names == Names::kAscii) return true;
  if (names == Names::kUtf8 && IsValidUtf8(out)) {
    std::string lowered;
    const std::optional<std::string> label = ToALabel(out);
    // UTS 46 maps some letters to dots and specials: the result is judged like any other name.
    if (label && LowerCase(*label, lowered) == Names::kAscii) out = lowered;
    return true;
  }
  out.clear();
  return false;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = ReadUtf8(text);
    if (!c.valid) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

}  // namespace backscatter
