// Transactions as the judge passes them on.
#pragma once

#include "agent/detect/verdict.h"

namespace backscatter {

// Gives `transaction` to what counts or writes judged ones.
inline void Give(JudgedTransactionSink& sink, const Transaction& transaction,
                 const Judgement& judgement = {},
                 MailDirection direction = MailDirection::kUnknown) {
  sink.OnTransaction({transaction, direction, judgement});
}

}  // namespace backscatter
