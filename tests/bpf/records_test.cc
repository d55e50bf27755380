// From records to segments; no kernel is needed.
#include <cstring>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "agent/source/bpf_prefixes.h"
#include "agent/source/bpf_records.h"

namespace backscatter::bpf_test {
namespace {

class Segments final : public PacketSink {
 public:
  void OnPacket(const Packet&) override {}
  void OnSegment(const Segment& segment) override { all.push_back(segment); }
  void OnLoss(Loss, std::uint64_t) override {}
  std::vector<Segment> all;
};

class Records : public testing::Test {
 protected:
  void SetUp() override { records_.Begin(&seen_, 1000); }
  // Of a session of its own by `port`.
  void Tell(bool from_client, std::uint32_t cut_from, std::uint32_t cut_end,
            std::uint16_t port = 4711) {
    bs_record record = {};
    record.at = 5;
    record.source[15] = from_client ? 1 : 2;
    record.destination[15] = from_client ? 2 : 1;
    record.source_port = from_client ? port : 25;
    record.destination_port = from_client ? 25 : port;
    record.sequence = 77;
    record.acknowledgment = 88;
    record.cut_from = cut_from;
    record.cut_length = cut_end - cut_from;
    record.threshold = 0x7fffffff;
    record.flags = tcp_flags::kAck;
    record.from_client = from_client ? 1 : 0;
    records_.OnRecord(record, {});
  }
  // The ranges told since the last call.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> Cuts() {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> cuts;
    for (const Segment& segment : seen_.all) {
      if (segment.cut) {
        cuts.emplace_back(segment.sequence, segment.sequence + segment.payload_wire_length);
      }
    }
    seen_.all.clear();
    return cuts;
  }
  using Ranges = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

  Segments seen_;
  BpfRecords records_;
};

TEST_F(Records, ASegmentHasAllThatTheRecordSays) {
  Tell(true, 0, 0);
  ASSERT_EQ(seen_.all.size(), 1u);
  const Segment& segment = seen_.all[0];
  EXPECT_EQ(segment.source.ToString(), "[::1]:4711");
  EXPECT_EQ(segment.destination.ToString(), "[::2]:25");
  EXPECT_EQ(segment.sequence, 77u);
  EXPECT_EQ(segment.acknowledgment, 88u);
  EXPECT_EQ(segment.captured_at, 1005);
  EXPECT_DOUBLE_EQ(segment.weight, 2.0);
  EXPECT_FALSE(segment.cut);
}

TEST_F(Records, ACutComesBeforeTheRecordThatTellsItAndIsTheClients) {
  Tell(false, 100, 300);
  ASSERT_EQ(seen_.all.size(), 2u);
  const Segment& cut = seen_.all[0];
  EXPECT_TRUE(cut.cut);
  EXPECT_EQ(cut.source.ToString(), "[::1]:4711");
  EXPECT_EQ(cut.sequence, 100u);
  EXPECT_EQ(cut.payload_wire_length, 200u);
  EXPECT_TRUE(cut.payload.empty());
  EXPECT_FALSE(cut.has(tcp_flags::kAck));
}

TEST_F(Records, EachByteOfACutIsToldOnce) {
  Tell(true, 100, 300);
  Tell(false, 100, 300);
  EXPECT_EQ(Cuts(), (Ranges{{100, 300}}));
  Tell(false, 100, 500);
  Tell(true, 100, 400);  // was written before, came later
  EXPECT_EQ(Cuts(), (Ranges{{300, 500}}));
  Tell(true, 700, 900);
  EXPECT_EQ(Cuts(), (Ranges{{700, 900}}));
}

TEST_F(Records, ACutWhoseBeginningWasFoundLaterIsToldWhole) {
  Tell(true, 200, 300);
  Tell(true, 100, 300);
  EXPECT_EQ(Cuts(), (Ranges{{200, 300}, {100, 300}}));
}

TEST_F(Records, ACutOverTheWrapOfSequenceNumbers) {
  Tell(true, 0xfffffff0, 0x10);
  Tell(true, 0xfffffff0, 0x30);
  EXPECT_EQ(Cuts(), (Ranges{{0xfffffff0, 0x10}, {0x10, 0x30}}));
}

TEST_F(Records, SessionsDoNotMix) {
  for (std::uint16_t port = 1000; port < 6000; ++port) Tell(true, 100, 300, port);
  EXPECT_EQ(Cuts().size(), 5000u);
}

TEST_F(Records, AboutAsManySessionsAreRememberedAsTheKernelHasStateOf) {
  for (std::uint16_t port = 1000; port < 6000; ++port) Tell(true, 100, 300, port);
  Cuts();
  for (std::uint16_t port = 1000; port < 6000; ++port) Tell(false, 100, 300, port);
  EXPECT_LT(Cuts().size(), 1000u);
}

TEST_F(Records, TheFirstIsTheEarliestAndTheLastTheLatest) {
  EXPECT_EQ(records_.first(), 0);
  for (const std::uint64_t at : {50U, 40U, 70U, 60U}) {
    bs_record record = {};
    record.at = at;
    records_.OnRecord(record, {});
  }
  EXPECT_EQ(records_.first(), 1040);
  EXPECT_EQ(records_.last(), 1070);
}

TEST(BpfPrefixes, NetworksOfBothFamiliesAreInOneTable) {
  const auto keys =
      BpfPrefixKeys({*IpNetwork::Parse("203.0.113.0/24"), *IpNetwork::Parse("2001:db8::/32"),
                     *IpNetwork::Parse("203.0.113.0/24")});
  ASSERT_EQ(keys.size(), 2u);
  std::vector<std::uint32_t> bits;
  for (const BpfPrefixKey& key : keys) {
    bs_prefix prefix;
    std::memcpy(&prefix, key.data(), sizeof prefix);
    bits.push_back(prefix.bits);
  }
  EXPECT_EQ(bits, (std::vector<std::uint32_t>{32, 120}));
}

TEST(BpfPrefixes, WordsThatTheTableCannotHoldAreLeftOut) {
  std::size_t too_long = 0;
  const auto keys = BpfDaemonKeys(
      {"mailer-daemon", "", std::string(64, 'x'), std::string(65, 'x'), "MAILER-DAEMON"},
      &too_long);
  ASSERT_EQ(keys.size(), 2u);
  std::multiset<std::uint32_t> lengths;
  for (const auto& [key, length] : keys) lengths.insert(length);
  EXPECT_EQ(lengths, (std::multiset<std::uint32_t>{13, 64}));
  EXPECT_EQ(too_long, 1u);
}

}  // namespace
}  // namespace backscatter::bpf_test
