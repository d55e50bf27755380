#include "agent/source/pcapng_reader.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Bytes;
using testing::Collector;
using testing::Concat;
using testing::Frame;
using ::testing::HasSubstr;
using testing::Order;
using testing::PcapngBuilder;
using ::testing::StartsWith;
using testing::Text;
using testing::Writer;

constexpr PacketTime kEarliest = std::numeric_limits<PacketTime>::min();
constexpr PacketTime kLatest = std::numeric_limits<PacketTime>::max();

struct Reading {
  Collector sink;
  SourceStats stats;
  absl::Status status;
};

// Every capture is read through a tiny (for large ones a small) and a large buffer, one packet a
// call and many: the results must be the same.
Reading ReadAll(const Bytes& bytes) {
  Reading readings[2];
  const std::size_t tiny = bytes.size() < 100'000 ? 1 : 4096;
  for (const std::size_t i : {0U, 1U}) {
    const auto stream = ByteStream::FromMemory(bytes, i == 0 ? tiny : std::size_t{1} << 20);
    PcapngReader reader(stream.get(), 3);
    for (;;) {
      const auto result = reader.Read(readings[i].sink, i == 0 ? 1 : 1000);
      readings[i].status = result.status();
      if (!result.ok() || *result == PollResult::kEnded) break;
    }
    readings[i].stats = reader.stats();
    EXPECT_EQ(reader.stats().packets, readings[i].sink.packets.size());
  }
  EXPECT_EQ(readings[0].status, readings[1].status);
  EXPECT_EQ(readings[0].sink.Times(), readings[1].sink.Times());
  return readings[1];
}

class PcapngOrders : public ::testing::TestWithParam<Order> {};
INSTANTIATE_TEST_SUITE_P(BothByteOrders, PcapngOrders,
                         ::testing::Values(Order::kLittle, Order::kBig));

