#include "agent/source/byte_stream.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Bytes;
using testing::Concat;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::TempDir;
using testing::Text;

Bytes Pattern(std::size_t size) {
  Bytes bytes(size);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  bytes[0] = 'x';  // not the magic of gzip
  return bytes;
}

Bytes ReadAll(ByteStream& stream, std::size_t step) {
  Bytes all;
  Bytes piece(step);
  while (const std::size_t got = stream.Read(piece)) {
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
  }
  return all;
}

TEST(ByteStream, WindowAndReadMixWithoutLosingAByte) {
  const Bytes bytes = Pattern(10'000);
  for (const std::size_t buffer : {1U, 2U, 7U, 4096U, 20000U}) {
    const auto stream = ByteStream::FromMemory(bytes, buffer);
    Bytes seen;
    Bytes piece(33);
    for (std::size_t want = 1; seen.size() < bytes.size(); want = want % 61 + 1) {
      const auto window = stream->Fill(want);
      ASSERT_EQ(window.size() >= want, bytes.size() - seen.size() >= want);
      const std::size_t take = std::min(want, window.size());
      seen.insert(seen.end(), window.begin(), window.begin() + static_cast<std::ptrdiff_t>(take));
      stream->Consume(take);
      const std::size_t got = stream->Read(piece);
      seen.insert(seen.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
      ASSERT_EQ(stream->offset(), seen.size());
    }
    EXPECT_EQ(seen, bytes) << buffer;
    EXPECT_TRUE(stream->Fill(1).empty());
    EXPECT_TRUE(stream->status().ok());
    EXPECT_EQ(stream->input_bytes(), bytes.size());
    EXPECT_EQ(stream->input_size(), bytes.size());
  }
}

TEST(ByteStream, SkipStopsAtTheEndAndSaysHowFarItCame) {
  const Bytes bytes = Pattern(10'000);
  const auto stream = ByteStream::FromMemory(bytes, 64);
  EXPECT_EQ(stream->Skip(9'000), 9'000U);
  EXPECT_EQ(stream->Fill(1)[0], bytes[9'000]);
  EXPECT_EQ(stream->Skip(std::uint64_t{1} << 40), 1'000U);
  EXPECT_EQ(stream->offset(), 10'000U);
}

TEST(ByteStream, AClaimOfGigabytesCostsOnlyWhatIsThere) {
  const Bytes bytes = Pattern(100);
  const auto stream = ByteStream::FromMemory(bytes);
  EXPECT_EQ(stream->Fill(std::size_t{1} << 40).size(), 100U);
}

TEST(ByteStream, GzipIsKnownByItsMagicAndUndone) {
  const Bytes bytes = Pattern(3'000'000);
  const TempDir dir;
  const Bytes zipped = Gzip(bytes);
  auto stream = ByteStream::Open(dir.Write("x", zipped), nullptr);
  ASSERT_TRUE(stream.ok());
  EXPECT_TRUE((*stream)->compressed());
  EXPECT_EQ((*stream)->input_size(), zipped.size());
  EXPECT_EQ(ReadAll(**stream, 70'001), bytes);
  EXPECT_TRUE((*stream)->status().ok());
  EXPECT_EQ((*stream)->input_bytes(), zipped.size());
}

TEST(ByteStream, GzipMembersFollowEachOtherAndZeroPaddingIsIgnored) {
  const Bytes a = Pattern(5'000);
  const Bytes b = Pattern(300);
  const Bytes zipped =
      Concat(Concat(Concat(Gzip(a), Gzip({})), Gzip(b)), Bytes(1'000, std::uint8_t{0}));
  const auto stream = ByteStream::FromMemory(zipped);
  EXPECT_EQ(ReadAll(*stream, 512), Concat(a, b));
  EXPECT_TRUE(stream->status().ok()) << Text(stream->status());
}

TEST(ByteStream, GzipCutAnywhereGivesAPrefixAndAnErrorWithTheOffset) {
  const Bytes bytes = Pattern(2'000);
  const Bytes zipped = Gzip(bytes);
  for (std::size_t cut = 2; cut < zipped.size(); cut += 7) {
    const Bytes part(zipped.begin(), zipped.begin() + static_cast<std::ptrdiff_t>(cut));
    const auto stream = ByteStream::FromMemory(part);
    const Bytes got = ReadAll(*stream, 100);
    ASSERT_LE(got.size(), bytes.size());
    EXPECT_TRUE(std::equal(got.begin(), got.end(), bytes.begin()));
    EXPECT_THAT(Text(stream->status()),
                HasSubstr("compressed offset " + std::to_string(cut) + ": the gzip data ends"));
  }
}

TEST(ByteStream, GzipWithAWrongChecksumIsAnErrorAfterTheData) {
  const Bytes bytes = Pattern(2'000);
  Bytes zipped = Gzip(bytes);
  zipped[zipped.size() - 6] ^= 0xff;  // CRC-32 is followed by four bytes of size
  const auto stream = ByteStream::FromMemory(zipped);
  EXPECT_EQ(ReadAll(*stream, 100), bytes);
  EXPECT_THAT(Text(stream->status()), HasSubstr("incorrect data check"));
}

TEST(ByteStream, GzipFollowedBySomethingElseIsAnError) {
  const Bytes bytes = Pattern(50);
  const Bytes zipped = Gzip(bytes);
  const Bytes file = Concat(zipped, {'j', 'u', 'n', 'k'});
  const auto stream = ByteStream::FromMemory(file);
  EXPECT_EQ(ReadAll(*stream, 100), bytes);
  EXPECT_THAT(Text(stream->status()),
              HasSubstr("compressed offset " + std::to_string(zipped.size()) + ": what follows"));
}

}  // namespace
}  // namespace backscatter
