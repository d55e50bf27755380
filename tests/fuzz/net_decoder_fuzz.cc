// Frames of any link type through the decoder.
// Input: link type, time step, then frames as (length, bytes missing from the capture, bytes).
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "agent/net/decoder.h"

namespace backscatter {
namespace {

constexpr std::uint32_t kLinkTypes[] = {1, 0, 9, 50, 51, 101, 108, 113, 228, 229, 239, 276};

void Check(bool right) {
  if (!right) std::abort();
}

// The payload lies in the packet (or wholly outside, in a buffer that ASan watches), and its length
// on the wire is no less.
void CheckSegment(const Packet& packet, const Segment& segment) {
  Check(segment.payload_wire_length >= segment.payload.size());
  const auto* const begin = packet.bytes.data();
  const auto* const end = begin + packet.bytes.size();
  const auto* const data = segment.payload.data();
  if (data >= begin && data <= end)
    Check(segment.payload.size() <= static_cast<std::size_t>(end - data));
  volatile std::uint8_t sink = 0;
  for (const std::uint8_t byte : segment.payload) sink = byte;
  static_cast<void>(sink);
}

bool SameSegment(const Segment& a, const Segment& b) {
  return a.source == b.source && a.destination == b.destination && a.sequence == b.sequence &&
         a.acknowledgment == b.acknowledgment && a.flags == b.flags &&
         a.urgent_pointer == b.urgent_pointer && a.payload_wire_length == b.payload_wire_length &&
         std::vector<std::uint8_t>(a.payload.begin(), a.payload.end()) ==
             std::vector<std::uint8_t>(b.payload.begin(), b.payload.end());
}

// The same frame with a VLAN tag takes the general way through the decoder, and must mean the same.
class TaggedTwin {
 public:
  void Compare(const Packet& packet, const Segment& segment, bool decoded, const Ledger& ledger) {
    if (packet.bytes.size() < 14) usable_ = false;
    if (!usable_) return;
    std::vector<std::uint8_t> tagged(packet.bytes.begin(), packet.bytes.end());
    constexpr std::uint8_t kTag[] = {0x81, 0, 0, 7};
    tagged.insert(tagged.begin() + 12, std::begin(kTag), std::end(kTag));
    Packet twin = packet;
    twin.bytes = tagged;
    twin.wire_length += 4;
    Segment other;
    const bool other_decoded = decoder_.Decode(twin, other);
    if (ledger_.Get(Loss::kDecodeTooDeep) + ledger.Get(Loss::kDecodeTooDeep) > 0) {
      usable_ = false;  // the tag counts as a header
      return;
    }
    Check(decoded == other_decoded);
    if (decoded) Check(SameSegment(segment, other));
    for (std::size_t i = 0; i < kLossCount; ++i) {
      Check(ledger.Get(static_cast<Loss>(i)) == ledger_.Get(static_cast<Loss>(i)));
    }
    for (std::size_t i = 0; i < kAnomalyCount; ++i) {
      Check(ledger.Get(static_cast<Anomaly>(i)) == ledger_.Get(static_cast<Anomaly>(i)));
    }
  }

 private:
  bool usable_ = true;
  Ledger ledger_;
  Decoder decoder_{&ledger_};
};

void Run(std::span<const std::uint8_t> input) {
  if (input.size() < 2) return;
  const LinkType link_type{kLinkTypes[input[0] % std::size(kLinkTypes)]};
  const PacketTime step = input[1] * (kSecond / 8);
  input = input.subspan(2);
  Ledger ledger;
  Decoder decoder(&ledger);
  TaggedTwin twin;
  PacketTime now = kSecond;
  while (input.size() >= 3) {
    const std::size_t length = std::min<std::size_t>(input[0] + input[1] * 256u, input.size() - 3);
    const std::vector<std::uint8_t> frame(input.begin() + 3,
                                          input.begin() + 3 + static_cast<std::ptrdiff_t>(length));
    Packet packet;
    packet.bytes = frame;
    packet.wire_length = static_cast<std::uint32_t>(length + input[2]);
    packet.captured_at = now;
    packet.link_type = link_type;
    Segment segment;
    const bool decoded = decoder.Decode(packet, segment);
    if (decoded) CheckSegment(packet, segment);
    if (link_type == LinkType::kEthernet) twin.Compare(packet, segment, decoded, ledger);
    input = input.subspan(3 + length);
    now += step;
  }
  decoder.Finish();
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backscatter::Run({data, size});
  return 0;
}
