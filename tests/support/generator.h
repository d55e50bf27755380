// Plays many sessions into one capture, interleaved in time, with exact truth.
#pragma once

#include <cstdint>

#include "tests/support/pcap_writer.h"
#include "tests/support/profile.h"
#include "tests/support/truth.h"

namespace backscatter::support {

// Streams the profile's traffic to `file` and counts it in `truth`. The same profile and seed give
// the same bytes on every machine. Memory is bounded by the sessions open at one time.
void Generate(const Profile& profile, std::uint64_t seed, PcapWriter& file, Truth& truth);

}  // namespace backscatter::support
