#include "agent/mail/srs.h"

#include <algorithm>
#include <optional>

#include "agent/mail/address_tags.h"
#include "agent/mail/domain_name.h"
#include "agent/mail/path_parts.h"

namespace backscatter {

bool SrsDomains::Contains(std::string_view path) const {
  if (domains_.empty()) return false;
  const PathParts parts = SplitPath(path);
  const std::optional<Untagged> untagged = UndoTag(parts.local);
  if (!untagged || untagged->domain.empty()) return false;  // only SRS names a domain
  std::string domain;
  return MakeCanonicalDomain(parts.domain, domain) &&
         std::ranges::find(domains_, domain) != domains_.end();
}

}  // namespace backscatter
