// Every row of the shared TRUTH.tsv: what backscatterd counts is what the client sent.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/replay/replayed.h"

namespace backscatter::replay {
namespace {

struct Row {
  std::string file;
  std::optional<std::uint64_t> packets;
  std::optional<std::uint64_t> mail;  // nullopt: not defined for this file
  std::optional<std::uint64_t> null_mail;
  std::optional<std::uint64_t> rcpt;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.file; }

std::optional<std::uint64_t> Number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoull(text);
}

std::vector<Row> ReadRows() {
  std::vector<Row> rows;
  std::ifstream table(SharedCaptures() / "TRUTH.tsv");
  std::string line;
  std::getline(table, line);  // the heading
  while (std::getline(table, line)) {
    std::vector<std::string> cells;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, '\t');) cells.push_back(cell);
    if (cells.size() < 11) continue;
    Row row{cells[0], Number(cells[4]), Number(cells[8]), Number(cells[9]), Number(cells[10])};
    // The column counts `<\s*>` only; three more spellings are null senders (null-syntax).
    if (row.file.starts_with("lab__null-syntax")) row.null_mail = 16;
    rows.push_back(row);
  }
  return rows;
}

std::string CaseName(const testing::TestParamInfo<Row>& row) {
  std::string name = row.param.file;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name + "_" + std::to_string(row.index);
}

class SharedCapture : public testing::TestWithParam<Row> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SharedCapture);
INSTANTIATE_TEST_SUITE_P(Truth, SharedCapture, testing::ValuesIn(ReadRows()), CaseName);

TEST_P(SharedCapture, CountsEveryMailAndRcptThatTheClientSent) {
  const Row& row = GetParam();
  const std::filesystem::path capture = SharedCaptures() / row.file;
  if (!std::filesystem::exists(capture)) GTEST_SKIP() << capture << " is not here";
  const Replayed replayed = Replay(capture, false);
  ASSERT_TRUE(replayed.exit_code == 0 || replayed.exit_code == 1)
      << "exit code " << replayed.exit_code << "\n"
      << replayed.errors;
  ASSERT_TRUE(replayed.report.is_object()) << replayed.errors;
  const auto& transactions = replayed.report["transactions"];
  if (row.mail.has_value()) {
    EXPECT_EQ(transactions["total"], *row.mail);
  }
  if (row.null_mail.has_value()) {
    EXPECT_EQ(transactions["null_sender"], *row.null_mail);
  }
  if (row.rcpt.has_value()) {
    EXPECT_EQ(replayed.report["recipients"], *row.rcpt);
  }
  const auto& file = replayed.report["captures"].at(0);
  if (row.packets.has_value() && file["error"].is_null()) {
    EXPECT_EQ(file["packets"], *row.packets);
  }
}

// ctest may still know cases of a table that has gone since. They must not pass by selecting
// nothing: ctest takes this mark for a skip.
class NothingSelected : public testing::EmptyTestEventListener {
  void OnTestProgramStart(const testing::UnitTest& program) override {
    if (program.test_to_run_count() == 0) std::puts("[  SKIPPED ] this case is not here");
  }
};
const bool kListening = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new NothingSelected);
  return true;
}();

TEST(SharedCaptures, AreHere) {
  ASSERT_TRUE(kListening);
  const auto table = SharedCaptures() / "TRUTH.tsv";
  if (!std::filesystem::exists(table)) {
    GTEST_SKIP() << table << " is not here: set BACKSCATTER_SHARED to run the capture tests";
  }
  EXPECT_GT(ReadRows().size(), 0u);
}

}  // namespace
}  // namespace backscatter::replay
