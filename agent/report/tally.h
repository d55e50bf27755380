// Counts per target, per source and per domain, exact up to a cap and heavy-hitter beyond it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/mail/canonical_target.h"
#include "agent/smtp/transaction.h"

namespace backscatter {
}  // namespace backscatter
