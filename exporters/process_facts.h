// What the host says of this process, for the process_* metrics that every exporter has.
#pragma once

#include <cstdint>
#include <optional>

namespace backscatter {

// What could not be read is not there.
struct ProcessFacts {
  std::optional<double> cpu_seconds = std::nullopt;
  std::optional<std::uint64_t> resident_bytes = std::nullopt;
  std::optional<std::uint64_t> virtual_bytes = std::nullopt;
  std::optional<std::uint64_t> open_fds = std::nullopt;
  std::optional<std::uint64_t> max_fds = std::nullopt;
  std::optional<double> start_seconds = std::nullopt;  // since 1970
};

// Reads /proc. About 20 microseconds, and one a descriptor that is open.
ProcessFacts ReadProcessFacts();

}  // namespace backscatter
