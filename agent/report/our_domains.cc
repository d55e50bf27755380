#include "agent/report/our_domains.h"

#include "agent/base/keyed_hash.h"

namespace backscatter {

// Strangers can add no more than kMaxLearnt, and only by mail that we take.
std::size_t OurDomains::Hash::operator()(std::string_view text) const {
  return static_cast<std::size_t>(HashBytes(HashKey{}, text));
}

void OurDomains::SetLocal(const std::vector<std::string>& local) {
  local_.clear();
  local_.insert(local.begin(), local.end());
}

void OurDomains::Learn(std::string_view domain) {
  if (domain.empty() || domain == "-" || learnt_.contains(domain)) return;
  if (learnt_.size() < kMaxLearnt) learnt_.emplace(domain);
}

}  // namespace backscatter
