// Floods as lines of the log: that one is on, and that it is over.
#pragma once

#include "agent/app/log.h"
#include "agent/detect/flood.h"

namespace backscatter {

// By the rule of Log no address is said: which target it is stands in the report. Warnings, but for
// weak floods, which may be the bounces of a newsletter. `exact=false` stands where sources and
// networks are estimates, or the counts are the least that there was. `log` must outlive it.
class FloodLog final : public FloodListener {
 public:
  explicit FloodLog(Log* log) : log_(*log) {}

  void OnRaised(const Flood& flood) override;
  void OnUpdated(const Flood& /*flood*/) override {}
  void OnCleared(const Flood& flood) override;

 private:
  void Write(LogLevel level, std::string_view message, const Flood& flood, PacketTime until);

  Log& log_;
};

}  // namespace backscatter
