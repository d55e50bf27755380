#include "agent/net/checksum.h"

#include <gtest/gtest.h>

#include <vector>

namespace backscatter {
namespace {

// RFC 1071 by the book: pairs of bytes, carries folded at each step.
std::uint16_t ByTheBook(const std::vector<std::uint8_t>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

TEST(Checksum, AgreesWithTheBookForEveryLengthUpTo300) {
  std::vector<std::uint8_t> bytes;
  std::uint32_t state = 1;
  for (int length = 0; length < 300; ++length) {
    const std::uint16_t fast = FoldChecksum(AddToChecksum(0, bytes.data(), bytes.size()));
    EXPECT_EQ(ToNetworkOrder16(fast), ByTheBook(bytes)) << length;
    state = state * 1664525 + 1013904223;
    bytes.push_back(static_cast<std::uint8_t>(state >> 24));
  }
}

TEST(Checksum, CarriesOfAllOnesAreNotLost) {
  for (std::size_t length = 1; length < 200; ++length) {
    const std::vector<std::uint8_t> ones(length, 0xff);
    EXPECT_EQ(ToNetworkOrder16(FoldChecksum(AddToChecksum(0, ones.data(), length))),
              ByTheBook(ones));
  }
}

TEST(Checksum, TheSumOfPartsIsTheSumOfTheWhole) {
  const std::vector<std::uint8_t> bytes = {0xff, 0xfe, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 11, 12};
  const std::uint64_t parts = AddToChecksum(AddToChecksum(0, bytes.data(), 4), bytes.data() + 4, 8);
  EXPECT_EQ(FoldChecksum(parts), FoldChecksum(AddToChecksum(0, bytes.data(), bytes.size())));
}

TEST(Checksum, TheIpv4HeaderOfAKnownPacketIsRight) {
  // RFC 1071 has no whole header; this one is from a DNS query of 192.0.2.1.
  std::vector<std::uint8_t> header = {0x45, 0,    0,    0x3c, 0x1c, 0x46, 0x40, 0,    0x40, 6,
                                      0xb1, 0xe6, 0xac, 0x10, 0x0a, 0x63, 0xac, 0x10, 0x0a, 0x0c};
  EXPECT_TRUE(Ipv4HeaderSumIsRight(header.data()));
  header[8] = 0x3f;
  EXPECT_FALSE(Ipv4HeaderSumIsRight(header.data()));
}

}  // namespace
}  // namespace backscatter
