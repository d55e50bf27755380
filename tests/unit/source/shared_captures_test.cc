// Every capture that is shared with the project opens and gives the packets its table says.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/source/capture_file.h"
#include "agent/source/merged_source.h"
#include "tests/unit/source/capture_builder.h"

namespace backscatter {
namespace {

using testing::Collector;
using testing::Drain;
using ::testing::HasSubstr;
using testing::Text;

struct Row {
  std::string file;
  std::uint64_t packets = 0;
};

std::filesystem::path CaptureFolder() {
  const char* shared = std::getenv("BACKSCATTER_SHARED");
  const std::filesystem::path root =
      shared != nullptr ? std::filesystem::path(shared)
                        : std::filesystem::path(BACKSCATTER_SOURCE_DIR) / "../shared";
  return root / "captures";
}

std::vector<Row> ReadTruth() {
  std::vector<Row> rows;
  std::ifstream table(CaptureFolder() / "TRUTH.tsv");
  std::string line;
  std::getline(table, line);  // the names of the columns
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    Row row;
    std::string packets;
    std::string ignored;
    std::getline(fields, row.file, '\t');
    for (int i = 0; i < 3; ++i) std::getline(fields, ignored, '\t');
    std::getline(fields, packets, '\t');
    row.packets = std::stoull(packets);
    rows.push_back(row);
  }
  return rows;
}

constexpr const char* kDamaged =
    "suricata-verify__smtp-to-comma_10.7.29.101_49898-178.63.41.150_25";

TEST(SharedCaptures, EachGivesThePacketsOfTheTable) {
  const std::vector<Row> rows = ReadTruth();
  if (rows.empty()) GTEST_SKIP() << "no captures at " << CaptureFolder();
  for (const Row& row : rows) {
    auto file = OpenCaptureFile((CaptureFolder() / row.file).string(), 0);
    ASSERT_TRUE(file.ok()) << Text(file.status());
    Collector sink;
    const absl::Status status = Drain(**file, sink);
    EXPECT_EQ(sink.packets.size(), row.packets) << row.file;
    EXPECT_EQ((*file)->Stats().packets, row.packets) << row.file;
    EXPECT_EQ(status.ok(), !row.file.starts_with(kDamaged)) << Text(status);
  }
}

TEST(SharedCaptures, Pitfall45ARecordOf3900MegabytesStopsTheFileAfter18Packets) {
  const std::filesystem::path path = CaptureFolder() / (std::string(kDamaged) + ".pcap");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no capture at " << path;
  auto file = OpenCaptureFile(path.string(), 0);
  ASSERT_TRUE(file.ok()) << Text(file.status());
  Collector sink;
  const absl::Status status = Drain(**file, sink);
  EXPECT_EQ(sink.packets.size(), 18U);
  EXPECT_THAT(Text(status), HasSubstr(path.string() + ": offset 3695: "));
  EXPECT_THAT(Text(status), HasSubstr("3925868813"));
  EXPECT_THAT(Text(status), HasSubstr("(18 packets)"));
}

TEST(SharedCaptures, AllMergedAreAllPacketsAndOneError) {
  const std::vector<Row> rows = ReadTruth();
  if (rows.empty()) GTEST_SKIP() << "no captures at " << CaptureFolder();
  std::vector<std::string> paths;
  std::uint64_t packets = 0;
  for (const Row& row : rows) {
    paths.push_back((CaptureFolder() / row.file).string());
    packets += row.packets;
  }
  MergedSource merged(paths);
  Collector sink;
  ASSERT_TRUE(Drain(merged, sink).ok());
  EXPECT_EQ(sink.packets.size(), packets);
  std::size_t errors = 0;
  const std::vector<CaptureResult> results = merged.Results();
  ASSERT_EQ(results.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(results[i].stats.packets, rows[i].packets) << rows[i].file;
    if (!results[i].error.empty()) ++errors;
  }
  EXPECT_EQ(errors, 1U);
}

}  // namespace
}  // namespace backscatter
