// The file of floods. The first byte says how: 0 the bytes as they are; else they are cut into
// payloads (a byte of kind, two of length) whose heads and checksums are made right, so that what
// lies behind the checksums is reached. Whatever is accepted fits the caps, is the same when it is
// written and read again, and does no harm to a detector that goes on with it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/ledger.h"
#include "agent/base/record_blocks.h"
#include "agent/detect/flood_detector.h"
#include "agent/detect/flood_state.h"

namespace {

using backscatter::FloodDetector;
using backscatter::FloodOptions;
using backscatter::FloodState;

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string WithHeads(std::string_view data) {
  std::string out;
  while (data.size() >= 3) {
    const auto kind = static_cast<std::uint32_t>(data[0] & 7);
    const std::size_t size =
        std::min<std::size_t>(data.size() - 3, static_cast<std::uint8_t>(data[1]) * 256U +
                                                   static_cast<std::uint8_t>(data[2]));
    out += backscatter::MakeBlock("FLD1", kind, data.substr(3, size));
    data.remove_prefix(3 + size);
  }
  return out;
}

absl::StatusOr<FloodState> Read(std::string_view bytes, const FloodOptions& options) {
  return backscatter::ReadFloodState(
      [&](char* to, std::size_t size) {
        size = std::min(size, bytes.size());
        if (size > 0) std::memcpy(to, bytes.data(), size);
        bytes.remove_prefix(size);
        return size;
      },
      options);
}

std::string Written(const FloodState& state) {
  std::string out;
  Check(backscatter::WriteFloodState(state, [&](std::string_view bytes) {
    out += bytes;
    return true;
  }));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string bytes = data[0] == 0 ? std::string(rest) : WithHeads(rest);
  FloodOptions options;
  options.targets_capacity = 64;
  options.baselines_capacity = 16;
  options.sketches = 8;
  options.recent_capacity = 64;
  options.open_capacity = 8;
  absl::StatusOr<FloodState> loaded = Read(bytes, options);
  if (!loaded.ok()) return 0;
  Check(loaded->open.size() <= options.open_capacity + FloodState::kBesideOpen);
  Check(loaded->baselines.size() <= options.baselines_capacity);
  const std::string once = Written(*loaded);
  const absl::StatusOr<FloodState> again = Read(once, options);
  Check(again.ok() && Written(*again).size() == once.size());

  backscatter::Ledger ledger;
  const backscatter::PacketTime now = loaded->now;
  FloodDetector detector(options, &ledger, *std::move(loaded));
  for (const backscatter::PacketTime later :
       {backscatter::kSecond, backscatter::kHour, 30 * backscatter::kDay}) {
    detector.AdvanceTo(now + later);
    for (const backscatter::Flood& flood : detector.Floods()) {
      Check(std::isfinite(flood.sources) && std::isfinite(flood.peak_per_minute));
      Check(flood.top_sources.size() <= backscatter::OpenFlood::kSourcesTold);
    }
    Check(detector.MemoryBytes() <= FloodDetector::MostBytes(options));
  }
  // At the end of time nothing ends.
  if (now < backscatter::kFarthestTime - 31 * backscatter::kDay) {
    Check(detector.state().open.empty());
  }
  return 0;
}
