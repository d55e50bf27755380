// `run` with a source from memory: signals, reload, reports, rights. Each run is a process of its
// own, since it blocks signals and gives up capabilities.
#include "agent/app/run.h"

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/log.h"
#include "agent/base/file_descriptor.h"
#include "agent/source/fake_source.h"
#include "exporters/metric_labels.h"
#include "tests/support/dialogue_capture.h"
#include "tests/support/http_socket.h"

namespace backscatter {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Gives its packets, then ends, fails or waits.
class FakeLiveSource final : public LiveSource {
 public:
  enum class Then { kEnd, kFail, kWait };
  FakeLiveSource(std::vector<FakePacket> packets, Then then)
      : inner_(std::move(packets)), then_(then), ready_(eventfd(1, EFD_CLOEXEC)) {}

  absl::Status Start() override { return absl::OkStatus(); }
  absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) override {
    const absl::StatusOr<PollResult> result = inner_.Poll(sink, max_wait);
    if (!result.ok() || *result != PollResult::kEnded || then_ == Then::kEnd) return result;
    if (then_ == Then::kFail) return absl::UnavailableError("the card caught fire");
    ready_ = FileDescriptor(eventfd(0, EFD_CLOEXEC));
    return PollResult::kIdle;
  }
  SourceStats Stats() const override { return inner_.Stats(); }
  std::string_view Name() const override { return "fake"; }
  absl::Status SetInterfaces(const std::vector<HostInterface>&) override {
    return absl::OkStatus();
  }
  bool IsWatched(int) const override { return true; }
  void Apply(const CaptureRules& rules) override { words_ = rules.daemon_senders.size(); }
  absl::Status rules_status() const override {
    return words_ > 20 ? absl::ResourceExhaustedError("the table is full") : absl::OkStatus();
  }
  int fd() const override { return ready_.get(); }

 private:
  FakeSource inner_;
  Then then_;
  FileDescriptor ready_;
  std::size_t words_ = 0;
};

