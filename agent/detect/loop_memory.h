// The same report about the same message, again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/recent_table.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// A loop is kLoopReports reports to one target, from one Reporting-MTA, about one Message-ID,
// within an hour, each having passed more hosts than the one before (DETECTION section 2.4). A
// report that only comes again has not. Packet time only; not thread-safe.
class LoopMemory {
 public:
  static constexpr std::uint32_t kLoopReports = 3;

  LoopMemory(std::size_t capacity, const HashKey& key);

  // True from the report on that makes it a loop. `target` in its canonical form.
  bool OnReport(std::string_view target, const MessageFacts& facts, PacketTime at);

  std::uint64_t forgotten() const { return reports_.forgotten(); }
  std::size_t MemoryBytes() const { return reports_.MemoryBytes(); }
  static std::uint64_t MostBytes(std::size_t capacity) {
    return RecentTable<Run>::MostBytes(capacity);
  }

 private:
  struct Run {
    PacketTime started = 0;
    std::size_t hops = 0;
    std::uint32_t reports = 0;
  };

  HashKey key_;
  RecentTable<Run> reports_;
};

}  // namespace backscatter
