#include "agent/mail/canonical_target.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "agent/base/ascii.h"
#include "agent/mail/address_tags.h"
#include "agent/mail/domain_name.h"
#include "agent/smtp/path.h"

namespace backscatter {
namespace {

constexpr int kMaxNestedTags = 4;

enum class Class : std::uint8_t {
  kOther,   // ends the fast path
  kDot,     // no quotes needed, but a label end
  kLower,   // no quotes needed; fine in a domain
  kUpper,   // no quotes needed; a domain lower-cases it
  kAtext,   // RFC 5321 atext that no plain domain has; no quotes needed
  kEquals,  // atext; may belong to a tag
};

constexpr std::array<Class, 256> MakeClasses() {
  std::array<Class, 256> classes{};
  for (std::size_t c = 0; c < 128; ++c) {
    const char letter = static_cast<char>(c);
    if (IsDigit(letter) || IsAlpha(letter)) classes[c] = Class::kLower;
    if (letter >= 'A' && letter <= 'Z') classes[c] = Class::kUpper;
  }
  for (const char c : std::string_view("!#$%&'*+/?^`{|}~")) {
    classes[static_cast<std::uint8_t>(c)] = Class::kAtext;
  }
  classes['-'] = classes['_'] = Class::kLower;
  classes['.'] = Class::kDot;
  classes['='] = Class::kEquals;
  return classes;
}
constexpr std::array<Class, 256> kClasses = MakeClasses();
Class ClassOf(char c) { return kClasses[static_cast<std::uint8_t>(c)]; }

// Real addresses have dots in any place (`a..b@docomo.ne.jp`), so dots never ask for quotes.
bool NeedsQuotes(std::string_view local) {
  return std::ranges::any_of(local, [](char c) {
    return ClassOf(c) == Class::kOther && static_cast<std::uint8_t>(c) < 0x80;
  });
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool Unparsable(CanonicalTarget& target) {
  target.address = '-';
  target.domain.clear();
  return false;
}

constexpr std::size_t kNotPlain = std::string_view::npos;
struct Plain {
  std::size_t at = kNotPlain;  // of the `@`
  bool upper = false;          // in the local part
};

#if defined(__SSE2__)
// Bits of the octets of a short path, the first one lowest.
struct PathOctets {
  std::uint64_t plain = 0;  // lower-case letters, digits, `-` and `_`
  std::uint64_t dots = 0;
  std::uint64_t ats = 0;
};

// Adds those of 16 octets, of which the first `known` have been added before.
void AddOctets(__m128i octets, std::size_t at, std::size_t known, PathOctets& bits) {
  const auto is = [octets](char c) { return _mm_cmpeq_epi8(octets, _mm_set1_epi8(c)); };
  const auto within = [octets](char first, char last) {  // signed: none of 0x80 and above is
    return _mm_and_si128(_mm_cmpgt_epi8(octets, _mm_set1_epi8(static_cast<char>(first - 1))),
                         _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(last + 1)), octets));
  };
  const auto add = [at, known](std::uint64_t& mask, __m128i found) {
    mask |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(found))} >> known << at;
  };
  add(bits.plain, _mm_or_si128(_mm_or_si128(within('a', 'z'), within('0', '9')),
                               _mm_or_si128(is('-'), is('_'))));
  add(bits.dots, is('.'));
  add(bits.ats, is('@'));
}

PathOctets OctetsOf(std::string_view path) {
  const auto load = [](const char* octets) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(octets));
  };
  PathOctets bits;
  if (path.size() < 16) {
    std::array<char, 16> padded{};
    std::ranges::copy(path, padded.begin());
    AddOctets(load(padded.data()), 0, 0, bits);
    return bits;
  }
  std::size_t at = 0;
  for (; at + 16 <= path.size(); at += 16) AddOctets(load(path.data() + at), at, 0, bits);
  const std::size_t left = path.size() - at;
  if (left > 0) AddOctets(load(path.data() + path.size() - 16), at, 16 - left, bits);
  return bits;
}

// Of most paths all is seen at once: lower case, one `@`, dots between labels. kNotPlain: who
// knows.
std::size_t LowerPlainAt(std::string_view path) {
  if (path.size() < 3 || path.size() > 63) return kNotPlain;
  const PathOctets bits = OctetsOf(path);
  const std::uint64_t all = (std::uint64_t{1} << path.size()) - 1;
  if ((bits.plain | bits.dots | bits.ats) != all || bits.ats == 0 ||
      (bits.ats & (bits.ats - 1)) != 0) {
    return kNotPlain;
  }
  const auto at = static_cast<std::size_t>(std::countr_zero(bits.ats));
  const std::uint64_t ends = bits.dots | bits.ats | (all + 1);  // none of the labels may be empty
  const std::uint64_t domain_dots = bits.dots >> at << at;
  if (at == 0 || (((bits.ats | domain_dots) << 1) & ends) != 0) return kNotPlain;
  return at;
}
#endif

