// Frames that nobody sends in good faith: flipped bytes and noise in every form.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/net/decode_helpers.h"

namespace backscatter {
namespace {

// The payload must lie in the frame, or in a buffer of the reassembler (not possible here without a
// completed datagram), and its wire length must not be below it.
void ExpectSane(const Packet& packet, const Segment& segment) {
  EXPECT_GE(segment.payload_wire_length, segment.payload.size());
  if (segment.payload.empty()) return;
  EXPECT_GE(segment.payload.data(), packet.bytes.data());
  EXPECT_LE(segment.payload.data() + segment.payload.size(),
            packet.bytes.data() + packet.bytes.size());
}

TEST(HostileFrames, EveryHeaderByteSetToEdgesStaysInBounds) {
  for (const Form& form : AllForms()) {
    const std::size_t headers = form.frame.size() - (sizeof kText - 1);
    for (std::size_t at = 0; at < headers; ++at) {
      for (const char value : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
        std::string frame = form.frame;
        frame[at] = value;
        Ledger ledger;
        Decoder decoder(&ledger);
        Segment segment;
        const Packet packet = support::AsPacket(frame, form.link_type);
        if (decoder.Decode(packet, segment)) ExpectSane(packet, segment);
      }
    }
  }
}

TEST(HostileFrames, NoiseBehindEveryLinkTypeStaysInBounds) {
  std::mt19937 random(1);
  Ledger ledger;
  Decoder decoder(&ledger);
  Segment segment;
  for (int round = 0; round < 20000; ++round) {
    std::string frame(random() % 200, '\0');
    for (char& byte : frame) byte = static_cast<char>(random());
    const std::uint32_t types[] = {0, 1, 9, 50, 51, 101, 108, 113, 228, 229, 239, 276};
    const Packet packet =
        support::AsPacket(frame, LinkType{types[random() % std::size(types)]}, round);
    if (decoder.Decode(packet, segment) && segment.payload.data() >= packet.bytes.data() &&
        segment.payload.data() < packet.bytes.data() + packet.bytes.size()) {
      ExpectSane(packet, segment);
    }
  }
}

TEST(HostileFrames, AnEmptyFrameIsTruncatedOrMalformed) {
  for (const Form& form : AllForms()) {
    FrameDecoder decoder;
    EXPECT_FALSE(decoder.Decode(std::string(), form.link_type));
    EXPECT_EQ(decoder.Count(Loss::kDecodeMalformed), 1u) << form.name;
  }
}

}  // namespace
}  // namespace backscatter
