// The one name under which a recipient is counted, whatever tags its address carries.
#pragma once

#include <string>
#include <string_view>

namespace backscatter {

struct TargetOptions {
  bool fold_case = false;    // lower-case the local part too
  bool fold_detail = false;  // drop `+detail`
};

struct CanonicalTarget {
  std::string address;  // "local@domain", a bare "postmaster", or "-" where it cannot be parsed
  // The domain for labels: the address's own, but for SRS0/SRS1 the forwarder's. Empty for "-" and
  // for a bare local part. Points to `label_domain` storage of this object.
  std::string domain;
};

// `path` as sent, without angle brackets. Source route, needless quotes and a trailing dot are
// removed; the domain becomes a lower-case A-label (RFC 5891, through libidn2; a domain that IDNA
// refuses is only lower-cased); BATV tags (prvs=KDDDSSSSSS=, prvs=local=TAG, prvs=local/TAG,
// btv1==TAG==, msprvs1=TAG=; case-insensitive) and SRS0/SRS1 are undone without checking keys.
// `target` is overwritten; its strings keep their capacity. O(n), at most one allocation on the
// common path. Returns false (address "-") for what is no address.
bool MakeCanonicalTarget(std::string_view path, const TargetOptions& options,
                         CanonicalTarget& target);

}  // namespace backscatter
