// Why we sent a null-sender message to somebody else.
#pragma once

#include <optional>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/detect/accepted_mail.h"
#include "agent/detect/our_hosts.h"
#include "agent/detect/verdict.h"
#include "agent/mail/sent_ledger.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

// The causes, which are the reasons of the verdict `emitted` (docs/DETECTION.md):
//   accept_then_bounce  about a mail that we took in from outside: we are the backscatter
//   forward             about such a mail that we sent on, and the next host refused
//   own_user            about a mail that a user of ours sent
//   autoreply           a vacation notice, a receipt, a challenge
//   callout             no message: we verify an address
//   dsn_success, mdn    a receipt that the sender asked for
//   report              ARF, TLS or DMARC report
//   unknown
//
// `accepted` and `ledger` are what was learnt before. Looks at no more than kMaxLookups recipients
// of the report.
Judgement JudgeEmission(const Transaction& transaction, AcceptedMail& accepted,
                        const SentLedger& ledger, const OurHosts& hosts,
                        const LocalNetworks& local);

}  // namespace backscatter
