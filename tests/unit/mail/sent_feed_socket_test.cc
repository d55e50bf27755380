#include "agent/mail/sent_feed_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SentFeedSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "/feed_XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/sent.sock";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  sockaddr_un Address() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    return address;
  }
  int Connect() const {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address();
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void Say(int fd, const std::string& text) {
    ASSERT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  void Poll(SentFeedSocket& feed) {
    feed.Poll([this](const SentMail& mail) { ids_.emplace_back(mail.message_id); });
  }

  Ledger ledger_;
  std::string folder_;
  std::string path_;
  std::vector<std::string> ids_;
};

TEST_F(SentFeedSocketTest, LinesOfManyClientsArriveHoweverTheyAreCut) {
  auto feed = SentFeedSocket::Listen(path_, ledger_);
  ASSERT_TRUE(feed.ok()) << feed.status();
  Poll(**feed);  // nobody there: returns
  const int one = Connect();
  const int two = Connect();
  Say(one, "1\ta@");
  Say(two, "1\tc@d\tx@y\tr@s\nnonsense\n");
  Poll(**feed);
  EXPECT_THAT(ids_, ElementsAre("c@d"));
  EXPECT_EQ((*feed)->clients(), 2u);
  Say(one, "b\tx@y\tr@s\n2\te@f\tx@y\tr@s");
  close(one);
  Poll(**feed);
  EXPECT_THAT(ids_, ElementsAre("c@d", "a@b", "e@f"));
  EXPECT_EQ((*feed)->clients(), 1u);
  EXPECT_EQ(ledger_.Get(Loss::kSentFeedLines), 1u);
  close(two);
}

TEST_F(SentFeedSocketTest, ItsModeIsForOwnerAndGroupWhateverTheUmask) {
  const mode_t before = umask(0077);
  auto feed = SentFeedSocket::Listen(path_, ledger_);
  umask(before);
  ASSERT_TRUE(feed.ok()) << feed.status();
  struct stat status = {};
  ASSERT_EQ(lstat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0660u);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
}

TEST_F(SentFeedSocketTest, AStaleSocketMakesWayAndALivingOneDoesNot) {
  {
    const int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = Address();
    ASSERT_EQ(bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    close(stale);  // as after a kill: the name stays
  }
  auto feed = SentFeedSocket::Listen(path_, ledger_);
  ASSERT_TRUE(feed.ok()) << feed.status();
  const auto second = SentFeedSocket::Listen(path_, ledger_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process listens there"));
  close(Connect());  // the first is still there
  feed->reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SentFeedSocketTest, WhatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  const auto feed = SentFeedSocket::Listen(path_, ledger_);
  EXPECT_EQ(feed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(feed.status().message()), HasSubstr(path_ + ": is there and no socket"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(SentFeedSocketTest, PathsThatCannotBeAreSaid) {
  EXPECT_EQ(SentFeedSocket::Listen(std::string(108, 'a'), ledger_).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SentFeedSocket::Listen("", ledger_).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto feed = SentFeedSocket::Listen(folder_ + "/none/s", ledger_);
  EXPECT_THAT(std::string(feed.status().message()), HasSubstr("No such file"));
}

TEST_F(SentFeedSocketTest, ClientsBeyondTheCapAreClosedAndCounted) {
  auto feed = SentFeedSocket::Listen(path_, ledger_);
  ASSERT_TRUE(feed.ok()) << feed.status();
  std::vector<int> clients;
  for (std::size_t i = 0; i < SentFeedSocket::kMaxClients + 3; ++i) {
    clients.push_back(Connect());
    Poll(**feed);
  }
  EXPECT_EQ((*feed)->clients(), SentFeedSocket::kMaxClients);
  EXPECT_EQ(ledger_.Get(Loss::kSentFeedClients), 3u);
  char byte;
  EXPECT_EQ(recv(clients.back(), &byte, 1, 0), 0);  // closed
  for (const int fd : clients) close(fd);
  Poll(**feed);
  EXPECT_EQ((*feed)->clients(), 0u);
}

TEST_F(SentFeedSocketTest, OneBusyClientDoesNotKeepThePollForItself) {
  auto feed = SentFeedSocket::Listen(path_, ledger_);
  ASSERT_TRUE(feed.ok()) << feed.status();
  const int busy = Connect();
  const std::string line = "1\ta@b\tx@y\tr@s\n";
  std::size_t sent = 0;
  const timeval patience{0, 10'000};
  setsockopt(busy, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  while (send(busy, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size())) {
    ++sent;
  }
  Poll(**feed);
  EXPECT_GT(ids_.size(), 0u);
  EXPECT_LE(ids_.size() * line.size(), SentFeedSocket::kMostAPoll + 16384);
  for (int i = 0; i < 1000 && ids_.size() < sent; ++i) Poll(**feed);
  EXPECT_EQ(ids_.size(), sent);
  close(busy);
}

}  // namespace
}  // namespace backscatter
