// What the operator told us to leave out: his own probes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "agent/base/ip_address.h"
#include "agent/mail/canonical_target.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

// `ignore.networks` and `ignore.targets`, validated. Not thread-safe.
class IgnoredMail {
 public:
  IgnoredMail() = default;
  // Targets as they are written, to be compared in their canonical form.
  IgnoredMail(std::vector<IpNetwork> networks, const std::vector<std::string>& targets,
              const TargetOptions& options);

  // It came from one of the networks, or every recipient is one of the targets: to add an ignored
  // address hides no other. Cost: a comparison a network; recipients only where targets are given.
  bool Covers(const Transaction& transaction);

 private:
  bool IsIgnored(std::string_view path);

  std::vector<IpNetwork> networks_;
  absl::flat_hash_set<std::string> targets_;
  TargetOptions options_;
  CanonicalTarget canonical_;  // scratch
};

}  // namespace backscatter