Plain PlainAt(std::string_view path) {
#if defined(__SSE2__)
  if (const std::size_t at = LowerPlainAt(path); at != kNotPlain) return {at, false};
#endif
  if (path.size() > kMaxDomainLength) return {};
  bool upper = false;
  std::size_t at = 0;
  while (at < path.size() && ClassOf(path[at]) != Class::kOther) {
    if (ClassOf(path[at]) == Class::kEquals) return {};
    upper |= ClassOf(path[at]) == Class::kUpper;
    ++at;
  }
  if (at == 0 || at == path.size() || path[at] != '@') return {};
  std::size_t label_start = at + 1;
  for (std::size_t i = at + 1; i < path.size(); ++i) {
    const Class kind = ClassOf(path[i]);
    if (kind == Class::kLower) continue;
    if (kind != Class::kDot || i == label_start || i - label_start > 63) return {};
    label_start = i + 1;
  }
  if (label_start == path.size() || path.size() - label_start > 63) return {};
  return {at, upper};
}

bool MakePlain(std::string_view path, CanonicalTarget& target) {
  const std::size_t at = PlainAt(path).at;
  if (at == kNotPlain) return false;
  target.address = path;
  target.domain = path.substr(at + 1);
  return true;
}

// A path split at its last unquoted `@`, the local part without quotes and backslashes.
struct Decoded {
  std::array<char, kMaxPathLength> buffer;
  std::size_t length = 0;
  std::string_view domain;
  bool has_domain = false;

  std::string_view local() const { return {buffer.data(), length}; }
};

// False where a quote or a backslash is left open.
bool Decode(std::string_view path, Decoded& decoded) {
  std::size_t at = std::string_view::npos;
  std::size_t length_at = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (c == '\\') {
      if (++i == path.size()) return false;
      c = path[i];
    } else if (c == '@' && !quoted) {
      at = i;
      length_at = decoded.length;
    }
    decoded.buffer[decoded.length++] = c;
  }
  if (quoted) return false;
  decoded.has_domain = at != std::string_view::npos;
  if (decoded.has_domain) {
    decoded.length = length_at;
    decoded.domain = path.substr(at + 1);
  }
  return true;
}

void AppendLocal(std::string_view local, const TargetOptions& options, std::string& out) {
  if (options.fold_detail) {
    const std::size_t plus = local.find('+');
    if (plus != std::string_view::npos && plus > 0) local = local.substr(0, plus);
  }
  const bool quotes = NeedsQuotes(local);
  if (quotes) out += '"';
  for (const char c : local) {
    if (c == '"' || c == '\\') out += '\\';
    out += options.fold_case ? ToLower(c) : c;
  }
  if (quotes) out += '"';
}

bool MakeBare(std::string_view local, const TargetOptions& options, CanonicalTarget& target) {
  if (NeedsQuotes(local)) return Unparsable(target);
  target.domain.clear();
  target.address.clear();
  if (EqualsIgnoreCase(local, "postmaster")) {
    target.address = "postmaster";
  } else {
    AppendLocal(local, options, target.address);
  }
  const bool taken = target.address == "-";  // the name of what cannot be parsed
  return (!taken && target.address.size() <= kMaxTargetLength) || Unparsable(target);
}

bool MakeTagged(std::string_view local, std::string_view sent_domain, const TargetOptions& options,
                CanonicalTarget& target) {
  if (!MakeCanonicalDomain(sent_domain, target.domain)) return Unparsable(target);
  std::string original;  // of SRS; empty: the domain is the one that was sent
  for (int depth = 0; depth < kMaxNestedTags; ++depth) {
    const std::optional<Untagged> inner = UndoTag(local);
    if (!inner) break;
    if (!inner->domain.empty()) {
      std::string domain;
      if (!MakeCanonicalDomain(inner->domain, domain)) break;  // then it is no SRS
      original.swap(domain);
    }
    local = inner->local;
  }
  target.address.clear();
  AppendLocal(local, options, target.address);
  target.address += '@';
  target.address += original.empty() ? target.domain : original;
  return target.address.size() <= kMaxTargetLength || Unparsable(target);
}

}  // namespace

bool IsPlainTarget(std::string_view path) { return PlainAt(path).at != kNotPlain; }

bool IsPlainLowerTarget(std::string_view path) {
  const Plain plain = PlainAt(path);
  return plain.at != kNotPlain && !plain.upper;
}

bool MakeCanonicalTarget(std::string_view path, const TargetOptions& options,
                         CanonicalTarget& target) {
  if (!options.fold_case && !options.fold_detail && MakePlain(path, target)) return true;
  if (path.size() > kMaxPathLength) return Unparsable(target);
  Decoded decoded;
  if (!Decode(WithoutSourceRoute(path), decoded)) return Unparsable(target);
  const std::string_view local = decoded.local();
  if (local.empty() || HasControl(local) || !IsValidUtf8(local)) return Unparsable(target);
  return decoded.has_domain ? MakeTagged(local, decoded.domain, options, target)
                            : MakeBare(local, options, target);
}

}  // namespace backscatter
