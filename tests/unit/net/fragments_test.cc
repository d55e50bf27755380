#include "agent/net/fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

namespace backscatter {
namespace {

std::string Pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('A' + i % 23);
  return text;
}

struct Whole {
  std::string bytes;
  std::size_t wire_length = 0;
  std::uint8_t protocol = 0;
};

class FragmentsTest : public ::testing::Test {
 protected:
  static DatagramKey Key(std::uint32_t id, bool is_v6 = false) {
    DatagramKey key;
    key.source = *IpAddress::Parse("192.0.2.1");
    key.destination = *IpAddress::Parse("192.0.2.2");
    key.id = id;
    key.protocol = 6;
    key.is_v6 = is_v6;
    return key;
  }

  std::optional<Whole> AddTo(const DatagramKey& key, std::size_t offset, std::string_view bytes,
                             bool more, PacketTime now = 0, std::size_t wire_length = 0) {
    fragments_.Release();
    Fragment fragment;
    fragment.offset = static_cast<std::uint32_t>(offset);
    fragment.more = more;
    fragment.protocol = 6;
    fragment.bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
    fragment.wire_length = std::max(wire_length, bytes.size());
    Datagram whole;
    if (!fragments_.Add(key, fragment, now, whole)) return std::nullopt;
    return Whole{std::string(whole.bytes.begin(), whole.bytes.end()), whole.wire_length,
                 whole.protocol};
  }
  std::optional<Whole> Add(std::size_t offset, std::string_view bytes, bool more,
                           PacketTime now = 0) {
    return AddTo(Key(1), offset, bytes, more, now);
  }

  Ledger ledger_;
  Fragments fragments_{&ledger_};
};

TEST_F(FragmentsTest, InOrder) {
  const std::string text = Pattern(50);
  EXPECT_FALSE(Add(0, text.substr(0, 24), true));
  EXPECT_FALSE(Add(24, text.substr(24, 16), true));
  const auto whole = Add(40, text.substr(40), false);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, text);
  EXPECT_EQ(whole->wire_length, 50u);
  EXPECT_EQ(whole->protocol, 6);
}

TEST_F(FragmentsTest, EveryOrderOfFiveGivesTheSameBytes) {
  const std::string text = Pattern(37);
  std::size_t order[] = {0, 1, 2, 3, 4};
  std::uint32_t id = 0;
  do {
    ++id;
    std::optional<Whole> whole;
    for (const std::size_t piece : order) {
      ASSERT_FALSE(whole);
      whole = AddTo(Key(id), piece * 8, text.substr(piece * 8, 8), piece < 4);
    }
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->bytes, text);
  } while (std::next_permutation(std::begin(order), std::end(order)));
  EXPECT_EQ(ledger_.Get(Anomaly::kFragmentOverlap), 0u);
}

TEST_F(FragmentsTest, DuplicatesAreNoOverlap) {
  const std::string text = Pattern(24);
  EXPECT_FALSE(Add(0, text.substr(0, 16), true));
  EXPECT_FALSE(Add(0, text.substr(0, 16), true));
  EXPECT_FALSE(Add(8, text.substr(8, 8), true));
  const auto whole = Add(16, text.substr(16), false);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, text);
  EXPECT_EQ(ledger_.Get(Anomaly::kFragmentOverlap), 0u);
}

// PITFALLS 35, CVE-2024-32867: holes and overlaps.
TEST_F(FragmentsTest, TheFirstCopyOfAByteWinsAndTheOverlapIsCounted) {
  EXPECT_FALSE(Add(8, "BBBBBBBB", true));
  EXPECT_FALSE(Add(0, "aaaaaaaabbbbbbbbcccccccc", true));
  EXPECT_EQ(ledger_.Get(Anomaly::kFragmentOverlap), 1u);
  EXPECT_FALSE(Add(16, "CCCCCCCC", true));  // as long as one that is there, other bytes
  EXPECT_EQ(ledger_.Get(Anomaly::kFragmentOverlap), 2u);
  const auto whole = Add(24, "d", false);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, "aaaaaaaaBBBBBBBBccccccccd");
}

TEST_F(FragmentsTest, AHoleIsNeverFilledByItself) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true));
  EXPECT_FALSE(Add(16, "c", false));
  EXPECT_FALSE(Add(16, "c", false));
  EXPECT_FALSE(Add(0, "aaaaaaaa", true));
  fragments_.GiveUpAll();
  EXPECT_EQ(ledger_.Get(Loss::kFragmentExpired), 1u);
  EXPECT_EQ(ledger_.Get(Anomaly::kFragmentHole), 1u);
}

TEST_F(FragmentsTest, AMissingEndIsNoHole) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true));
  fragments_.GiveUpAll();
  EXPECT_EQ(ledger_.Get(Loss::kFragmentExpired), 1u);
  EXPECT_EQ(ledger_.Get(Anomaly::kFragmentHole), 0u);
}

