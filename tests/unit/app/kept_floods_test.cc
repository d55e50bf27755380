// The file of floods against what happens to files.
#include "agent/app/kept_floods.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/base/ledger.h"
#include "agent/detect/flood_detector.h"
#include "tests/support/make_transaction.h"
#include "tests/support/prng.h"

namespace backscatter {
namespace {

using testing::HasSubstr;

constexpr PacketTime kStart = 20'780 * kDay + 9 * kHour;
constexpr Judgement kBackscatter = {.verdict = Verdict::kBackscatter,
                                    .solicited = false,
                                    .confidence = Confidence::kMedium,
                                    .reason = "not_sent"};

class KeptFloodsTest : public testing::Test {
 protected:
  KeptFloodsTest() {
    std::string folder = testing::TempDir() + "/floods_XXXXXX";
    folder_ = mkdtemp(folder.data());
    path_ = folder_ + "/floods";
  }
  ~KeptFloodsTest() override { std::filesystem::remove_all(folder_); }

  // A bounce a second to one target, each from a network of its own.
  static void Tell(FloodDetector& detector, int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string source =
          "10." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250) + ".7";
      const Transaction transaction =
          BounceTo("anna@ours.example", source, 250, kStart + i * kSecond);
      detector.OnTransaction({transaction, MailDirection::kInbound, kBackscatter});
    }
  }
  // What the file at `path` knows of that flood; 0: nothing.
  std::uint64_t Recipients() {
    absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path_, {});
    EXPECT_TRUE(kept.ok()) << kept.status();
    EXPECT_EQ(kept->warning(), "");
    const FloodDetector detector({}, &ledger_, kept->Take());
    const std::vector<Flood> floods = detector.Floods();
    return floods.empty() ? 0 : floods[0].recipients;
  }
  // In a process of its own; returns its exit code.
  static int InChild(const std::function<int()>& run) {
    const pid_t child = fork();
    if (child == 0) _exit(run());
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  Ledger ledger_;
  std::string folder_;
  std::string path_;
};

TEST_F(KeptFloodsTest, WhatWasSavedIsThereAgainForItsOwnerAlone) {
  FloodDetector detector({}, &ledger_);
  Tell(detector, 0, 100);
  absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path_, {});
  ASSERT_TRUE(kept.ok());
  ASSERT_EQ(kept->Save(detector.state()), absl::OkStatus());
  EXPECT_EQ(Recipients(), 100U);
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(KeptFloodsTest, WithoutAPathNothingIsKept) {
  absl::StatusOr<KeptFloods> kept = KeptFloods::Open("", {});
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->Save(kept->Take()), absl::OkStatus());
}

TEST_F(KeptFloodsTest, WhatCannotBeUsedIsPutAside) {
  std::ofstream(path_) << "somebody's notes";
  absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path_, {});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_THAT(
      kept->warning(),
      HasSubstr(path_ + ": damaged: this is no file of floods; it is now " + path_ + ".damaged"));
  EXPECT_FALSE(std::filesystem::exists(path_));
  std::filesystem::remove(path_ + ".damaged");
}

TEST_F(KeptFloodsTest, WhatIsNoFileIsRefusedAndStaysWhereItIs) {
  const auto is_refused = [&] {
    const absl::Status status = KeptFloods::Open(path_, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_ + ": is not a file; name another"));
    EXPECT_FALSE(std::filesystem::exists(path_ + ".damaged"));
  };
  std::filesystem::create_directory(path_);
  is_refused();
  EXPECT_TRUE(std::filesystem::is_directory(path_));
  std::filesystem::remove(path_);
  std::filesystem::create_symlink("/dev/null", path_);
  is_refused();
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
}

TEST_F(KeptFloodsTest, KilledAtAnyMomentItHoldsTheLastFinishedSave) {
  support::Prng random(20'260'101);
  for (int round = 0; round < 40; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {  // saves in a loop, and says over the pipe what each finished save holds
      FloodDetector detector({}, &ledger_);
      absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path_, {});
      for (int told = 0;; told += 50) {
        Tell(detector, told, told + 50);
        if (!kept.ok() || !kept->Save(detector.state()).ok()) _exit(1);
        const int saved = told + 50;
        if (write(ends[1], &saved, sizeof saved) != sizeof saved) _exit(2);
      }
    }
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
    const std::uint64_t held = Recipients();
    EXPECT_TRUE(held == static_cast<std::uint64_t>(saved) ||
                held == static_cast<std::uint64_t>(saved) + 50)
        << held << " after " << saved;
    std::filesystem::remove(path_);
  }
}

TEST_F(KeptFloodsTest, AFileThatMayNotGrowLeavesTheEarlierSave) {
  FloodDetector detector({}, &ledger_);
  absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path_, {});
  Tell(detector, 0, 100);
  ASSERT_TRUE(kept->Save(detector.state()).ok());
  Tell(detector, 100, 200);
  const int exit_code = InChild([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{5000, 5000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    return kept->Save(detector.state()).code() == absl::StatusCode::kResourceExhausted ? 0 : 3;
  });
  EXPECT_EQ(exit_code, 0);
  EXPECT_EQ(Recipients(), 100U);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  ASSERT_TRUE(kept->Save(detector.state()).ok()) << "there is room again";
  EXPECT_EQ(Recipients(), 200U);
}

// A disk of 16 KiB, in a mount namespace of its own.
TEST_F(KeptFloodsTest, AFullDiskLeavesTheEarlierSave) {
  constexpr int kNoRights = 77;
  const int exit_code = InChild([&] {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=16k") != 0) {
      return kNoRights;
    }
    FloodDetector detector({}, &ledger_);
    absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path_, {});
    Tell(detector, 0, 50);
    if (!kept.ok() || !kept->Save(detector.state()).ok()) return 1;
    Tell(detector, 50, 1000);
    for (int minute = 0; minute < 3; ++minute) {
      const absl::Status status = kept->Save(detector.state());
      if (status.code() != absl::StatusCode::kResourceExhausted) return 2;
      if (status.message().find("make room") == std::string::npos) return 3;
    }
    return Recipients() == 50 ? 0 : 4;
  });
  if (exit_code == kNoRights) GTEST_SKIP() << "needs rights to mount a file system";
  EXPECT_EQ(exit_code, 0);
}

}  // namespace
}  // namespace backscatter
