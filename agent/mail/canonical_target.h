// The one name under which a recipient is counted, whatever tags its address carries.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace backscatter {

struct TargetOptions {
  bool fold_case = false;    // lower-case the local part too
  bool fold_detail = false;  // drop `+detail`

  friend bool operator==(const TargetOptions&, const TargetOptions&) = default;
};

struct CanonicalTarget {
  std::string address;  // "local@domain", a bare local part, or "-" where it cannot be parsed
  // The domain for labels: the address's own, but the forwarder's where SRS was undone. Empty for
  // "-" and for a bare local part.
  std::string domain;
};

// Longest canonical address and domain; what is longer counts under "-". RFC 5321 section 4.5.3.1
// allows 64 + 1 + 255 octets; only the sum is held here, since SRS and VERP local parts of real
// mail are longer than 64.
inline constexpr std::size_t kMaxTargetLength = 320;
inline constexpr std::size_t kMaxDomainLength = 255;
// A path as sent may be longer by its source route and tags, up to this.
inline constexpr std::size_t kMaxPathLength = 1024;

// A path that is its own canonical form where neither case nor detail are folded, as nearly every
// one is: an untagged dot-atom in a plain lower-case domain. False decides nothing. O(n).
bool IsPlainTarget(std::string_view path);
// The same, and its local part has no upper case either.
bool IsPlainLowerTarget(std::string_view path);

// `path` as sent, without angle brackets. What is undone, in this order:
//  - the source route, a trailing dot, quotes and backslashes that are not needed (`"joe"@x`);
//  - the domain becomes a lower-case A-label (libidn2, UTS 46 non-transitional; a domain that IDNA
//    refuses is only lower-cased), an address literal takes its RFC 5952 form;
//  - tags, without checking keys, in any case, also nested ones: prvs=DDDSSSSSS= and
//    prvs=KDDDSSSSSS= (both are seen in mail), prvs=local=TAG, prvs=local/TAG, btv1==HEX==,
//    msprvs1=TAG=, SRS0 and SRS1 with `=`, `+` or `-` behind the name;
//  - case and detail, as the options say.
// A bare local part stays (`postmaster` in lower case, RFC 5321 section 2.3.5: in any case).
// "-" is what has no local part, an impossible domain (empty label, label over 63 octets, blank or
// special character), control characters, invalid UTF-8, unbalanced quotes, or is too long.
//
// Returns false for "-". `target` is overwritten; its strings keep their capacity. O(n). A plain
// path (ASCII, lower-case domain, no tag) allocates nothing once the strings have capacity; nor do
// case, quotes and BATV. SRS, IDNA and address literals allocate.
bool MakeCanonicalTarget(std::string_view path, const TargetOptions& options,
                         CanonicalTarget& target);

}  // namespace backscatter
