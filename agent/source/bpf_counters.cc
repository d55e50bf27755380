#include "agent/source/bpf_counters.h"

namespace backscatter {
namespace {

struct Lost {
  bs_counter counter;
  Loss loss;
};

constexpr Lost kLost[] = {
    {BS_RING_FULL, Loss::kKernelRingFull},
    {BS_RING_FULL_BYTES, Loss::kKernelRingFullBytes},
    {BS_FRAGMENTS, Loss::kKernelFragments},
    {BS_TRUNCATED, Loss::kKernelTruncated},
    {BS_MALFORMED, Loss::kKernelMalformed},
    {BS_NO_FLOW, Loss::kKernelNoFlow},
    {BS_UNORDERED_BYTES, Loss::kKernelUnorderedBytes},
    {BS_STATELESS_BYTES, Loss::kKernelStatelessBytes},
    {BS_BEHIND_CUT, Loss::kKernelBehindCutBytes},
    {BS_BOTH_PORTS, Loss::kKernelBothPorts},
};

}  // namespace

void TellBpfLosses(const BpfCounters& before, const BpfCounters& now, PacketSink& sink) {
  for (const Lost& lost : kLost) {
    const std::uint64_t count = now[lost.counter] - before[lost.counter];
    if (count > 0) sink.OnLoss(lost.loss, count);
  }
}

}  // namespace backscatter
