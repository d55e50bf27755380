#include "agent/detect/loop_memory.h"

namespace backscatter {

LoopMemory::LoopMemory(std::size_t capacity, const HashKey& key)
    : key_(key), reports_(capacity, kHour) {}

bool LoopMemory::OnReport(std::string_view target, const MessageFacts& facts, PacketTime at) {
  // The innermost message is the one that a loop is about.
  if (facts.original_message_ids.empty()) return false;
  const std::uint64_t who =
      MixWords(HashBytes(key_, target) ^ key_.a, HashBytes(key_, facts.reporting_mta) ^ key_.b);
  const std::uint64_t key =
      MixWords(who ^ key_.b, HashBytes(key_, facts.original_message_ids.back()) ^ key_.a);
  const std::size_t hops = std::size_t{facts.received_count} + facts.returned_received_count;
  const Run* const before = reports_.Find(key, at);
  Run run{at, hops, 1};
  if (before != nullptr) {
    if (hops <= before->hops) return before->reports >= kLoopReports;
    if (TimeBetween(before->started, at) <= kHour) {
      run.started = before->started;
      run.reports = before->reports + 1;
    }
  }
  reports_.Put(key, run, at);
  return run.reports >= kLoopReports;
}

}  // namespace backscatter
