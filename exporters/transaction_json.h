// Transactions as JSON lines, schema backscatter.transaction/1.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/json_writer.h"
#include "agent/detect/verdict.h"
#include "agent/mail/canonical_target.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

std::string_view CompletenessName(Completeness completeness);
std::string_view TlsStateName(TlsState tls);
// The keys verdict, solicited, confidence and reason; a retry has none of them.
void WriteJudgement(const Judgement& judgement, JsonWriter& json);

// Owned by one thread.
class TransactionJson {
 public:
  explicit TransactionJson(TargetOptions target = {}) : target_options_(target) {}

  // Appends one line with its line end. Every key of the schema is there, unknown is null; of a
  // parameter that was given twice the first counts, one without a value has "". An added key,
  // "recipients_not_kept", says how many RCPTs the list leaves out (nearly always 0). A retry
  // has no verdict. `bounce` is there for every kind that MessageKindName names; where nothing was
  // returned, its only original Message-ID is the one that it says it answers. O(text).
  void Append(const JudgedTransaction& judged, std::string& out);

 private:
  TargetOptions target_options_;
  CanonicalTarget canonical_;  // scratch
};

}  // namespace backscatter
