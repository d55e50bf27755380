#include "agent/app/event_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() {
    char name[] = "/tmp/backscatter_events_XXXXXX";
    folder_ = mkdtemp(name);
    options_.file = Path("events");
    options_.max_bytes = 1 << 20;
    options_.label_of_flood = [](const Flood& flood) {
      return TargetLabel{flood.domain, flood.target.empty() ? "" : "0123456789abcdef"};
    };
    options_.label_of_path = [](std::string_view) { return TargetLabel{"ours.example", "hash"}; };
    log_file_ = std::fopen(Path("log").c_str(), "w");
    log_.emplace(fileno(log_file_), LogFormat::kLogfmt, LogLevel::kInfo);
  }
  ~EventLogTest() override {
    std::fclose(log_file_);
    std::filesystem::remove_all(folder_);
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string Read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::vector<Json> Events(const std::string& name = "events") const {
    std::ifstream in(Path(name));
    std::vector<Json> events;
    for (std::string line; std::getline(in, line);) events.push_back(Json::parse(line));
    return events;
  }
  std::unique_ptr<EventLog> Open() {
    absl::StatusOr<std::unique_ptr<EventLog>> events = EventLog::Open(options_, &*log_);
    EXPECT_TRUE(events.ok()) << events.status();
    return *std::move(events);
  }

  std::string folder_;
  EventLog::Options options_;
  std::FILE* log_file_;
  std::optional<Log> log_;
  const Flood flood_ = {.kind = FloodKind::kJoeJob,
                        .domain = "ours.example",
                        .target = "joe@ours.example",
                        .confidence = Confidence::kStrong,
                        .start = 10 * kSecond,
                        .last = 70 * kSecond,
                        .recipients = 30,
                        .sources = 12,
                        .networks = 11,
                        .share_unsolicited = 1,
                        .peak_per_minute = 29,
                        .top_sources = {{Ip("198.51.100.1"), 3}},
                        .example_message_ids = {"id@forged.example"}};
};

TEST_F(EventLogTest, AFloodIsALineWhenItIsRaisedUpdatedAndOver) {
  const auto events = Open();
  events->OnRaised(flood_);
  events->OnUpdated(flood_);
  Flood over = flood_;
  over.end = 100 * kSecond;
  events->OnCleared(over);
  const std::vector<Json> lines = Events();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["schema"], "backscatter.event/1");
  EXPECT_EQ(lines[0]["event"], "flood_raised");
  EXPECT_EQ(lines[0]["time"], "1970-01-01T00:01:10.000000000Z");
  EXPECT_EQ(lines[0]["flood"]["kind"], "joe_job");
  EXPECT_EQ(lines[0]["flood"]["target"], "0123456789abcdef");
  EXPECT_EQ(lines[0]["flood"]["networks"], 11);
  EXPECT_EQ(lines[0]["flood"]["top_sources"][0]["address"], "198.51.100.1");
  EXPECT_EQ(lines[1]["event"], "flood_updated");
  EXPECT_EQ(lines[2]["event"], "flood_cleared");
  EXPECT_EQ(lines[2]["time"], "1970-01-01T00:01:40.000000000Z");
  EXPECT_THAT(Read(options_.file), Not(HasSubstr("joe@")));
  struct stat about {};
  ASSERT_EQ(stat(options_.file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u);
}

