// Which rights a way of capturing needs, in words, and which are kept once it captures.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "agent/base/capabilities.h"

namespace backscatter {

// What `source` (auto, bpf, pcap) lacks with `have`, what still works with that, and what to do;
// empty where nothing is missing.
std::string MissingRights(std::string_view source, CapabilitySet have);

// `refused`, with the rights that this process lacks for it where that is why.
absl::Status WithMissingRights(const absl::Status& refused, std::string_view source);

// What a running agent needs: nothing with a fixed list of interfaces; with all of them, what takes
// up a new one (`source`: the name of the source that captures, bpf or pcap).
CapabilitySet RightsToKeep(std::string_view source, bool all_interfaces);

}  // namespace backscatter
