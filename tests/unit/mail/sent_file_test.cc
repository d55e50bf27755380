#include "agent/mail/sent_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/prng.h"

namespace backscatter {
namespace {

using testing::HasSubstr;

constexpr PacketTime kNow = 20'000 * kDay + 3600 * kSecond;
const SentLedgerOptions kOptions{.capacity = 50'000, .key = HashKey{11, 13}};

class SentFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "/sent_file_XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/ledger";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static void Send(SentState& state, int from, int to, PacketTime at = kNow) {
    for (int i = from; i < to; ++i) {
      state.ledger.Add({.at = at,
                        .message_id = "id-" + std::to_string(i),
                        .sender = "alice@example.com",
                        .recipient = "r" + std::to_string(i) + "@x.org"});
    }
  }
  static int Known(const SentState& state, int from, int to) {
    int known = 0;
    for (int i = from; i < to; ++i) {
      if (state.ledger.HasMessageId("id-" + std::to_string(i)) &&
          state.ledger.HasPair("alice@example.com", "r" + std::to_string(i) + "@x.org")) {
        ++known;
      }
    }
    return known;
  }
  absl::StatusOr<LoadedSent> Load() const { return SentFile(path_).Load(kOptions); }
  std::string Bytes() const {
    std::ifstream in(path_, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  void Overwrite(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(SentFileTest, WhatWasSavedIsThereAgain) {
  SentState state(kOptions);
  for (int day = 0; day < 10; ++day) Send(state, day * 100, day * 100 + 100, kNow + day * kDay);
  const IpAddress client = *IpAddress::Parse("192.0.2.7");
  state.coverage.OnSession(client, true, kNow + 9 * kDay);
  state.coverage.OnSession(*IpAddress::Parse("2001:db8::1"), false, kNow + 9 * kDay);
  SentFile file(path_);
  ASSERT_TRUE(file.Save(state).ok());
  const auto loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const SentState& again = *loaded->state;
  EXPECT_EQ(Known(again, 200, 1000), 800);
  EXPECT_EQ(Known(again, 0, 200), 0);
  EXPECT_EQ(again.ledger.entries(), state.ledger.entries());
  EXPECT_EQ(again.ledger.history_start(), state.ledger.history_start());
  EXPECT_EQ(again.ledger.mails(), 1000u);
  EXPECT_EQ(again.coverage.Overall(kNow + 9 * kDay), 0.5);
  EXPECT_EQ(again.coverage.Of(client, kNow + 9 * kDay), 1);
  EXPECT_EQ(again.ledger.options().key.a, 11u);  // the key is the file's
  EXPECT_EQ(loaded->unfinished_bytes, 0u);
  EXPECT_EQ(loaded->note, "");
}

TEST_F(SentFileTest, TheFileIsForItsOwnerAlone) {
  SentState state(kOptions);
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto loaded = Load();  // an empty one is one, too
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->state->ledger.history_start(), std::nullopt);
}

// An operator who runs a replay as root took the ledger away from the service.
TEST_F(SentFileTest, RootGivesTheFileBackToTheOwnerOfItsFolder) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  constexpr uid_t kService = 12345;
  SentState state(kOptions);
  Send(state, 0, 10);
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  ASSERT_EQ(chown(path_.c_str(), kService, kService), 0);
  struct stat info = {};
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u) << "the folder is not his";
  ASSERT_EQ(chown(folder_.c_str(), kService, kService), 0);
  ASSERT_EQ(chown(path_.c_str(), kService, kService), 0);
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, kService);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(SentFileTest, WhatWasDroppedInTheWindowIsKnownAgain) {
  SentLedgerOptions small = kOptions;
  small.capacity = 500;
  SentState state(small);
  Send(state, 0, 5'000);
  const double kept = state.ledger.KeptShare();
  ASSERT_LT(kept, 0.5);
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  const auto loaded = SentFile(path_).Load(small);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  SentLedger& ledger = loaded->state->ledger;
  EXPECT_EQ(ledger.KeptShare(), kept);
  EXPECT_EQ(ledger.dropped(), state.ledger.dropped());
  ledger.AdvanceTo(kNow + 8 * kDay);
  EXPECT_EQ(ledger.KeptShare(), 1);
}

TEST_F(SentFileTest, AMinuteIsAddedAndADayIsWrittenWhole) {
  SentState state(kOptions);
  SentFile file(path_);
  Send(state, 0, 20'000);
  ASSERT_TRUE(file.Save(state).ok());
  const std::uint64_t whole = file.bytes();
  Send(state, 20'000, 20'010);
  ASSERT_TRUE(file.Save(state).ok());
  EXPECT_EQ(file.wholes(), 1u);
  EXPECT_EQ(file.additions(), 1u);
  EXPECT_LT(file.bytes() - whole, 500u);
  EXPECT_EQ(Known(*Load()->state, 0, 20'010), 20'010);
  Send(state, 20'010, 20'020, kNow + kDay);
  ASSERT_TRUE(file.Save(state).ok());
  EXPECT_EQ(file.wholes(), 2u);
  EXPECT_EQ(Known(*Load()->state, 0, 20'020), 20'020);
  EXPECT_EQ(Load()->state->ledger.entries(), state.ledger.entries());
}

TEST_F(SentFileTest, AdditionsAreFoldedInOnceTheyOutgrowTheRest) {
  SentState state(kOptions);
  SentFile file(path_);
  for (std::uint32_t i = 0; i < 1024; ++i) {
    const std::uint8_t bytes[4] = {10, 0, static_cast<std::uint8_t>(i >> 8),
                                   static_cast<std::uint8_t>(i)};
    state.coverage.OnSession(IpAddress::V4(bytes), true, kNow);
  }
  std::uint64_t most = 0;
  for (int i = 0; i < 200; ++i) {
    Send(state, i, i + 1);
    ASSERT_TRUE(file.Save(state).ok());
    most = std::max(most, file.bytes());
  }
  EXPECT_GT(file.wholes(), 2u);
  EXPECT_GT(file.additions(), 150u);
  EXPECT_LT(most, 1'500'000u);
  EXPECT_EQ(Known(*Load()->state, 0, 200), 200);
}

TEST_F(SentFileTest, AnAdditionCutOffAnywhereLosesThatAdditionOnly) {
  SentState state(kOptions);
  SentFile file(path_);
  Send(state, 0, 100);
  ASSERT_TRUE(file.Save(state).ok());
  const std::size_t whole = file.bytes();
  Send(state, 100, 110);
  ASSERT_TRUE(file.Save(state).ok());
  const std::string bytes = Bytes();
  ASSERT_EQ(bytes.size(), file.bytes());
  for (std::size_t size = whole; size < bytes.size(); ++size) {
    Overwrite(bytes.substr(0, size));
    const auto loaded = Load();
    ASSERT_TRUE(loaded.ok()) << size << loaded.status();
    ASSERT_EQ(Known(*loaded->state, 0, 100), 100) << size;
    ASSERT_LE(loaded->unfinished_bytes, size - whole);
    Overwrite(bytes.substr(0, size) + std::string(bytes.size() - size, '\0'));  // power went
    const auto zeroed = Load();
    ASSERT_TRUE(zeroed.ok()) << size << " of " << bytes.size() << ", whole " << whole;
    ASSERT_EQ(Known(*zeroed->state, 0, 100), 100) << size;
  }
}

TEST_F(SentFileTest, AFileCutOffBeforeItsSealIsRefused) {
  SentState state(kOptions);
  Send(state, 0, 50);
  SentFile file(path_);
  ASSERT_TRUE(file.Save(state).ok());
  const std::string bytes = Bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Overwrite(bytes.substr(0, size));
    const auto loaded = Load();
    ASSERT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST_F(SentFileTest, EveryDamagedByteIsNoticed) {
  SentState state(kOptions);
  Send(state, 0, 20);
  SentFile file(path_);
  ASSERT_TRUE(file.Save(state).ok());
  const std::string bytes = Bytes();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    Overwrite(damaged);
    const auto loaded = Load();
    ASSERT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << at;
    ASSERT_THAT(std::string(loaded.status().message()), HasSubstr(path_));
    ASSERT_THAT(std::string(loaded.status().message()), HasSubstr("learnt anew"));
  }
}

TEST_F(SentFileTest, ADamagedFileIsReplacedByTheNextSave) {
  Overwrite("no ledger at all, but somebody's notes");
  EXPECT_THAT(std::string(Load().status().message()), HasSubstr("this is no sent ledger"));
  SentState state(kOptions);
  Send(state, 0, 5);
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  EXPECT_EQ(Known(*Load()->state, 0, 5), 5);
}

TEST_F(SentFileTest, NoFileAndWhatIsNoFileAreSaid) {
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kNotFound);
  SentState state(kOptions);
  EXPECT_THAT(std::string(SentFile(folder_).Save(state).message()), HasSubstr("is not a file"));
  EXPECT_THAT(std::string(SentFile(folder_).Load(kOptions).status().message()),
              HasSubstr("is not a file"));
  const absl::Status status = SentFile(folder_ + "/none/ledger").Save(state);
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("see that " + folder_ + "/none is there"));
}

TEST_F(SentFileTest, AnotherCapacityOrWindowKeepsWhatWasLearnt) {
  SentState state(kOptions);
  Send(state, 0, 100, kNow);
  state.ledger.AdvanceTo(kNow + 7 * kDay);
  Send(state, 100, 200, kNow + 7 * kDay);
  ASSERT_TRUE(SentFile(path_).Save(state).ok());
  SentLedgerOptions wanted = kOptions;
  wanted.capacity = 7;
  auto loaded = SentFile(path_).Load(wanted);
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded->note, HasSubstr("sent.capacity of 50000"));
  EXPECT_EQ(Known(*loaded->state, 0, 200), 200);
  wanted = kOptions;
  wanted.window_ns = 4 * kDay;
  loaded = SentFile(path_).Load(wanted);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(Known(*loaded->state, 0, 100), 0);  // too old for it
  EXPECT_EQ(Known(*loaded->state, 100, 200), 100);
  EXPECT_EQ(loaded->state->ledger.slice_ns(), kDay / 2);
}

TEST_F(SentFileTest, AFileThatWasTakenAwayIsWrittenWholeAgain) {
  SentState state(kOptions);
  SentFile file(path_);
  Send(state, 0, 100);
  ASSERT_TRUE(file.Save(state).ok());
  ASSERT_EQ(unlink(path_.c_str()), 0);
  Send(state, 100, 101);
  ASSERT_TRUE(file.Save(state).ok());
  EXPECT_EQ(Known(*Load()->state, 0, 101), 101);
  std::filesystem::resize_file(path_, 10);
  ASSERT_TRUE(file.Save(state).ok());
  EXPECT_EQ(Known(*Load()->state, 0, 101), 101);
}

// ---- a full disk --------------------------------------------------------------------------------

// In a child, since a limit on the size of files cannot be taken back: what a full disk does to
// the writing of the whole, or of an addition.
int SaveWithRoomFor(std::uint64_t room, const std::string& path, SentState& state, SentFile& file) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{room, room};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
  const absl::Status status = file.Save(state);
  if (status.code() != absl::StatusCode::kResourceExhausted) return 3;
  const std::string message(status.message());
  if (message.find(path) == std::string::npos) return 4;
  if (message.find("make room") == std::string::npos) return 5;
  return std::filesystem::exists(path + ".new") ? 6 : 0;
}

TEST_F(SentFileTest, AFullDiskLeavesTheEarlierSaveAndSaysSo) {
  SentState state(kOptions);
  SentFile file(path_);
  Send(state, 0, 1000);
  ASSERT_TRUE(file.Save(state).ok());
  for (const bool whole : {false, true}) {
    const std::uint64_t size = file.bytes();
    Send(state, 1000, 2000, whole ? kNow + kDay : kNow);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(SaveWithRoomFor(whole ? size / 2 : size + 100, path_, state, file));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0) << whole;
    const auto loaded = Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(Known(*loaded->state, 0, 1000), 1000);
    EXPECT_EQ(loaded->unfinished_bytes, 0u);
    ASSERT_TRUE(file.Save(state).ok());  // there is room again
    EXPECT_EQ(Known(*Load()->state, 0, 2000), 2000);
  }
}

// ---- kill -9 ------------------------------------------------------------------------------------

// Saves in a loop, and says over the pipe which mail was the last one of each finished save.
[[noreturn]] void SaveUntilKilled(const std::string& path, int pipe) {
  SentState state(kOptions);
  SentFile file(path);
  for (int mails = 0;; mails += 50) {
    for (int i = mails; i < mails + 50; ++i) {
      state.ledger.Add({.at = kNow + i / 500 * kDay, .message_id = "id-" + std::to_string(i)});
    }
    if (!file.Save(state).ok()) _exit(1);
    const int saved = mails + 50;
    if (write(pipe, &saved, sizeof saved) != sizeof saved) _exit(2);
  }
}

TEST_F(SentFileTest, KilledAtAnyMomentItHoldsTheLastFinishedSave) {
  support::Prng random(20'260'101);
  for (int round = 0; round < 40; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) SaveUntilKilled(path_, ends[1]);
    close(ends[1]);
    int saved = 0;
    ASSERT_EQ(read(ends[0], &saved, sizeof saved), static_cast<ssize_t>(sizeof saved));
    usleep(random.Below(20'000));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    while (read(ends[0], &saved, sizeof saved) == static_cast<ssize_t>(sizeof saved)) {
    }
    close(ends[0]);
    const auto loaded = Load();
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const int oldest =
        std::max(0, (saved - 1) / 500 - 6) * 500;  // a save under way may have turned
    for (int i = oldest; i < saved; ++i) {
      ASSERT_TRUE(loaded->state->ledger.HasMessageId("id-" + std::to_string(i))) << i << saved;
    }
  }
}

}  // namespace
}  // namespace backscatter
