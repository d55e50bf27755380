// What was sent, remembered from run to run or told by a log: the program as it is used.
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/dialogue_capture.h"
#include "tests/support/pcap_writer.h"

namespace backscatter {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kOurs[] = "192.0.2.25";
constexpr char kOther[] = "198.51.100.7";

std::string Mail(const std::string& client, const std::string& server, const std::string& sender,
                 const std::string& recipient, const std::string& content, PacketTime start) {
  support::DialogueOptions options;
  options.client = client;
  options.server = server;
  options.start = start;
  support::DialogueCapture capture(options);
  capture.Server("220 mx ESMTP\r\n").Client("EHLO out.example\r\n").Server("250 mx\r\n");
  capture.Client("MAIL FROM:<" + sender + ">\r\n").Server("250 ok\r\n");
  capture.Client("RCPT TO:<" + recipient + ">\r\n").Server("250 ok\r\n");
  capture.Client("DATA\r\n").Server("354 go\r\n").Client(content + "\r\n.\r\n");
  capture.Server("250 ok\r\n").Client("QUIT\r\n").Server("221 bye\r\n");
  return support::ToPcap(capture.Frames());
}

constexpr PacketTime kStart = 1'790'000'000 * kSecond;

// In a fresh directory: sent.pcap, where joe@ours.example writes to gone@other.example, and
// bounce.pcap, where the bounce of that mail comes back.
class SentCli : public testing::Test {
 protected:
  SentCli() {
    char name[] = "/tmp/backscatter_sent_XXXXXX";
    directory_ = mkdtemp(name);
    Write("none.yaml", "");
    Write("sent.pcap", Mail(kOurs, kOther, "joe@ours.example", "gone@other.example",
                            "Message-ID: <1@ours.example>\r\nSubject: hi\r\n\r\nhi", kStart));
    Write("bounce.pcap",
          Mail(kOther, kOurs, "", "joe@ours.example",
               "From: MAILER-DAEMON@other.example\r\nSubject: Undelivered Mail\r\n"
               "MIME-Version: 1.0\r\n"
               "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
               "--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
               "Reporting-MTA: dns; other.example\r\n\r\n"
               "Final-Recipient: rfc822; someone@other.example\r\nAction: failed\r\n"
               "Status: 5.1.1\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
               "Message-ID: <1@ours.example>\r\n--b--",
               kStart + 60 * kSecond));
  }
  ~SentCli() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(directory_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool Exists(const std::string& name) const {
    return std::filesystem::exists(directory_ + "/" + name);
  }
  // Returns the exit code; the report is in `output_`, what was said in `errors_`.
  int Replay(const std::string& arguments) {
    const std::string command = "cd " + directory_ +
                                " && " BACKSCATTERD_BINARY
                                " replay --config.file none.yaml --format json --set "
                                "local.networks=[192.0.2.0/24] --set sent.min_history=0s " +
                                arguments + " > stdout 2> stderr < /dev/null";
    const int status = std::system(command.c_str());
    output_ = Read("stdout");
    errors_ = Read("stderr");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string directory_;
  std::string output_;
  std::string errors_;
};

TEST_F(SentCli, OneRunKnowsWhatItsCapturesShow) {
  EXPECT_EQ(Replay("sent.pcap bounce.pcap"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr(R"("verdicts":{"normal":1,"solicited":1})"));
  EXPECT_EQ(Replay("bounce.pcap"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr(R"("verdicts":{"unknown":1})"));
}

TEST_F(SentCli, TheLedgerRemembersFromRunToRun) {
  EXPECT_EQ(Replay("sent.pcap --sent-ledger kept"), 0) << errors_;
  EXPECT_EQ(Replay("bounce.pcap --sent-ledger kept"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr(R"("verdicts":{"solicited":1})"));
  EXPECT_EQ(errors_, "");
  EXPECT_THAT(Read("kept"), Not(HasSubstr("ours"))) << "hashes, no addresses";
}

TEST_F(SentCli, ADamagedLedgerIsPutAsideAndSaid) {
  ASSERT_EQ(Replay("sent.pcap --sent-ledger kept"), 0) << errors_;
  std::string damaged = Read("kept");
  damaged[damaged.size() / 2] ^= 1;
  Write("kept", damaged);
  EXPECT_EQ(Replay("bounce.pcap --sent-ledger kept"), 1);
  EXPECT_THAT(errors_, AllOf(HasSubstr("kept"), HasSubstr("kept.damaged")));
  EXPECT_THAT(output_, HasSubstr(R"("verdicts":{"unknown":1})"));
  EXPECT_EQ(Read("kept.damaged"), damaged);
  EXPECT_EQ(Replay("bounce.pcap --sent-ledger kept"), 0) << errors_;
}

TEST_F(SentCli, ACaptureIsNeverTakenForALedger) {
  const std::string before = Read("bounce.pcap");
  EXPECT_EQ(Replay("sent.pcap bounce.pcap --sent-ledger bounce.pcap"), 2);
  EXPECT_THAT(errors_, HasSubstr("--sent-ledger bounce.pcap would overwrite the capture"));
  EXPECT_EQ(Replay("sent.pcap --sent-ledger none/such/folder"), 1);
  EXPECT_THAT(errors_, HasSubstr("none/such/folder"));
  EXPECT_EQ(Read("bounce.pcap"), before);
  EXPECT_FALSE(Exists("bounce.pcap.damaged"));
}

TEST_F(SentCli, AFeedTellsWhatTheWireDidNotShow) {
  Write("feed",
        "1790000000.5\t<1@ours.example>\tjoe@ours.example\tgone@other.example\n"
        "not a line\n");
  EXPECT_EQ(Replay("bounce.pcap --set sent.feed=feed"), 0) << errors_;
  EXPECT_THAT(output_, AllOf(HasSubstr(R"("verdicts":{"solicited":1})"),
                             HasSubstr(R"("sent.feed_lines":1)")));
  // Another mail was sent, and the feed tells all: this one is not ours.
  Write("feed", "1790000000\t<2@ours.example>\tjoe@ours.example\tgone@other.example\n");
  EXPECT_EQ(Replay("bounce.pcap --set sent.feed=feed"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr(R"("verdicts":{"backscatter":1})"));
  // Told only later than the bounce came.
  Write("feed", "1790000900\t<1@ours.example>\tjoe@ours.example\tgone@other.example\n");
  EXPECT_EQ(Replay("bounce.pcap --set sent.feed=feed"), 0) << errors_;
  EXPECT_THAT(output_, HasSubstr(R"("verdicts":{"unknown":1})"));
  EXPECT_EQ(Replay("bounce.pcap --set sent.feed=missing"), 2);
  EXPECT_THAT(errors_, HasSubstr("sent.feed missing: No such file"));
}

TEST_F(SentCli, AKeyFileThatOthersCanReadIsRefused) {
  Write("key", "secretkey\n");
  std::filesystem::permissions(directory_ + "/key", std::filesystem::perms(0644));
  EXPECT_EQ(Replay("bounce.pcap --set batv.keys=[0:key]"), 2);
  EXPECT_THAT(errors_, AllOf(HasSubstr("key"), HasSubstr("chmod 600"), Not(HasSubstr("secret"))));
  std::filesystem::permissions(directory_ + "/key", std::filesystem::perms(0600));
  EXPECT_EQ(Replay("bounce.pcap --set batv.keys=[0:key]"), 0) << errors_;
}

}  // namespace
}  // namespace backscatter
