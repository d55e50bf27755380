// The generated captures that benches read, and programs that must not fail.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/measure.h"

namespace backscatter::bench {

// Says what could not be done, and exits with 1.
[[noreturn]] void Die(const std::string& what);

// Measure, or Die where the program fails.
Cost MustMeasure(const std::vector<std::string>& words, const std::string& output = "/dev/null");

// The capture of a profile of make_capture, `directory/PROFILE.pcap`, with its truth beside it in
// `PROFILE.json`; made where it is absent or older than the generator. `more`: further arguments of
// the generator; the capture is then called `PROFILE-few.pcap`.
std::filesystem::path GeneratedCapture(const std::filesystem::path& directory,
                                       const std::string& profile,
                                       const std::vector<std::string>& more = {});

}  // namespace backscatter::bench