TEST_F(EventLogTest, ATransactionIsALineWithoutAddressesWhereThatIsAsked) {
  const auto events = Open();
  Transaction transaction = BounceTo("joe@ours.example", "198.51.100.1", 550, 70 * kSecond);
  const Judgement judgement{.verdict = Verdict::kBackscatter,
                            .solicited = false,
                            .confidence = Confidence::kMedium,
                            .reason = "not_sent"};
  events->OnTransaction({transaction, MailDirection::kInbound, judgement});
  events->Reconfigure(1 << 20, true, false);
  events->OnTransaction({transaction, MailDirection::kInbound, judgement});
  events->Tick();
  const std::vector<Json> lines = Events();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0], Json::parse(R"({"schema":"backscatter.event/1","event":"transaction",
      "time":"1970-01-01T00:01:10.000000000Z","source":"198.51.100.1","server":"192.0.2.25:25",
      "direction":"inbound","sender":"null",
      "recipients":[{"domain":"ours.example","target":"hash","reply":550}],
      "recipients_not_kept":0,"outcome":"accepted","retry":false,"verdict":"backscatter",
      "solicited":false,"confidence":"medium","reason":"not_sent","completeness":"complete",
      "weight":1.0})"));
}

TEST_F(EventLogTest, AFullFileIsSetAsideAndFourOldOnesAreKept) {
  options_.max_bytes = 2000;  // four lines or so
  const auto events = Open();
  for (int i = 0; i < 60; ++i) events->OnUpdated(flood_);
  std::size_t lines = 0;
  for (const std::string name : {"events", "events.1", "events.2", "events.3", "events.4"}) {
    lines += Events(name).size();
    EXPECT_LT(std::filesystem::file_size(Path(name)), 3000u) << name;
  }
  EXPECT_GE(lines, 16u);
  EXPECT_FALSE(std::filesystem::exists(Path("events.5")));
  EXPECT_EQ(events->lost(), 0u);
}

TEST_F(EventLogTest, WhatIsThereCountsAndIsContinued) {
  Open()->OnRaised(flood_);
  options_.max_bytes = std::filesystem::file_size(options_.file) + 1;
  Open()->OnUpdated(flood_);
  EXPECT_EQ(Events("events.1").size(), 2u);
}

TEST_F(EventLogTest, AFileThatWasMovedAwayIsLeftToWhoMovedIt) {
  const auto events = Open();
  events->OnRaised(flood_);
  std::filesystem::rename(options_.file, Path("moved"));
  events->OnUpdated(flood_);
  events->Reopen();
  events->OnCleared(flood_);
  EXPECT_EQ(Events("moved").size(), 2u);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_F(EventLogTest, AFullDiskLosesEventsCountsThemAndSaysSoOnce) {
  options_.file = "/dev/full";
  const auto events = Open();
  events->OnRaised(flood_);
  events->OnUpdated(flood_);
  EXPECT_EQ(events->lost(), 2u);
  for (int second = 0; second < 60; ++second) events->Tick();  // tried again
  events->OnCleared(flood_);
  EXPECT_EQ(events->lost(), 3u);
  const std::string log = Read(Path("log"));
  EXPECT_THAT(log, HasSubstr("level=warn"));
  EXPECT_THAT(log, HasSubstr("No space left on device"));
  EXPECT_EQ(log.find("events are lost"), log.rfind("events are lost"));
}

TEST_F(EventLogTest, WhereTheDiskHasRoomAgainEventsGoOn) {
  // A file behind a link that changes stands for a disk that was full.
  std::filesystem::create_symlink("/dev/full", Path("link"));
  options_.file = Path("link");
  const auto events = Open();
  events->OnRaised(flood_);
  std::filesystem::remove(Path("link"));
  std::filesystem::create_symlink(Path("events"), Path("link"));
  for (int second = 0; second < 60; ++second) events->Tick();
  events->OnCleared(flood_);
  ASSERT_EQ(Events().size(), 1u);
  EXPECT_EQ(Events()[0]["event"], "flood_cleared");
  EXPECT_EQ(events->lost(), 1u);
}

TEST_F(EventLogTest, OnlyAFileThatCanBeWrittenIsTaken) {
  options_.file = Path("nowhere/events");
  EXPECT_EQ(EventLog::Open(options_, &*log_).status().code(), absl::StatusCode::kPermissionDenied);
  options_.file = Path("pipe");
  mkfifo(options_.file.c_str(), 0600);
  EXPECT_EQ(EventLog::Open(options_, &*log_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace backscatter
