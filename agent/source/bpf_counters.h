// What the kernel programs counted, and what of it is a loss.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/source/source.h"
#include "bpf/include/wire.h"

namespace backscatter {

// By enum bs_counter, summed over the processors.
using BpfCounters = std::array<std::uint64_t, BS_COUNTERS>;

// Tells the sink the losses that were counted between the two.
void TellBpfLosses(const BpfCounters& before, const BpfCounters& now, PacketSink& sink);

}  // namespace backscatter