TEST_F(FragmentsTest, FragmentsPastTheEndAreRefused) {
  EXPECT_FALSE(Add(8, "bbb", false));
  EXPECT_FALSE(Add(16, "cccccccc", true));
  EXPECT_FALSE(Add(8, "bbbb", false));
  EXPECT_FALSE(Add(8, "bb", false));
  EXPECT_FALSE(Add(8, "bbbbbbbb", true));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentTooLarge), 4u);
  const auto whole = Add(0, "aaaaaaaa", true);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, "aaaaaaaabbb");
}

TEST_F(FragmentsTest, AnEndBeforeWhatWasSeenIsRefused) {
  EXPECT_FALSE(Add(8, "bbbbbbbb", true));
  EXPECT_FALSE(Add(0, "aaaaaaaa", false));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentTooLarge), 1u);
}

TEST_F(FragmentsTest, OffsetsPast64KiBAreRefused) {
  EXPECT_FALSE(Add(65528, "12345678", true));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentTooLarge), 1u);
  EXPECT_EQ(fragments_.datagrams(), 0u);
  EXPECT_FALSE(Add(65528, "1234567", false));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentTooLarge), 1u);
}

TEST_F(FragmentsTest, TheLargestDatagramIsReassembled) {
  const std::string text = Pattern(65535);
  for (std::size_t at = 0; at < 64 * 1024 - 1024; at += 1024) {
    ASSERT_FALSE(Add(at, text.substr(at, 1024), true));
  }
  const auto whole = Add(64512, text.substr(64512), false);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, text);
}

TEST_F(FragmentsTest, EmptyFragmentsAreMalformed) {
  EXPECT_FALSE(Add(8, "", false));
  EXPECT_FALSE(Add(0, "", true));
  EXPECT_EQ(ledger_.Get(Loss::kDecodeMalformed), 2u);
  EXPECT_EQ(fragments_.datagrams(), 0u);
}

TEST_F(FragmentsTest, AnUnevenMiddleIsShortenedInIpv4AndRefusedInIpv6) {
  EXPECT_FALSE(Add(0, "aaaaaaaaXYZ", true));
  const auto whole = Add(8, "end", false);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, "aaaaaaaaend");
  EXPECT_FALSE(AddTo(Key(2, true), 0, "aaaaaaaaXYZ", true));
  EXPECT_EQ(ledger_.Get(Loss::kDecodeMalformed), 1u);
}

TEST_F(FragmentsTest, BytesCutByTheCaptureShortenThePrefix) {
  EXPECT_FALSE(AddTo(Key(1), 0, "aaaaaaaabbb", true, 0, 16));
  const auto whole = AddTo(Key(1), 16, "cccc", false);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, "aaaaaaaabbb");
  EXPECT_EQ(whole->wire_length, 20u);
}

TEST_F(FragmentsTest, AFragmentOfWhichNothingWasCapturedCutsThere) {
  EXPECT_FALSE(AddTo(Key(1), 8, "", false, 0, 12));
  const auto whole = AddTo(Key(1), 0, "aaaaaaaa", true);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, "aaaaaaaa");
  EXPECT_EQ(whole->wire_length, 20u);
}

TEST_F(FragmentsTest, KeysAreComparedInFull) {
  std::vector<DatagramKey> keys(6, Key(1));
  keys[1].id = 2;
  keys[2].protocol = 17;
  keys[3].source = *IpAddress::Parse("192.0.2.3");
  keys[4].destination = *IpAddress::Parse("192.0.2.1");
  keys[5].is_v6 = true;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_FALSE(AddTo(keys[i], 0, std::string(8, static_cast<char>('a' + i)), true));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto whole = AddTo(keys[i], 8, "!", false);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->bytes, std::string(8, static_cast<char>('a' + i)) + "!");
  }
}

TEST_F(FragmentsTest, ALateDuplicateOfACompleteDatagramOpensNoNewOne) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true));
  ASSERT_TRUE(Add(8, "b", false));
  EXPECT_FALSE(Add(8, "b", false, kMillisecond));
  EXPECT_FALSE(Add(0, "aaaaaaaa", true, kMillisecond));
  fragments_.GiveUpAll();
  EXPECT_EQ(ledger_.Get(Loss::kFragmentExpired), 0u);
}

// PITFALLS 35, CVE-2024-37151.
TEST_F(FragmentsTest, AnIdentificationUsedAgainGivesTheNewBytes) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true));
  EXPECT_EQ(Add(8, "b", false)->bytes, "aaaaaaaab");
  EXPECT_FALSE(Add(0, "cccccccc", true, kMillisecond));
  EXPECT_EQ(Add(8, "d", false, kMillisecond)->bytes, "ccccccccd");
  EXPECT_FALSE(Add(8, "f", false, 2 * kMillisecond));
  EXPECT_EQ(Add(0, "eeeeeeee", true, 2 * kMillisecond)->bytes, "eeeeeeeef");
  // The same bytes much later are a new datagram too.
  EXPECT_FALSE(Add(0, "eeeeeeee", true, 5 * kSecond));
  EXPECT_EQ(Add(8, "f", false, 5 * kSecond)->bytes, "eeeeeeeef");
}

