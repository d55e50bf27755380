#include "agent/detect/ignored_mail.h"

#include <algorithm>
#include <utility>

namespace backscatter {

IgnoredMail::IgnoredMail(std::vector<IpNetwork> networks, const std::vector<std::string>& targets,
                         const TargetOptions& options)
    : networks_(std::move(networks)), options_(options) {
  for (const std::string& target : targets) {
    if (MakeCanonicalTarget(target, options_, canonical_)) targets_.insert(canonical_.address);
  }
}

bool IgnoredMail::IsIgnored(std::string_view path) {
  return MakeCanonicalTarget(path, options_, canonical_) && targets_.contains(canonical_.address);
}

bool IgnoredMail::Covers(const Transaction& transaction) {
  const bool by_source = std::ranges::any_of(
      networks_, [&](const IpNetwork& network) { return network.Contains(transaction.source); });
  if (by_source || targets_.empty()) return by_source;
  return !transaction.recipients.empty() && transaction.recipients_not_kept == 0 &&
         std::ranges::all_of(transaction.recipients, [&](const Recipient& recipient) {
           return IsIgnored(transaction.Text(recipient.address));
         });
}

}  // namespace backscatter
