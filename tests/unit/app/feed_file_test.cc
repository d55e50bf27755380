#include "agent/app/feed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace backscatter {
namespace {

using testing::HasSubstr;

constexpr PacketTime kStart = 1'790'000'000 * kSecond;

class FeedFileTest : public testing::Test {
 protected:
  FeedFileTest() {
    std::string folder = testing::TempDir() + "/feed_file_XXXXXX";
    folder_ = mkdtemp(folder.data());
  }
  ~FeedFileTest() override { std::filesystem::remove_all(folder_); }

  // A line of the mail `id`, so many seconds behind kStart.
  static std::string Line(int seconds, const std::string& id) {
    return std::to_string(std::int64_t{1'790'000'000} + seconds) + "\t<" + id +
           "@ours.example>\t\t\n";
  }
  std::unique_ptr<FeedFile> Open(const std::string& text) {
    const std::string path = folder_ + "/feed";
    std::ofstream(path, std::ios::binary) << text;
    auto feed = FeedFile::Open(path, losses_, ledger_);
    return feed.ok() ? *std::move(feed) : nullptr;
  }
  bool Knows(const std::string& id) const { return ledger_.HasMessageId(id + "@ours.example"); }

  std::string folder_;
  Ledger losses_;
  SentLedger ledger_{SentLedgerOptions{}};
};

TEST_F(FeedFileTest, AMailIsKnownFromItsTimeOn) {
  const auto feed = Open(Line(0, "a") + "no line\n" + Line(10, "b"));
  feed->AdvanceTo(kStart - 1);
  EXPECT_FALSE(Knows("a"));
  feed->AdvanceTo(kStart);
  EXPECT_TRUE(Knows("a"));
  EXPECT_FALSE(Knows("b"));
  feed->AdvanceTo(kStart + 10 * kSecond);
  EXPECT_TRUE(Knows("b"));
  EXPECT_EQ(losses_.Get(Loss::kSentFeedLines), 1u);
}

// One line with a wrong time made all that came after it unknown, and so every bounce backscatter.
TEST_F(FeedFileTest, ALineWithATimeFarAheadDoesNotKeepThoseBehindIt) {
  const auto feed = Open(Line(0, "a") + Line(400'000'000, "ahead") + Line(1, "b") + Line(2, "c"));
  feed->AdvanceTo(kStart + kSecond);
  EXPECT_TRUE(Knows("a"));
  EXPECT_TRUE(Knows("b"));
  EXPECT_FALSE(Knows("c"));
  EXPECT_FALSE(Knows("ahead"));
  feed->AdvanceTo(kStart + 2 * kSecond);
  EXPECT_TRUE(Knows("c"));
}

TEST_F(FeedFileTest, AFileOfManyBlocksIsReadToTheTimeThatWasReached) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += Line(i, "m" + std::to_string(i));
  text += std::string(200'000, '#') + "\n" + Line(20'000, "last");
  const auto feed = Open(text);
  feed->AdvanceTo(kStart + 9'999 * kSecond);
  EXPECT_TRUE(Knows("m9999"));
  EXPECT_FALSE(Knows("m10000"));
  EXPECT_EQ(ledger_.mails(), 10'000u);
  feed->AdvanceTo(kStart + 20'000 * kSecond);
  EXPECT_TRUE(Knows("last"));
  EXPECT_EQ(ledger_.mails(), 20'001u);
}

TEST_F(FeedFileTest, WhatWaitsIsBoundedAndWhatIsDroppedIsCounted) {
  std::string text;
  constexpr int kLines = 100'000;
  for (int i = 0; i < kLines; ++i) text += Line(i % 100 == 0 ? 0 : 1'000'000 + i, "x");
  const auto feed = Open(text);
  feed->AdvanceTo(kStart);
  EXPECT_EQ(ledger_.mails(), kLines / 100);
  EXPECT_GE(losses_.Get(Loss::kSentFeedLines), kLines * 99 / 100 - FeedFile::kMaxWaiting);
  feed->AdvanceTo(kStart + 2'000'000 * kSecond);
  EXPECT_EQ(ledger_.mails() + losses_.Get(Loss::kSentFeedLines), kLines);
}

// It could be opened, and held nothing: every bounce was backscatter.
TEST_F(FeedFileTest, AFolderIsNoFeed) {
  const auto feed = FeedFile::Open(folder_, losses_, ledger_);
  ASSERT_FALSE(feed.ok());
  EXPECT_THAT(std::string(feed.status().message()), HasSubstr("is a folder"));
}

}  // namespace
}  // namespace backscatter