TEST_F(FragmentsTest, AnIdentificationUsedAgainAfterTheTimeOutNeverMixes) {
  EXPECT_FALSE(Add(0, "old-old-", true, kSecond));
  EXPECT_FALSE(Add(8, "new", false, 40 * kSecond));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentExpired), 1u);
  EXPECT_EQ(Add(0, "new-new-", true, 40 * kSecond)->bytes, "new-new-new");
}

TEST_F(FragmentsTest, TheTimeOutIs30SecondsOfPacketTime) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true, kSecond));
  EXPECT_TRUE(Add(8, "b", false, 31 * kSecond));
  EXPECT_FALSE(AddTo(Key(2), 0, "aaaaaaaa", true, 40 * kSecond));
  EXPECT_FALSE(AddTo(Key(2), 8, "b", false, 72 * kSecond));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentExpired), 1u);
}

TEST_F(FragmentsTest, ExtremePacketTimesAreHarmless) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true, std::numeric_limits<PacketTime>::min()));
  EXPECT_FALSE(Add(0, "aaaaaaaa", true, std::numeric_limits<PacketTime>::max()));
  EXPECT_FALSE(Add(0, "aaaaaaaa", true, 0));
  EXPECT_FALSE(Add(0, "aaaaaaaa", true, std::numeric_limits<PacketTime>::min()));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentExpired), 3u);
}

TEST_F(FragmentsTest, TheOldestIncompleteDatagramGivesWay) {
  for (std::uint32_t id = 0; id < Fragments::kMaxDatagrams; ++id) {
    EXPECT_FALSE(AddTo(Key(id), 0, "aaaaaaaa", true));
  }
  EXPECT_EQ(ledger_.Get(Loss::kFragmentEvicted), 0u);
  EXPECT_FALSE(AddTo(Key(100'000), 0, "aaaaaaaa", true));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentEvicted), 1u);
  EXPECT_EQ(fragments_.datagrams(), Fragments::kMaxDatagrams);
  EXPECT_TRUE(AddTo(Key(1), 8, "b", false));
  EXPECT_FALSE(AddTo(Key(0), 8, "b", false));  // it was the one
}

TEST_F(FragmentsTest, CompleteDatagramsGiveWayBeforeIncompleteOnes) {
  EXPECT_FALSE(AddTo(Key(0), 0, "aaaaaaaa", true));
  for (std::uint32_t id = 1; id < 2000; ++id) {
    EXPECT_FALSE(AddTo(Key(id), 0, "aaaaaaaa", true));
    EXPECT_TRUE(AddTo(Key(id), 8, "b", false));
  }
  EXPECT_TRUE(AddTo(Key(0), 8, "b", false));
  EXPECT_EQ(ledger_.Get(Loss::kFragmentEvicted), 0u);
}

TEST_F(FragmentsTest, TheBytesOfAllBuffersStayBelowTheirCap) {
  for (std::uint32_t id = 0; id < 1000; ++id) {
    EXPECT_FALSE(AddTo(Key(id), 65000, "aaaaaaaa", true));
    EXPECT_LE(fragments_.bytes(), Fragments::kMaxBytes);
    EXPECT_LE(fragments_.datagrams(), Fragments::kMaxDatagrams);
  }
  EXPECT_EQ(ledger_.Get(Loss::kFragmentEvicted), 1000 - Fragments::kMaxBytes / 65536);
  fragments_.GiveUpAll();
  EXPECT_EQ(fragments_.bytes(), 0u);
  EXPECT_EQ(fragments_.datagrams(), 0u);
}

TEST_F(FragmentsTest, ADatagramHandedOutIsNotEvictedBeforeRelease) {
  EXPECT_FALSE(Add(0, "aaaaaaaa", true));
  Fragment last;
  last.offset = 8;
  last.protocol = 6;
  const std::string text = "tail";
  last.bytes = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  last.wire_length = text.size();
  Datagram whole;
  ASSERT_TRUE(fragments_.Add(Key(1), last, 0, whole));
  Fragment flood = last;
  flood.offset = 65000;
  Datagram none;
  for (std::uint32_t id = 10; id < 1000; ++id)
    EXPECT_FALSE(fragments_.Add(Key(id), flood, 0, none));
  // Not even by a fragment of its own key.
  last.bytes = last.bytes.first(2);
  last.wire_length = 2;
  EXPECT_FALSE(fragments_.Add(Key(1), last, 0, none));
  EXPECT_EQ(ledger_.Get(Loss::kDecodeMalformed), 1u);
  EXPECT_EQ(std::string(whole.bytes.begin(), whole.bytes.end()), "aaaaaaaatail");
}

}  // namespace
}  // namespace backscatter
