// Events as JSON lines, schema backscatter.event/1: floods, and transactions where that is asked.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/detect/verdict.h"
#include "agent/report/live_snapshot.h"

namespace backscatter {

// Appends one line. `event`: flood_raised, flood_updated or flood_cleared. The flood is named by
// `label`, else as in the report: {"schema","event","time","flood":{"kind","domain","target",...}}.
void AppendFloodEvent(std::string_view event, PacketTime time, const Flood& flood,
                      const TargetLabel& label, bool sampled, std::string& out);

// Appends one line. What the report's transactions have in text (addresses, names, subjects) is
// not there: {"schema","event":"transaction","time","source","server","direction","sender",
// "recipients":[{"domain","target","reply"}],"recipients_not_kept","outcome","retry","verdict",
// "solicited","confidence","reason","completeness","weight"}. `labels`: of each recipient.
void AppendTransactionEvent(const JudgedTransaction& judged, std::span<const TargetLabel> labels,
                            std::string& out);

}  // namespace backscatter
