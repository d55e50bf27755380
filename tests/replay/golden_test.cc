// The committed captures in golden/ give the committed reports. make_goldens makes both anew.
#include <cctype>
#include <filesystem>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "tests/replay/goldens.h"
#include "tests/replay/replayed.h"
#include "tests/replay/run_program.h"

namespace backscatter::replay {

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.rule; }

namespace {

using nlohmann::json;

const std::filesystem::path kDirectory =
    std::filesystem::path(BACKSCATTER_SOURCE_DIR) / "tests" / "replay" / "golden";

std::string CaseName(const testing::TestParamInfo<Golden>& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

class GoldenReplay : public testing::TestWithParam<Golden> {};
INSTANTIATE_TEST_SUITE_P(Replay, GoldenReplay, testing::ValuesIn(MakeGoldens()), CaseName);

TEST_P(GoldenReplay, TheCaptureIsWhatMakeGoldensMakes) {
  EXPECT_TRUE(ReadWholeFile(kDirectory / (GetParam().name + ".pcap")) ==
              support::ToPcap(GetParam().frames));
}

TEST_P(GoldenReplay, GivesTheCommittedReportAndTransactions) {
  const std::string& name = GetParam().name;
  const Replayed replayed = Replay(name + ".pcap", true, kDirectory);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.errors;
  const json report =
      json::parse(ReadWholeFile(kDirectory / (name + ".report.json")), nullptr, false);
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(replayed.report, report) << json::diff(report, replayed.report).dump(1);
  std::istringstream lines(ReadWholeFile(kDirectory / (name + ".transactions.jsonl")));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const json transaction = json::parse(line, nullptr, false);
    ASSERT_LT(count, replayed.transactions.size());
    EXPECT_EQ(replayed.transactions[count], transaction)
        << json::diff(transaction, replayed.transactions[count]).dump(1);
  }
  EXPECT_EQ(count, replayed.transactions.size());
}

}  // namespace
}  // namespace backscatter::replay
