// Transactions as JSON lines, schema backscatter.transaction/1.
#pragma once

#include <string>

#include "agent/mail/canonical_target.h"
#include "agent/mail/direction.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

// Owned by one thread.
class TransactionJson {
 public:
  explicit TransactionJson(LocalNetworks local, TargetOptions target = {})
      : local_(std::move(local)), target_options_(target) {}

  // Appends one line with its line end. Every key of the schema is there, unknown is null; of a
  // parameter that was given twice the first counts, one without a value has "". An added key,
  // "recipients_not_kept", says how many RCPTs the list leaves out (nearly always 0). O(text).
  void Append(const Transaction& transaction, std::string& out);

 private:
  LocalNetworks local_;
  TargetOptions target_options_;
  CanonicalTarget canonical_;  // scratch
};

}  // namespace backscatter