std::vector<FakePacket> Bounces(int count) {
  std::vector<FakePacket> packets;
  for (int i = 0; i < count; ++i) {
    support::DialogueOptions options;
    options.client_port = static_cast<std::uint16_t>(20'000 + i);
    options.start = Log::SystemTime() - 5 * kSecond;
    support::DialogueCapture capture(options);
    capture.Lines({"S: 220 mx ESMTP", "C: EHLO a.test", "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok",
                   "C: RCPT TO:<secret.person@v.test>", "S: 250 ok", "C: DATA", "S: 354 go",
                   "C: bodyword", "C: .", "S: 250 ok", "C: QUIT", "S: 221 bye"});
    for (const support::TimedFrame& frame : capture.Frames()) {
      packets.push_back(
          {.bytes = {frame.bytes.begin(), frame.bytes.end()}, .captured_at = frame.at});
    }
  }
  return packets;
}

class RunTest : public testing::Test {
 protected:
  RunTest() {
    char name[] = "/tmp/backscatter_run_XXXXXX";
    directory_ = mkdtemp(name);
    flags_.config.file = Path("site.yaml");
    Write("site.yaml", State());
    flags_.config.sets = {"labels.key_file=" + Path("label.key"),
                          "labels.names_file=" + Path("label.names")};
    flags_.report = Path("report.json");
  }
  ~RunTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string State() const {
    return "sent: {file: " + Path("sent") + "}\ndetection: {file: " + Path("floods") + "}\n";
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void Start(FakeLiveSource::Then then, int bounces = 20) {
    child_ = fork();
    if (child_ != 0) return;
    std::FILE* const log = std::fopen(Path("log").c_str(), "w");
    absl::StatusOr<LoadedConfig> loaded = LoadConfig(flags_.config);
    if (!loaded.ok()) _exit(77);
    const auto make = [&](const Config&, const CaptureRules&) -> absl::StatusOr<MadeSource> {
      if (refused_) return absl::PermissionDeniedError("not allowed");
      return MadeSource{.source = std::make_unique<FakeLiveSource>(Bounces(bounces), then),
                        .why = "a test"};
    };
    const ExitCode code =
        RunAgent(flags_, *std::move(loaded), {.make_source = make, .log_fd = fileno(log)});
    _exit(static_cast<int>(code));
  }
  // Until the log says so, 10 s at most.
  bool LogSays(const std::string& what, int times = 1) const {
    for (int i = 0; i < 1000; ++i) {
      if (Count(what) >= times) return true;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return false;
  }
  int Count(const std::string& what) const {
    const std::string log = Read("log");
    int times = 0;
    for (std::size_t at = log.find(what); at != std::string::npos; at = log.find(what, at + 1)) {
      ++times;
    }
    return times;
  }
  int Wait() {
    int status = 0;
    waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string directory_;
  RunFlags flags_;
  bool refused_ = false;
  pid_t child_ = -1;
};

TEST_F(RunTest, TheKeyOfLabelsIsMadeOnceForItsOwnerAndNeverLogged) {
  for (int run = 0; run < 2; ++run) {
    const std::string before = run == 0 ? "" : Read("label.key");
    Start(FakeLiveSource::Then::kEnd);
    EXPECT_EQ(Wait(), 0);
    const std::string key = Read("label.key");
    EXPECT_EQ(key.size(), 65u);
    EXPECT_TRUE(run == 0 || key == before);
    EXPECT_THAT(Read("log"), Not(HasSubstr(key.substr(0, 16))));
  }
  EXPECT_EQ(std::filesystem::status(Path("label.key")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(RunTest, EventsNameTargetsByALabelThatLookupUndoes) {
  flags_.config.sets.push_back("local.domains=[v.test]");
  flags_.config.sets.push_back("events.file=" + Path("events"));
  flags_.config.sets.push_back("events.transactions=true");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  const std::string hash = TargetHash(Read("label.key").substr(0, 64), "secret.person@v.test");
  const std::string events = Read("events");
  EXPECT_EQ(std::ranges::count(events, '\n'), 20);
  EXPECT_THAT(events, AllOf(HasSubstr("\"domain\":\"v.test\",\"target\":\"" + hash + "\""),
                            Not(HasSubstr("secret"))));
  EXPECT_THAT(Read("label.names"), AllOf(HasSubstr(hash), HasSubstr("\tsecret.person@v.test\n")));
}

TEST_F(RunTest, AFileOfEventsThatCannotBeWrittenIsALossAndNoEnd) {
  flags_.config.sets.push_back("events.file=/dev/full");
  flags_.config.sets.push_back("events.transactions=true");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("log"), HasSubstr("events are lost until there is room for them"));
  EXPECT_THAT(Read("report.json"), HasSubstr("\"output.events_dropped\":20"));
}

TEST_F(RunTest, AKeyOfLabelsThatOthersCanReadIsRefused) {
  Write("label.key", "secretsecret\n");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 2);
  EXPECT_THAT(Read("log"), AllOf(HasSubstr("labels.key_file: "), HasSubstr("chmod 600"),
                                 Not(HasSubstr("secretsecret"))));
}

TEST_F(RunTest, WithoutAPlaceForTheKeyLabelsAreThoseOfThisRun) {
  flags_.config.sets.push_back("labels.key_file=" + Path("nowhere/label.key"));
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("log"), HasSubstr("labels of targets are those of this run alone"));
}

TEST_F(RunTest, CountsWhatItIsGivenAndWritesTheReport) {
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0) << Read("log");
  EXPECT_THAT(Read("report.json"),
              AllOf(HasSubstr("\"schema\":\"backscatter.report/1\""),
                    HasSubstr("\"source\":\"fake\""), HasSubstr("\"null_sender\":20"),
                    HasSubstr("\"address\":\"secret.person@v.test\""), HasSubstr("\"losses\":{}")));
  EXPECT_THAT(Read("log"), AllOf(HasSubstr("msg=capturing"), HasSubstr("msg=ended")));
}

TEST_F(RunTest, TheLogNamesNoAddressAndNoBody) {
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  for (const std::string word : {"secret.person", "bodyword", "198.51.100.7", "a.test"}) {
    EXPECT_THAT(Read("log"), Not(HasSubstr(word)));
  }
}

TEST_F(RunTest, SigtermEndsItInLessThanThreeSecondsWithALastSummary) {
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  std::this_thread::sleep_for(milliseconds(300));
  const auto start = std::chrono::steady_clock::now();
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_THAT(Read("log"), HasSubstr("msg=ended packets="));
  EXPECT_THAT(Read("report.json"), HasSubstr("\"null_sender\":20"));
}

TEST_F(RunTest, Sigusr1WritesTheReportAndOneLine) {
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  std::this_thread::sleep_for(milliseconds(500));
  kill(child_, SIGUSR1);
  ASSERT_TRUE(LogSays("msg=report"));
  EXPECT_THAT(Read("report.json"), HasSubstr("\"null_sender\":20"));
  EXPECT_FALSE(std::filesystem::exists(Path("report.json.new")));
  kill(child_, SIGINT);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(RunTest, SighupReloadsAllOrNothingAndNamesWhatNeedsARestart) {
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  Write("site.yaml", "ports: [25, 70000]\n");
  kill(child_, SIGHUP);
  ASSERT_TRUE(LogSays("configuration not reloaded"));
  EXPECT_THAT(Read("log"), HasSubstr("site.yaml:1"));
  Write("site.yaml", "ports: [25, 2626]\ntargets: {capacity: 5000}\n" + State());
  kill(child_, SIGHUP);
  ASSERT_TRUE(LogSays("configuration reloaded"));
  ASSERT_TRUE(LogSays("these keys need a restart"));
  EXPECT_THAT(Read("log"), HasSubstr("keys=targets.capacity"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(RunTest, AKeyThatNeedsARestartIsToldAtEveryReloadUntilItIsTakenBack) {
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  Write("site.yaml", State() + "targets: {capacity: 5000}\n");
  for (int reloads = 1; reloads <= 2; ++reloads) {
    kill(child_, SIGHUP);
    ASSERT_TRUE(LogSays("these keys need a restart", reloads)) << Read("log");
  }
  Write("site.yaml", State());
  kill(child_, SIGHUP);
  ASSERT_TRUE(LogSays("configuration reloaded", 3));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Count("these keys need a restart"), 2);
}

TEST_F(RunTest, TheReportAndTheLogTellTheLeastSamplingThatEverHeld) {
  Write("site.yaml", "sampling: {ratio: 0.25}\n" + State());
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  Write("site.yaml", State());
  kill(child_, SIGHUP);
  ASSERT_TRUE(LogSays("configuration reloaded"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("report.json"), HasSubstr("\"sampling\":0.25"));
  EXPECT_THAT(Read("log"), HasSubstr(" sampling=0.25 "));
}

TEST_F(RunTest, TransactionsThatFindNoRoomAreCountedToldOnceAndEndItInOne) {
  flags_.transactions = "/dev/full";
  Start(FakeLiveSource::Then::kWait, 7);
  ASSERT_TRUE(LogSays("transactions are lost"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 1);
  EXPECT_EQ(Count("transactions are lost"), 1);
  EXPECT_THAT(Read("log"), HasSubstr("lost=7 why="));
  EXPECT_THAT(Read("report.json"), HasSubstr("\"output.transactions_dropped\":7"));
}

TEST_F(RunTest, AReloadThatReadsAllBodiesSaysSo) {
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  EXPECT_EQ(Count("bodies of all mail are read"), 0);
  Write("site.yaml", "bounce: {read: all}\n" + State());
  kill(child_, SIGHUP);
  EXPECT_TRUE(LogSays("bodies of all mail are read"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(RunTest, WhatTheKernelCannotTakeOfTheConfigurationIsSaidOnce) {
  std::string words = "daemon0";
  for (int i = 1; i <= 20; ++i) words += ", daemon" + std::to_string(i);
  Write("site.yaml", "bounce: {daemon_senders: [" + words + "]}\n" + State());
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  const std::string log = Read("log");
  const std::string line = "reaches the kernel\" why=\"the table is full\"";
  EXPECT_THAT(log, HasSubstr(line));
  EXPECT_EQ(log.find(line), log.rfind(line));
}

TEST_F(RunTest, TransactionsAreAddedAndGoToANewFileAfterAReload) {
  flags_.transactions = Path("lines");
  Write("lines", "before\n");
  Start(FakeLiveSource::Then::kWait, 1);
  ASSERT_TRUE(LogSays("msg=capturing"));
  std::this_thread::sleep_for(milliseconds(300));
  std::filesystem::rename(Path("lines"), Path("lines.1"));
  kill(child_, SIGHUP);
  ASSERT_TRUE(LogSays("configuration reloaded"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("lines.1"), AllOf(HasSubstr("before\n"), HasSubstr("secret.person@v.test")));
  EXPECT_TRUE(std::filesystem::exists(Path("lines")));
}

TEST_F(RunTest, ASourceThatGivesUpEndsItInThree) {
  Start(FakeLiveSource::Then::kFail);
  EXPECT_EQ(Wait(), 3);
  EXPECT_THAT(Read("log"), HasSubstr("the card caught fire"));
  EXPECT_THAT(Read("report.json"), HasSubstr("\"null_sender\":20")) << "what came before counts";
}

TEST_F(RunTest, WhatTheSystemRefusesEndsInThree) {
  refused_ = true;
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 3);
  EXPECT_THAT(Read("log"), HasSubstr("cannot start"));
}

TEST_F(RunTest, AnInterfaceThatIsNotThereEndsItInTwo) {
  flags_.config.sets.push_back("interfaces=[nosuch0]");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 2);
  EXPECT_THAT(Read("log"), HasSubstr("interface nosuch0 is not there; this host has "));
}

TEST_F(RunTest, WithAListOfInterfacesNoThreadKeepsACapability) {
  flags_.config.sets.push_back("interfaces=[lo]");
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing")) << Read("log");
  int threads = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(child_) + "/task")) {
    std::ifstream in(task.path() / "status");
    const std::string status{std::istreambuf_iterator<char>(in), {}};
    EXPECT_THAT(status,
                AllOf(HasSubstr("CapEff:\t0000000000000000\n"),
                      HasSubstr("CapPrm:\t0000000000000000\n"), HasSubstr("NoNewPrivs:\t1\n")));
    ++threads;
  }
  EXPECT_GE(threads, 3);
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(RunTest, WhatWasSentIsKeptFromRunToRun) {
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_TRUE(std::filesystem::exists(Path("sent")));
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("log"), Not(HasSubstr("level=warn")));
}

TEST_F(RunTest, AFloodGoesOnFromRunToRun) {
  flags_.config.sets.push_back("detection.joe_job={recipients: 15, networks: 1}");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Count("msg=flood kind=joe_job"), 1);
  EXPECT_THAT(Read("report.json"), HasSubstr("\"recipients\":20,"));
  Start(FakeLiveSource::Then::kEnd, 7);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("log"), HasSubstr("msg=\"floods go on\" floods=1"));
  EXPECT_EQ(Count("msg=flood "), 0) << "no news";
  EXPECT_THAT(Read("report.json"),
              AllOf(HasSubstr("\"kind\":\"joe_job\""), HasSubstr("\"recipients\":27,")));
}

TEST_F(RunTest, ADamagedFileOfFloodsIsPutAsideAndAFullDiskIsAWarning) {
  Write("floods", "no floods, but somebody's notes");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(Read("log"), AllOf(HasSubstr("this is no file of floods; it is now "),
                                 HasSubstr("what is usual is learnt anew")));
  EXPECT_EQ(Read("floods.damaged"), "no floods, but somebody's notes");
  EXPECT_GT(Read("floods").size(), 100U);
  flags_.config.sets.push_back("detection.file=" + Path("none") + "/a/floods");
  Start(FakeLiveSource::Then::kEnd);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Count("msg=\"floods not saved\""), 1);
}

TEST_F(RunTest, ItServesWhatItCounts) {
  flags_.web_listen = {"127.0.0.1:0"};
  flags_.config.sets.emplace_back("api.transactions=3");
  flags_.config.sets.emplace_back("labels.target=plain");
  Start(FakeLiveSource::Then::kWait);
  ASSERT_TRUE(LogSays("msg=capturing"));
  const std::string log = Read("log");
  const std::size_t at = log.find(':', log.find("msg=serving address=127"));
  const auto port = static_cast<std::uint16_t>(std::stoul(log.substr(at + 1)));
  std::string targets;
  for (int i = 0; i < 10 && targets.find("\"recipients\":20") == std::string::npos; ++i) {
    std::this_thread::sleep_for(milliseconds(1100));
    targets = support::Get(port, "/api/v1/targets?limit=1&offset=0")->body;
  }
  EXPECT_THAT(targets, HasSubstr("\"target\":\"secret.person@v.test\",\"recipients\":20"));
  EXPECT_THAT(support::Get(port, "/api/v1/transactions")->body, HasSubstr("\"available\":3"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(RunTest, ADurationEndsIt) {
  flags_.duration = 1 * kSecond;
  Start(FakeLiveSource::Then::kWait);
  EXPECT_EQ(Wait(), 0);
}

}  // namespace
}  // namespace backscatter
