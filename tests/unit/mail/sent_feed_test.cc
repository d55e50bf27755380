#include "agent/mail/sent_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// "time|message-id|sender|recipient"
class SentFeedTest : public testing::Test {
 protected:
  SentFeedSink Sink() {
    return [this](const SentMail& mail) {
      mails_.push_back(FormatRfc3339(mail.at).append("|").append(mail.message_id).append("|") +
                       std::string(mail.sender).append("|").append(mail.recipient));
    };
  }
  std::uint64_t Skipped() const { return ledger_.Get(Loss::kSentFeedLines); }

  Ledger ledger_;
  std::vector<std::string> mails_;
};

TEST(SentFeedTime, TakesRfc3339AndSecondsOfTheEpoch) {
  EXPECT_EQ(ParseFeedTime("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseFeedTime("2026-11-24T10:00:00.5+01:00"), ParseFeedTime("1795510800.5"));
  EXPECT_EQ(ParseFeedTime("2026-11-24 10:00:00-0530"), ParseFeedTime("1795534200"));
  EXPECT_EQ(ParseFeedTime("2024-02-29t23:59:60z"), ParseFeedTime("1709251200"));
  EXPECT_EQ(ParseFeedTime("1.0000000019"), kSecond + 1);
  EXPECT_EQ(ParseFeedTime("0"), 0);
}

TEST(SentFeedTime, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "x",
                           "-1",
                           "1.",
                           ".5",
                           "1e9",
                           "99999999999",
                           "5000000000",
                           "2026-11-24",
                           "2026-11-24T10:00:00",
                           "2026-02-29T10:00:00Z",
                           "2026-13-01T10:00:00Z",
                           "2026-11-24T24:00:00Z",
                           "2026-11-24T10:60:00Z",
                           "2026-11-24T10:00:61Z",
                           "2026-11-24T10:00:00.Z",
                           "2026-11-24T10:00:00+24:00",
                           "2026-11-24T10:00:00+1",
                           "2026-11-24T10:00:00Zx",
                           "1969-12-31T23:59:59Z",
                           "9999-01-01T00:00:00Z"}) {
    EXPECT_EQ(ParseFeedTime(text), std::nullopt) << text;
  }
}

TEST_F(SentFeedTest, ALineIsAMail) {
  SentFeedLines lines(ledger_);
  lines.Add(
      "1795510800\t<a@b>\talice@example.com\tbob@x.org\n"
      "# a remark\n\n"
      "1795510800.25\ta@b\t<>\tbob@x.org\r\n"
      "1795510800\t\talice@example.com\tb\xc3\xb6rn@x.org\n",
      Sink());
  EXPECT_THAT(mails_,
              ElementsAre("2026-11-24T09:00:00.000000000Z|<a@b>|alice@example.com|bob@x.org",
                          "2026-11-24T09:00:00.250000000Z|a@b||bob@x.org",
                          "2026-11-24T09:00:00.000000000Z||alice@example.com|b\xc3\xb6rn@x.org"));
  EXPECT_EQ(Skipped(), 0u);
}

TEST_F(SentFeedTest, MalformedLinesAreCountedAndTheNextOneIsRead) {
  SentFeedLines lines(ledger_);
  lines.Add(
      "1795510800 a@b alice@example.com bob@x.org\n"
      "1795510800\ta@b\talice@example.com\n"
      "1795510800\ta@b\talice@example.com\tbob@x.org\tmore\n"
      "yesterday\ta@b\talice@example.com\tbob@x.org\n"
      "1795510800\t\talice@example.com\t\n"
      "1795510800\ta\x01@b\talice@example.com\tbob@x.org\n",
      Sink());
  EXPECT_EQ(Skipped(), 6u);
  EXPECT_THAT(mails_, IsEmpty());
  lines.Add("1795510800\ta@b\talice@example.com\tbob@x.org\n", Sink());
  EXPECT_EQ(mails_.size(), 1u);
}

TEST_F(SentFeedTest, ALineTooLongIsCountedOnceAndSkippedToItsEnd) {
  SentFeedLines lines(ledger_);
  const std::string start = "1795510800\ta@b\tx@y\t";
  lines.Add(start + std::string(kMaxFeedLine - start.size(), 'r') + "\r\n", Sink());
  EXPECT_EQ(mails_.size(), 1u);
  for (int i = 0; i < 100; ++i) lines.Add(std::string(kMaxFeedLine, 'r'), Sink());
  lines.Add("\n" + start + "bob@x.org\n", Sink());
  EXPECT_EQ(Skipped(), 1u);
  EXPECT_EQ(mails_.size(), 2u);
}

