#include "agent/app/flood_log.h"

#include <cmath>
#include <cstdint>

#include "agent/detect/distinct_counter.h"

namespace backscatter {

void FloodLog::OnRaised(const Flood& flood) {
  const bool weak = flood.confidence == Confidence::kWeak;
  Write(weak ? LogLevel::kInfo : LogLevel::kWarn, "flood", flood, flood.last);
}

void FloodLog::OnCleared(const Flood& flood) {
  Write(LogLevel::kInfo, "flood over", flood, flood.end.value_or(flood.last));
}

void FloodLog::Write(LogLevel level, std::string_view message, const Flood& flood,
                     PacketTime until) {
  const auto whole = [](double number) { return static_cast<std::uint64_t>(std::llround(number)); };
  const auto write = [&](auto... more) {
    log_.Write(level, message,
               {{"kind", FloodKindName(flood.kind)},
                {"domain", flood.domain.empty() ? "-" : flood.domain},
                {"confidence", ConfidenceName(flood.confidence)},
                {"since", FormatRfc3339(flood.start)},
                {"until", FormatRfc3339(until)},
                {"recipients", flood.recipients},
                {"sources", whole(flood.sources)},
                {"networks", whole(flood.networks)},
                {"peak_per_minute", whole(flood.peak_per_minute)},
                more...});
  };
  if (flood.beginning_seen && flood.sources <= static_cast<double>(kMostExactThings)) {
    write();
  } else {
    write(LogField("exact", false));
  }
}

}  // namespace backscatter