TEST_P(PcapngOrders, PacketsOfEveryBlockTypeKeepTheirInterface) {
  PcapngBuilder builder(GetParam());
  builder.Section().Interface(1, 1'000).Interface(276);
  builder.Enhanced(1, 1'700'000'000'000'001, Frame(61, 1), 99);
  builder.Obsolete(0, 1'700'000'000'000'002, Frame(62, 2));
  builder.Simple(63, Frame(63, 3));
  builder.Enhanced(0, 1'700'000'000'000'004, Frame(64, 4), {}, builder.Option(1, {'h', 'i'}));
  const Reading read = ReadAll(builder.bytes());
  ASSERT_TRUE(read.status.ok()) << Text(read.status);
  ASSERT_EQ(read.sink.packets.size(), 4U);
  const auto& packets = read.sink.packets;
  EXPECT_EQ(packets[0].bytes, Frame(61, 1));
  EXPECT_EQ(packets[0].packet.wire_length, 99U);
  EXPECT_EQ(packets[0].packet.link_type, LinkType::kLinuxSll2);
  EXPECT_EQ(packets[0].packet.origin, 3U);
  EXPECT_EQ(packets[0].packet.captured_at, 1'700'000'000'000'001'000);
  EXPECT_EQ(packets[1].bytes, Frame(62, 2));
  EXPECT_EQ(packets[1].packet.link_type, LinkType::kEthernet);
  EXPECT_EQ(packets[1].packet.captured_at, 1'700'000'000'000'002'000);
  EXPECT_EQ(packets[2].bytes, Frame(63, 3));
  EXPECT_EQ(packets[2].packet.captured_at, 1'700'000'000'000'002'000) << "SPB: the time before it";
  EXPECT_EQ(packets[3].bytes, Frame(64, 4));
  EXPECT_EQ(read.stats.link_types, (std::vector<std::uint32_t>{276, 1}));
  EXPECT_EQ(read.stats.bytes, 250U);
}

TEST_P(PcapngOrders, ResolutionsAndOffsetsAreThoseOfTheInterface) {
  PcapngBuilder builder(GetParam());
  const auto resolution = [&](std::uint8_t value) { return builder.Option(9, {value}); };
  builder.Section();
  builder.Interface(1, 0, Concat(builder.Option(2, {'e', 't', 'h', '0', '!'}), resolution(9)));
  builder.Interface(1, 0, resolution(3));
  builder.Interface(1, 0, resolution(0x80 | 10));  // 1/1024 s
  builder.Interface(1, 0, Concat(builder.OffsetOption(-100), resolution(0)));
  builder.Interface(1, 0, Concat(resolution(12), builder.OffsetOption(7)));
  builder.Enhanced(0, 1'234'567'890'123, Frame(1, 0)).Enhanced(1, 5'001, Frame(1, 0));
  builder.Enhanced(2, 1'536, Frame(1, 0)).Enhanced(3, 101, Frame(1, 0));
  builder.Enhanced(4, 2'000'000'000'999, Frame(1, 0));
  const Reading read = ReadAll(builder.bytes());
  ASSERT_TRUE(read.status.ok()) << Text(read.status);
  EXPECT_EQ(read.sink.Times(),
            (std::vector<PacketTime>{1'234'567'890'123, 5'001 * kMillisecond, 1'500 * kMillisecond,
                                     1 * kSecond, 9 * kSecond}));
}

TEST(PcapngClock, NeverOverflows) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(PcapngClock::FromResolution(0).ToPacketTime(kAll), kLatest);
  EXPECT_EQ(PcapngClock::FromResolution(0x80).ToPacketTime(kAll), kLatest);
  EXPECT_EQ(PcapngClock::FromResolution(0xff).ToPacketTime(kAll), 0);
  EXPECT_EQ(PcapngClock::FromResolution(127).ToPacketTime(kAll), 0);
  EXPECT_EQ(PcapngClock::FromResolution(28).ToPacketTime(kAll), 1);  // 10^-28 s
  EXPECT_EQ(PcapngClock::FromResolution(29).ToPacketTime(kAll), 0);
  EXPECT_EQ(PcapngClock::FromResolution(0x80 | 64).ToPacketTime(kAll), 999'999'999);
  PcapngClock clock;
  clock.offset_seconds = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(clock.ToPacketTime(kAll), kEarliest);
  clock.offset_seconds = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(clock.ToPacketTime(kAll), kLatest);
}

TEST(PcapngReader, EachSectionHasItsOwnByteOrderAndInterfaces) {
  PcapngBuilder builder(Order::kLittle);
  builder.Section().Interface(1).Interface(101).Enhanced(1, 1, Frame(5, 1));
  builder.Section(Order::kBig).Interface(113).Enhanced(0, 2, Frame(6, 2));
  builder.Section(Order::kLittle).Interface(1, 0, builder.Option(9, {9}));
  builder.Enhanced(0, 3'000, Frame(7, 3));
  const Reading read = ReadAll(builder.bytes());
  ASSERT_TRUE(read.status.ok()) << Text(read.status);
  EXPECT_EQ(read.sink.Times(), (std::vector<PacketTime>{1'000, 2'000, 3'000}));
  EXPECT_EQ(read.stats.link_types, (std::vector<std::uint32_t>{101, 113, 1}));
}

TEST(PcapngReader, OtherBlocksAreSkippedWhateverTheirSize) {
  PcapngBuilder builder;
  builder.Section().Interface(1);
  builder.Block(4, Frame(100, 0)).Block(5, Frame(8, 0)).Block(0x8000'0001, Frame(0, 0));
  builder.Block(0xbad, Frame(PcapngReader::kMaxBlock + 4, 0)).Enhanced(0, 1, Frame(5, 1));
  const Reading read = ReadAll(builder.bytes());
  EXPECT_TRUE(read.status.ok()) << Text(read.status);
  EXPECT_EQ(read.sink.packets.size(), 1U);
}

TEST(PcapngReader, ASimplePacketEndsAtTheSnaplenOfInterface0) {
  PcapngBuilder builder;
  builder.Section().Interface(1, 10).Simple(1'500, Frame(12, 1));
  const Reading read = ReadAll(builder.bytes());
  ASSERT_EQ(read.sink.packets.size(), 1U);
  EXPECT_EQ(read.sink.packets[0].bytes.size(), 10U);
  EXPECT_EQ(read.sink.packets[0].packet.wire_length, 1'500U);
}

TEST(PcapngReader, APacketOfAnUnknownInterfaceIsSkippedAndReportedAtTheEnd) {
  PcapngBuilder builder;
  builder.Section().Interface(1).Enhanced(0, 1, Frame(4, 1));
  const std::size_t bad = builder.bytes().size();
  builder.Enhanced(1, 2, Frame(4, 2)).Enhanced(0xffff'ffff, 3, Frame(4, 3));
  builder.Enhanced(0, 4, Frame(4, 4));
  builder.Section().Simple(4, Frame(4, 5));
  const Reading read = ReadAll(builder.bytes());
  EXPECT_EQ(read.sink.Times(), (std::vector<PacketTime>{1'000, 4'000}));
  EXPECT_THAT(Text(read.status), StartsWith("offset " + std::to_string(bad) + ": "));
  EXPECT_THAT(Text(read.status), HasSubstr("3 such packets were skipped"));
}

TEST(PcapngReader, InterfacesUpToTheLimitAreKeptAndOneMoreIsAnError) {
  PcapngBuilder builder;
  builder.Section();
  for (std::size_t i = 0; i < PcapngReader::kMaxInterfaces; ++i) builder.Interface(101);
  builder.Enhanced(PcapngReader::kMaxInterfaces - 1, 1, Frame(4, 1));
  EXPECT_TRUE(ReadAll(builder.bytes()).status.ok());
  const Reading read = ReadAll(builder.Interface(1).bytes());
  EXPECT_EQ(read.sink.packets.size(), 1U);
  EXPECT_THAT(Text(read.status), HasSubstr("more than 65536 interfaces"));
}

TEST(PcapngReader, TheListOfLinkTypesIsBounded) {
  PcapngBuilder builder;
  builder.Section();
  for (std::uint16_t i = 0; i < 200; ++i) {
    builder.Interface(static_cast<std::uint16_t>(1'000 + i)).Enhanced(i, 1, Frame(4, 1));
  }
  const Reading read = ReadAll(builder.bytes());
  EXPECT_EQ(read.sink.packets.size(), 200U);
  EXPECT_EQ(read.stats.link_types.size(), SourceStats::kMaxLinkTypes);
}

TEST(PcapngReader, CutAnywhereDeliversTheWholeBlocksBeforeAndNamesTheOffset) {
  PcapngBuilder builder;
  builder.Section().Interface(1).Enhanced(0, 1, Frame(40, 1));
  const std::size_t second = builder.bytes().size();
  const Bytes whole = builder.Enhanced(0, 2, Frame(41, 2)).bytes();
  for (std::size_t cut = second + 1; cut < whole.size(); ++cut) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    const Reading read = ReadAll(part);
    EXPECT_EQ(read.sink.packets.size(), 1U);
    EXPECT_THAT(Text(read.status), StartsWith("offset " + std::to_string(second) + ": the file "));
  }
}

// A damaged block after a good packet: its error, and the packet all the same.
std::string ErrorOf(const Bytes& damage) {
  PcapngBuilder builder;
  builder.Section().Interface(1).Enhanced(0, 1, Frame(4, 1));
  const std::size_t at = builder.bytes().size();
  const Reading read = ReadAll(builder.Raw(damage).bytes());
  EXPECT_EQ(read.sink.packets.size(), 1U);
  EXPECT_EQ(read.status.code(), absl::StatusCode::kDataLoss);
  const std::string where = "offset " + std::to_string(at) + ": ";
  const std::string text = Text(read.status);
  EXPECT_THAT(text, StartsWith(where));
  return text.substr(std::min(text.size(), where.size()));
}

TEST(PcapngReader, DamagedBlocksAreErrorsWithTheirReason) {
  const auto block = [](std::uint32_t type, const Bytes& body) {
    return PcapngBuilder().Block(type, body).bytes();
  };
  EXPECT_THAT(ErrorOf(Writer().U32(6).U32(8).U32(8).bytes()), HasSubstr("length of 8 bytes"));
  EXPECT_THAT(ErrorOf(Writer().U32(6).U32(0xffff'fffc).U32(0).bytes()),
              HasSubstr("a block of type 6 claims 4294967292 bytes"));
  EXPECT_THAT(ErrorOf(Writer().U32(77).U32(0xffff'fffc).U32(0).bytes()),
              HasSubstr("the file ends 12 bytes into a block of 4294967292"));
  EXPECT_THAT(ErrorOf(Writer().U32(77).U32(16).U32(0).U32(20).bytes()),
              HasSubstr("a block of 16 bytes ends with the length 20"));
  EXPECT_THAT(ErrorOf(Writer().U32(1).U32(20).U32(1).U32(0).U32(24).bytes()),
              HasSubstr("a block of 20 bytes ends with the length 24"));
  EXPECT_THAT(ErrorOf(block(6, Frame(16, 0))), HasSubstr("a packet block that is too short"));
  EXPECT_THAT(ErrorOf(block(2, Frame(16, 0))), HasSubstr("a packet block that is too short"));
  EXPECT_THAT(ErrorOf(block(3, {})), HasSubstr("a simple packet block that is too short"));
  EXPECT_THAT(ErrorOf(block(3, Writer().U32(9).Raw(Frame(8, 0)).bytes())),
              HasSubstr("a packet claims 9 captured bytes in a block with 8"));
  EXPECT_THAT(ErrorOf(block(6, Writer().U64(0).U32(0).U32(0xffff'ffff).U32(4).U32(0).bytes())),
              HasSubstr("a packet claims 4294967295 captured bytes in a block with 4"));
  EXPECT_THAT(ErrorOf(block(1, Frame(4, 0))), HasSubstr("interface description that is too short"));
  EXPECT_THAT(ErrorOf(block(0x0a0d0d0a, Writer().U32(0x11223344).U64(0).bytes())),
              HasSubstr("byte-order magic 0x11223344"));
  EXPECT_THAT(ErrorOf(block(0x0a0d0d0a, Writer().U32(0x1a2b3c4d).U32(1).bytes())),
              HasSubstr("a section header that is too short"));
  EXPECT_THAT(ErrorOf(block(0x0a0d0d0a, Writer().U32(0x1a2b3c4d).U16(2).U16(0).U64(0).bytes())),
              HasSubstr("version 2.0"));
  const auto interface = [&](const Bytes& options) {
    return block(1, Writer().U32(1).U32(0).Raw(options).bytes());
  };
  EXPECT_THAT(ErrorOf(interface(Writer().U16(2).U16(400).U32(0).bytes())),
              HasSubstr("reaches past its block"));
  EXPECT_THAT(ErrorOf(interface(Writer().U16(9).U16(2).U32(0).bytes())), HasSubstr("if_tsresol"));
  EXPECT_THAT(ErrorOf(interface(Writer().U16(14).U16(4).U32(0).bytes())), HasSubstr("if_tsoffset"));
}

TEST(PcapngReader, WhatDoesNotBeginWithASectionIsNotRead) {
  const Reading read = ReadAll(PcapngBuilder().Interface(1).bytes());
  EXPECT_THAT(Text(read.status), HasSubstr("does not begin with a section header"));
}

}  // namespace
}  // namespace backscatter
