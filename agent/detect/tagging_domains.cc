#include "agent/detect/tagging_domains.h"

namespace backscatter {

void TaggingDomains::Learn(std::string_view domain, bool tagged) {
  std::string key(domain);
  auto found = domains_.find(key);
  if (found == domains_.end()) {
    if (domains_.size() == kMaxDomains) return;
    found = domains_.emplace(std::move(key), Counts{}).first;
  }
  ++(tagged ? found->second.tagged : found->second.untagged);
}

bool TaggingDomains::TagsAll(std::string_view domain) const {
  const auto found = domains_.find(std::string(domain));
  return found != domains_.end() && found->second.tagged >= kEnough && found->second.untagged == 0;
}

}  // namespace backscatter
