// What several documents write alike.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/json_writer.h"
#include "agent/base/ledger.h"
#include "agent/report/live_snapshot.h"

namespace backscatter {

// The code of a reply; null where none was seen (0).
void WriteReply(std::string_view key, std::uint16_t reply, JsonWriter& json);
// The keys domain and target, null where the label leaves them out.
void WriteLabel(const TargetLabel& label, JsonWriter& json);
// The keys losses and anomalies: those that are not 0.
void WriteLedger(const Ledger& ledger, JsonWriter& json);

}  // namespace backscatter
