// From a captured frame to TCP segments: link layers, tags, tunnels, IP, fragments.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/base/ledger.h"
#include "agent/net/packet.h"
#include "agent/net/segment.h"

namespace backscatter {

class Fragments;

// Not thread-safe. Every byte is hostile: no allocation on the common path, bounded nesting,
// bounded fragment memory, and everything that is not decoded is counted in the ledger.
class Decoder {
 public:
  explicit Decoder(Ledger* ledger);  // must outlive the decoder
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Calls sink.OnSegment at most once (a completed datagram gives its segment on its last fragment).
  // Frames without TCP give nothing.
  void Decode(const Packet& packet, SegmentSink& sink);

 private:
  std::unique_ptr<Fragments> fragments_;
  Ledger& ledger_;
};

}  // namespace backscatter
