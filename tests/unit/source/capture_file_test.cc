#include "agent/source/capture_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/source/link_type_name.h"
#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Bytes;
using testing::Collector;
using testing::Drain;
using testing::Frame;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::Order;
using testing::PcapBuilder;
using testing::PcapHeader;
using testing::PcapngBuilder;
using ::testing::StartsWith;
using testing::TempDir;
using testing::Text;
using testing::Writer;

constexpr std::uint32_t kMicro = 0xa1b2c3d4;
constexpr std::uint32_t kNano = 0xa1b23c4d;
constexpr std::uint32_t kModified = 0xa1b2cd34;

std::unique_ptr<CaptureFile> Memory(const Bytes& bytes) {
  auto file = CaptureFile::FromStream("x", ByteStream::FromMemory(bytes), 5);
  EXPECT_TRUE(file.ok()) << Text(file.status());
  return file.ok() ? *std::move(file) : nullptr;
}

std::string OpenError(const std::string& path) {
  const auto file = OpenCaptureFile(path, 0);
  EXPECT_FALSE(file.ok());
  return Text(file.status());
}

TEST(PcapFile, EachMagicInEachByteOrderGivesTheSamePackets) {
  for (const Order order : {Order::kLittle, Order::kBig}) {
    for (const std::uint32_t magic : {kMicro, kNano, kModified}) {
      const std::uint32_t unit = magic == kNano ? 1 : 1'000;
      const Bytes bytes = PcapBuilder({.magic = magic, .order = order, .link_word = 113})
                              .Record(1'700'000'000, 123'456, Frame(60, 1))
                              .Record(1'700'000'001, 999'999, Frame(0, 0))
                              .Record(1'700'000'002, 0, Frame(1'500, 2))
                              .bytes();
      const auto file = Memory(bytes);
      Collector sink;
      ASSERT_TRUE(Drain(*file, sink).ok());
      ASSERT_EQ(sink.packets.size(), 3U);
      EXPECT_EQ(sink.packets[0].packet.captured_at, 1'700'000'000 * kSecond + 123'456 * unit);
      EXPECT_EQ(sink.packets[0].bytes, Frame(60, 1));
      EXPECT_EQ(sink.packets[0].packet.link_type, LinkType::kLinuxSll);
      EXPECT_EQ(sink.packets[0].packet.origin, 5U);
      EXPECT_EQ(sink.packets[1].bytes.size(), 0U);
      EXPECT_EQ(sink.packets[2].bytes, Frame(1'500, 2));
      const SourceStats stats = file->Stats();
      EXPECT_EQ(stats.bytes, 1'560U);
      EXPECT_EQ(stats.first, 1'700'000'000 * kSecond + 123'456 * unit);
      EXPECT_EQ(stats.last, 1'700'000'002 * kSecond);
      EXPECT_EQ(stats.input_bytes, bytes.size());
      EXPECT_EQ(stats.link_types, std::vector<std::uint32_t>{113});
    }
  }
}

TEST(PcapFile, TimesAfter2038AreNotIn1901) {
  for (const Order order : {Order::kLittle, Order::kBig}) {
    const Bytes bytes = PcapBuilder({.order = order}).Record(0xffff'fff0U, 7, Frame(4, 1)).bytes();
    Collector sink;
    ASSERT_TRUE(Drain(*Memory(bytes), sink).ok());
    EXPECT_EQ(sink.packets[0].packet.captured_at, 0xffff'fff0 * kSecond + 7'000);
  }
}

// libpcap answers pcap_datalink() with DLT_ values of its host (RAW is 12, not 101), and old files
// carry such values; the upper bits hold the length of the FCS, or a class.
TEST(PcapFile, LinkTypesAreThoseOfTheFileWhateverStandsInTheUpperBits) {
  const std::pair<std::uint32_t, LinkType> cases[] = {{1, LinkType::kEthernet},
                                                      {101, LinkType::kRaw},
                                                      {12, LinkType::kRaw},
                                                      {14, LinkType::kRaw},
                                                      {108, LinkType::kLoop},
                                                      {0, LinkType::kNull},
                                                      {0x4400'0001, LinkType::kEthernet},
                                                      {0x0224'0065, LinkType::kRaw},
                                                      {276, LinkType::kLinuxSll2},
                                                      {50, LinkType::kPppHdlc},
                                                      {51, LinkType::kPppEther},
                                                      {239, LinkType::kNflog},
                                                      {104, static_cast<LinkType>(104)},
                                                      {0xfedc, static_cast<LinkType>(0xfedc)}};
  for (const auto& [word, expected] : cases) {
    for (const Order order : {Order::kLittle, Order::kBig}) {
      Collector sink;
      const Bytes bytes =
          PcapBuilder({.order = order, .link_word = word}).Record(1, 0, Frame(9, 1)).bytes();
      ASSERT_TRUE(Drain(*Memory(bytes), sink).ok());
      EXPECT_EQ(sink.packets[0].packet.link_type, expected) << word;
    }
  }
}

TEST(PcapFile, ARecordLongerThanTheSnaplenOfTheHeaderIsKeptWhole) {
  const Bytes bytes = PcapBuilder({.snaplen = 96}).Record(1, 0, Frame(1'500, 3)).bytes();
  Collector sink;
  ASSERT_TRUE(Drain(*Memory(bytes), sink).ok());
  EXPECT_EQ(sink.packets[0].bytes, Frame(1'500, 3));
}

TEST(PcapFile, CutPacketsAreCountedAndAShortWireLengthIsCorrected) {
  const Bytes bytes = PcapBuilder()
                          .Record(1, 0, Frame(60, 1), 1'514)
                          .Record(2, 0, Frame(60, 2), 10)
                          .Record(3, 0, Frame(60, 3), 60)
                          .bytes();
  Collector sink;
  ASSERT_TRUE(Drain(*Memory(bytes), sink).ok());
  EXPECT_EQ(sink.ledger.Get(Loss::kSourceTruncatedPackets), 1U);
  EXPECT_EQ(sink.packets[0].packet.wire_length, 1'514U);
  EXPECT_EQ(sink.packets[1].packet.wire_length, 60U);
}

TEST(PcapFile, CutInsideAnyRecordDeliversThoseBeforeAndNamesTheOffset) {
  const Bytes whole = PcapBuilder().Record(1, 0, Frame(20, 1)).Record(2, 0, Frame(30, 2)).bytes();
  const std::size_t second = 24 + 16 + 20;
  for (std::size_t cut = second + 1; cut < whole.size(); ++cut) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    const auto file = Memory(part);
    Collector sink;
    const absl::Status status = Drain(*file, sink);
    EXPECT_EQ(sink.packets.size(), 1U);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Text(status), StartsWith("x: offset 60: truncated"));
    EXPECT_THAT(Text(status), HasSubstr("(1 packet)"));
    EXPECT_EQ(file->Poll(sink, 0).status(), status) << "an error is final";
  }
}

TEST(PcapFile, ARecordThatClaimsGigabytesIsAnErrorAtItsOffset) {
  const Bytes bytes = Writer()
                          .Raw(PcapBuilder().Record(1, 0, Frame(20, 1)).bytes())
                          .U32(2)
                          .U32(0)
                          .U32(3'900'000'000U)
                          .U32(3'900'000'000U)
                          .Raw(Frame(100, 0))
                          .bytes();
  Collector sink;
  const absl::Status status = Drain(*Memory(bytes), sink);
  EXPECT_EQ(sink.packets.size(), 1U);
  EXPECT_THAT(Text(status), HasSubstr("offset 60: invalid packet capture length 3900000000"));
}

TEST(PcapFile, DamageInsideGzipDeliversWhatCameBefore) {
  PcapBuilder builder;
  for (std::uint32_t i = 0; i < 2'000; ++i) builder.Record(i, 0, Frame(100 + i % 7, 1));
  Bytes zipped = Gzip(builder.bytes());
  const auto whole = Memory(zipped);
  Collector all;
  ASSERT_TRUE(Drain(*whole, all).ok());
  EXPECT_EQ(all.packets.size(), 2'000U);
  EXPECT_EQ(whole->Stats().input_bytes, zipped.size());

  zipped.resize(zipped.size() / 2);
  Collector sink;
  const absl::Status status = Drain(*Memory(zipped), sink);
  EXPECT_GT(sink.packets.size(), 100U);
  EXPECT_LT(sink.packets.size(), 2'000U);
  EXPECT_THAT(Text(status), HasSubstr("compressed offset " + std::to_string(zipped.size())));
}

TEST(CaptureFile, GzipOfPcapngIsReadToo) {
  const Bytes zipped =
      Gzip(PcapngBuilder().Section().Interface(1).Enhanced(0, 5, Frame(60, 1)).bytes());
  Collector sink;
  ASSERT_TRUE(Drain(*Memory(zipped), sink).ok());
  EXPECT_EQ(sink.packets.size(), 1U);
}

TEST(CaptureFile, AHeaderAloneIsAnEmptyCaptureAndNoError) {
  for (const Bytes& bytes : {PcapBuilder().bytes(), PcapngBuilder().Section().bytes()}) {
    const auto file = Memory(bytes);
    Collector sink;
    EXPECT_TRUE(Drain(*file, sink).ok());
    EXPECT_EQ(file->Stats().packets, 0U);
    EXPECT_TRUE(file->Stats().link_types.empty());
  }
}

TEST(CaptureFile, BadInputNamesTheFileTheOffsetAndWhatToDo) {
  const TempDir dir;
  const std::string missing = dir.Path("missing.pcap");
  EXPECT_THAT(OpenError(missing), StartsWith(missing + ": cannot be opened: No such file"));
  EXPECT_EQ(OpenCaptureFile(missing, 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(OpenError(dir.Path()), HasSubstr("is a directory; name the capture files in it"));
  EXPECT_THAT(OpenError(dir.Write("empty", {})), HasSubstr("empty: offset 0: empty"));
  const Bytes text = {'h', 'e', 'l', 'l', 'o', '!', '!', '!', '!'};
  EXPECT_THAT(OpenError(dir.Write("text", text)),
              HasSubstr("text: offset 0: not a capture: it begins with 68 65 6c 6c"));
  EXPECT_THAT(OpenError(dir.Write("one", Bytes{0xd4})), HasSubstr("begins with d4;"));
  const Bytes zstd = {0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0};
  EXPECT_THAT(OpenError(dir.Write("zstd", zstd)), HasSubstr("zstd -dc FILE"));
  const Bytes twice = Gzip(Gzip(PcapBuilder().bytes()));
  EXPECT_THAT(OpenError(dir.Write("twice.gz", twice)), HasSubstr("compressed twice"));
  EXPECT_THAT(OpenError(dir.Write("void.gz", Gzip({}))), HasSubstr("offset 0: empty"));
  Bytes header = PcapBuilder().bytes();
  header.resize(13);
  EXPECT_THAT(OpenError(dir.Write("short", header)),
              HasSubstr("short: offset 13: the file ends inside its header of 24 bytes"));
  header = PcapBuilder().bytes();
  header[4] = 9;  // major version
  EXPECT_THAT(OpenError(dir.Write("version", header)), HasSubstr("libpcap cannot read it"));
}

TEST(CaptureFile, AnUnreadableFileSaysSo) {
  constexpr uid_t kNobody = 65534;
  const TempDir dir;
  const std::string path = dir.Write("secret.pcap", PcapBuilder().bytes());
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  const bool root = geteuid() == 0;  // who reads every file
  if (root && seteuid(kNobody) != 0) GTEST_SKIP() << "root cannot become another user here";
  const absl::Status status = OpenCaptureFile(path, 0).status();
  if (root && seteuid(0) != 0) FAIL() << "cannot become root again";
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Text(status), HasSubstr("Permission denied; make it readable"));
}

TEST(CaptureFile, AReadThatFailsIsAnErrorAndNotAnEmptyFile) {
  const std::string path = "/proc/self/mem";  // opens, but address 0 cannot be read
  if (access(path.c_str(), R_OK) != 0) GTEST_SKIP() << path << " is not readable here";
  EXPECT_THAT(OpenError(path), HasSubstr("cannot be read: Input/output error"));
}

TEST(CaptureFile, AFileCutWhileItIsReadByStopIsNotAnError) {
  PcapBuilder builder;
  for (std::uint32_t i = 0; i < 200'000; ++i) builder.Record(i, 0, Frame(100, 1));
  const TempDir dir;
  std::atomic<bool> stop{false};
  auto file = OpenCaptureFile(dir.Write("x.pcap", builder.bytes()), 0, {.stop = &stop});
  ASSERT_TRUE(file.ok());
  Collector sink;
  ASSERT_EQ((*file)->Poll(sink, 0).value(), PollResult::kProgressed);
  stop = true;
  EXPECT_TRUE(Drain(**file, sink).ok());
  EXPECT_TRUE((*file)->stopped());
  EXPECT_GE(sink.packets.size(), CaptureFile::kBatch);
  EXPECT_LT(sink.packets.size(), 200'000U);
}

TEST(CaptureFile, ProgressNeverRunsBackwardsAndEndsAtTheSize) {
  PcapBuilder builder;
  for (std::uint32_t i = 0; i < 30'000; ++i) builder.Record(i, 0, Frame(100, 1));
  const TempDir dir;
  auto file = OpenCaptureFile(dir.Write("x.pcap", builder.bytes()), 0);
  ASSERT_TRUE(file.ok());
  Collector sink;
  std::uint64_t before = 0;
  while ((*file)->Poll(sink, 0).value() == PollResult::kProgressed) {
    const SourceStats stats = (*file)->Stats();
    EXPECT_GE(stats.input_bytes, before);
    EXPECT_LE(stats.input_bytes, stats.input_size);
    before = stats.input_bytes;
  }
  EXPECT_EQ((*file)->Stats().input_bytes, builder.bytes().size());
}

TEST(CaptureFile, TheLastPacketOfABatchStaysReadableUntilTheNextCall) {
  struct Holder final : PacketSink {
    void OnPacket(const Packet& packet) override { held = packet; }
    void OnLoss(Loss, std::uint64_t) override {}
    Packet held;
  };
  const Bytes pcap = PcapBuilder().Record(1, 0, Frame(50, 7)).Record(2, 0, Frame(60, 8)).bytes();
  const Bytes pcapng = PcapngBuilder()
                           .Section()
                           .Interface(1)
                           .Enhanced(0, 1, Frame(50, 7))
                           .Enhanced(0, 2, Frame(60, 8))
                           .bytes();
  for (const Bytes& bytes : {pcap, pcapng}) {
    const auto file = Memory(bytes);
    Holder sink;
    for (const Bytes& frame : {Frame(50, 7), Frame(60, 8)}) {
      ASSERT_EQ(file->Read(sink, 1).value(), PollResult::kProgressed);
      EXPECT_EQ(Bytes(sink.held.bytes.begin(), sink.held.bytes.end()), frame);
    }
    EXPECT_EQ(file->Read(sink, 1).value(), PollResult::kEnded);
  }
}

TEST(LinkTypeName, IsANameWhereOneIsKnownAndElseTheNumber) {
  EXPECT_EQ(LinkTypeName(1), "ETHERNET");
  EXPECT_EQ(LinkTypeName(276), "LINUX_SLL2");
  EXPECT_EQ(LinkTypeName(101), "RAW");
  EXPECT_EQ(LinkTypeName(147), "147");
  EXPECT_EQ(LinkTypeName(std::numeric_limits<std::uint32_t>::max()), "4294967295");
}

}  // namespace
}  // namespace backscatter