TEST_F(SentFeedTest, LinesAreTheSameHoweverTheyAreCut) {
  const std::string text = "1\ta@b\tx@y\tr@s\nbad\n\r\n2\tc@d\tx@y\tr@s\r\n" +
                           std::string(5000, 'z') + "\n#no\n3\te@f\t\tr@s";
  SentFeedLines whole(ledger_);
  whole.Add(text, Sink());
  whole.End(Sink());
  const std::vector<std::string> expected = mails_;
  EXPECT_EQ(expected.size(), 3u);
  EXPECT_EQ(Skipped(), 2u);
  for (const std::size_t step : {1U, 2U, 3U, 7U, 4096U}) {
    ledger_ = {};
    mails_.clear();
    SentFeedLines lines(ledger_);
    for (std::size_t at = 0; at < text.size(); at += step) {
      lines.Add(std::string_view(text).substr(at, step), Sink());
    }
    lines.End(Sink());
    EXPECT_EQ(mails_, expected) << step;
    EXPECT_EQ(Skipped(), 2u) << step;
  }
}

TEST_F(SentFeedTest, AFileIsReadToItsEnd) {
  const std::string path = testing::TempDir() + "/sent_feed." + std::to_string(getpid());
  std::ofstream(path) << "1\ta@b\tx@y\tr@s\nbad\n2\tc@d\tx@y\tr@s";
  EXPECT_TRUE(ReadSentFeedFile(path, ledger_, Sink()).ok());
  EXPECT_EQ(mails_.size(), 2u);
  EXPECT_EQ(Skipped(), 1u);
  std::filesystem::remove(path);
  const absl::Status status = ReadSentFeedFile(path, ledger_, Sink());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  EXPECT_FALSE(ReadSentFeedFile(testing::TempDir(), ledger_, Sink()).ok());  // a folder
}

// ---- the samples --------------------------------------------------------------------------------

std::string OutputOf(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "not started";
  std::string output;
  char bytes[4096];
  for (std::size_t got; (got = fread(bytes, 1, sizeof bytes, pipe)) > 0;) output.append(bytes, got);
  return pclose(pipe) == 0 ? output : "failed: " + output;
}

const std::string kRoot = BACKSCATTER_SOURCE_DIR;
const std::string kLogs = kRoot + "/tests/unit/mail/logs/";
const std::string kSamples = kRoot + "/packaging/sent-feed/";

TEST_F(SentFeedTest, ThePostfixSampleTellsWhatLeftTheHost) {
  const std::string feed =
      OutputOf("ZONE=+0100 YEAR=2026 " + kSamples + "postfix-sent-feed " + kLogs + "postfix.log");
  SentFeedLines lines(ledger_);
  lines.Add(feed, Sink());
  EXPECT_THAT(
      mails_,
      ElementsAre(
          "2026-11-24T09:00:01.200000000Z|one@app.example.com|alice@example.com|bob@other.example",
          "2026-11-24T09:00:01.300000000Z|one@app.example.com|alice@example.com|"
          "\"odd >, one\"@third.example",
          "2026-11-24T09:00:03.000000000Z|two@mx1.example.com||eve@fourth.example",
          "2026-11-04T22:59:59.000000000Z|three@example.com|news@example.com|f@x.example",
          "2026-11-04T22:59:59.000000000Z|three@example.com|news@example.com|h@z.example"));
  EXPECT_EQ(Skipped(), 0u) << feed;
}

TEST_F(SentFeedTest, TheEximSampleTellsWhatLeftTheHost) {
  const std::string feed =
      OutputOf("ZONE=-0530 " + kSamples + "exim-sent-feed " + kLogs + "exim.log");
  SentFeedLines lines(ledger_);
  lines.Add(feed, Sink());
  EXPECT_THAT(
      mails_,
      ElementsAre(
          "2026-11-24T15:30:01.000000000Z|one@app.example.com|alice@example.com|bob@other.example",
          "2026-11-24T15:30:01.000000000Z|one@app.example.com|alice@example.com|"
          "carol@other.example",
          "2026-11-24T15:30:04.000000000Z|two@example.com|news@example.com|hal@x.example"));
  EXPECT_EQ(Skipped(), 0u) << feed;
}

TEST_F(SentFeedTest, TheSamplesSayALineAsSoonAsTheLogHasIt) {
  for (const char* sample : {"postfix", "exim"}) {
    const std::string log = kLogs + sample + ".log";
    // The log stays open for as long as nothing was read from the sample.
    const std::string fifo = testing::TempDir() + "/sent_fifo." + std::to_string(getpid());
    const std::string output =
        OutputOf("mkfifo " + fifo + "; (head -n 4 " + log + "; timeout 20 cat " + fifo + ") | " +
                 kSamples + sample + "-sent-feed | (head -n 1; timeout 5 sh -c ': > " + fifo +
                 "' || echo late); rm " + fifo);
    EXPECT_THAT(output, Not(HasSubstr("late"))) << sample;
    EXPECT_THAT(output, HasSubstr("bob@other.example")) << sample;
  }
}

}  // namespace
}  // namespace backscatter
