// The built program as a shell sees it: exit codes, messages, pipes, signals.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/base/file_descriptor.h"
#include "tests/support/dialogue_capture.h"

namespace backscatter {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

struct Result {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

// In a fresh directory with two captures of one bounce each, a.pcap and b.pcap, and a configuration
// without keys. `$B` is the program; it never reads the configuration of the machine.
class Cli : public testing::Test {
 protected:
  Cli() {
    char name[] = "/tmp/backscatter_cli_XXXXXX";
    directory_ = mkdtemp(name);
    Write("a.pcap", Bounce("a@v.test", 40'001));
    Write("b.pcap", Bounce("b@v.test", 40'002));
    Write("empty.yaml", "");
  }
  ~Cli() override { std::filesystem::remove_all(directory_); }

  static std::string Bounce(const std::string& target, std::uint16_t client_port) {
    return support::ToPcap(Frames(target, client_port));
  }
  static std::vector<support::TimedFrame> Frames(const std::string& target,
                                                 std::uint16_t client_port) {
    support::DialogueOptions options;
    options.client_port = client_port;
    support::DialogueCapture capture(options);
    capture.Server("220 mx ESMTP\r\n").Client("EHLO a.test\r\n").Server("250 mx\r\n");
    capture.Client("MAIL FROM:<>\r\n").Server("250 ok\r\n");
    capture.Client("RCPT TO:<" + target + ">\r\n").Server("250 ok\r\n");
    capture.Client("DATA\r\n").Server("354 go\r\n").Client("x\r\n.\r\n").Server("250 ok\r\n");
    capture.Client("QUIT\r\n").Server("221 bye\r\n");
    return capture.Frames();
  }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(directory_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // The status is that of the last command of a pipe.
  Result Sh(const std::string& script) const {
    const std::string command = "cd " + directory_ + " && B=" BACKSCATTERD_BINARY " && { " +
                                script + "; } > stdout 2> stderr < /dev/null";
    const int status = std::system(command.c_str());
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, Read("stdout"), Read("stderr")};
  }
  // `replay` with the defaults.
  Result Replay(const std::string& arguments) const {
    return Sh("$B replay --config.file empty.yaml " + arguments);
  }

  std::string directory_;
};

TEST_F(Cli, AReplayPrintsTheReportAndIsDone) {
  const Result result = Replay("a.pcap b.pcap");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("a@v.test"), HasSubstr("b@v.test")));
  EXPECT_THAT(result.output, Not(HasSubstr("\x1b"))) << "piped, so plain";
  EXPECT_EQ(result.errors, "") << "and no progress";
  for (const char c : result.output) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
}

TEST_F(Cli, APortThatIsTakenEndsARunInThree) {
  const FileDescriptor taken(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(taken.get(), 1), 0);
  ASSERT_EQ(getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string run =
      "$B run --config.file empty.yaml --set sent.file= --set detection.file= "
      "--set labels.key_file=k --set labels.names_file= --web.listen-address=127.0.0.1:";
  Result result = Sh(run + std::to_string(ntohs(address.sin_port)));
  EXPECT_EQ(result.exit_code, 3) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("another program has this port"));
  result = Sh(run + "0 --web.config.file=no.yml");
  EXPECT_EQ(result.exit_code, 2) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("no.yml: cannot read no.yml: No such file"));
}

TEST_F(Cli, SetDoesNotLoseTheFile) {
  const Result result = Replay("--set targets.fold_case=true a.pcap --set ports=[25] b.pcap");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, AllOf(HasSubstr("a@v.test"), HasSubstr("b@v.test")));
}

TEST_F(Cli, StandardInputIsAFile) {
  const Result result = Replay("--format json - < a.pcap");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, AllOf(StartsWith("{\"schema\":\"backscatter.report/1\""),
                                   HasSubstr("\"address\":\"a@v.test\""), EndsWith("}\n")));
}

TEST_F(Cli, SigintEndsStandardInputAndTheReportIsPrinted) {
  const Result result =
      Sh("(cat a.pcap; sleep 4) | timeout -s INT --preserve-status 2 $B replay --config.file "
         "empty.yaml -");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("a@v.test"));
}

TEST_F(Cli, TransactionsAreLinesOfTheirOwn) {
  const Result result = Replay("--transactions lines.json a.pcap b.pcap");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("a@v.test"));
  const std::string lines = Read("lines.json");
  EXPECT_THAT(lines, StartsWith("{\"schema\":\"backscatter.transaction/1\""));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
}

TEST_F(Cli, TransactionsOnStandardOutputAreAlone) {
  const Result result = Replay("--transactions - --format json a.pcap");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, StartsWith("{\"schema\":\"backscatter.transaction/1\""));
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1);
  EXPECT_THAT(result.errors, StartsWith("{\"schema\":\"backscatter.report/1\""));
}

TEST_F(Cli, TransactionsNeverOverwriteACapture) {
  const std::string before = Read("a.pcap");
  const Result result = Replay("--transactions ./a.pcap b.pcap a.pcap");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.errors,
            "backscatterd: --transactions ./a.pcap would overwrite the capture a.pcap\n");
  EXPECT_EQ(Read("a.pcap"), before);
}

TEST_F(Cli, DamagedInputIsNamedAndTheRestIsReported) {
  Write("cut.pcap", Bounce("c@v.test", 40'003).substr(0, 1000));
  Write("none.pcap", "");
  Write("text.pcap", "this is not a capture at all, is it\n");
  const Result result = Replay("nowhere.pcap cut.pcap none.pcap text.pcap . a.pcap");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("a@v.test"));
  for (const std::string_view name : {"nowhere.pcap", "cut.pcap", "none.pcap", "text.pcap", "."}) {
    EXPECT_THAT(result.errors, HasSubstr("backscatterd: " + std::string(name) + ": "));
  }
  EXPECT_THAT(result.errors, Not(HasSubstr("a.pcap:")));
  EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 5) << result.errors;
}

TEST_F(Cli, WrongUsageEndsInTwo) {
  EXPECT_EQ(Sh("$B").exit_code, 2);
  EXPECT_EQ(Sh("$B replay").exit_code, 2);
  EXPECT_EQ(Sh("$B replay --format").exit_code, 2);
  EXPECT_EQ(Sh("$B replay a.pcap --top x").exit_code, 2);
  const Result result = Sh("$B replay --formt json a.pcap");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors,
            "backscatterd: unknown flag \"--formt\"; did you mean --format? See `backscatterd "
            "replay --help`\n");
}

TEST_F(Cli, WhatIsNotBuiltYetSaysSo) {
  for (const std::string command : {"incidents", "top"}) {
    const Result result = Sh("$B " + command);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.errors,
                HasSubstr("comes with a later release; `replay`, `run`, `check` and"));
  }
}

TEST_F(Cli, AWrongConfigurationEndsInTwoBeforeAnythingIsRead) {
  Write("bad.yaml", "ports: [25]\ntargets:\n  fold_cas: true\n");
  const Result result = Sh("$B replay a.pcap --config.file bad.yaml --transactions lines.json");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(result.errors,
            "backscatterd: bad.yaml:3: unknown key \"targets.fold_cas\"; did you mean "
            "\"targets.fold_case\"?\n");
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/lines.json"));
}

TEST_F(Cli, KeysOfLaterVersionsAreNoted) {
  const Result result = Replay("a.pcap --set tls.mode=off");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "backscatterd: note: without effect in this version: tls.mode\n");
}

TEST_F(Cli, WhatTheSystemRefusesEndsInThree) {
  const Result result = Replay("a.pcap --transactions /nowhere/x");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.errors,
            "backscatterd: /nowhere/x: cannot be written: No such file or "
            "directory\n");
}

TEST_F(Cli, AFullDiskIsAnErrorOfItsOwn) {
  for (const std::string where : {"> /dev/full", "--format json > /dev/full"}) {
    const Result result = Replay("a.pcap " + where);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.errors,
              "backscatterd: standard output: not everything was written: No space "
              "left on device\n");
  }
  const Result lines = Replay("a.pcap --transactions /dev/full");
  EXPECT_EQ(lines.exit_code, 1);
  EXPECT_THAT(lines.output, HasSubstr("a@v.test"));
  EXPECT_THAT(lines.errors, HasSubstr("/dev/full: not everything was written"));
  EXPECT_EQ(Sh("$B --help > /dev/full").exit_code, 1);
}

TEST_F(Cli, AReaderThatGoesAwayIsNoCrash) {
  const Result result = Sh("{ $B replay --config.file empty.yaml a.pcap; echo $? > code; } | true");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.errors, "");
  EXPECT_THAT(Read("code"), testing::AnyOf("0\n", "1\n")) << "1 if the reader was gone by then";
}

TEST_F(Cli, AnEndlessInputEndsWithTheReaderOfTheTransactions) {
  std::vector<std::vector<support::TimedFrame>> sessions;
  for (std::uint16_t port = 10'000; port < 10'300; ++port) {
    sessions.push_back(Frames("a@v.test", port));
  }
  Write("many.pcap", support::ToPcap(support::Merge(std::move(sessions))));
  const Result result = Sh(
      "(cat many.pcap; while sleep 0.5 && tail -c +25 b.pcap; do :; done) 2> /dev/null | { timeout "
      "60 $B replay --config.file empty.yaml --transactions - - 2> report; echo $? > code; } | "
      "head -c 20");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "{\"schema\":\"backscatt");
  EXPECT_EQ(Read("code"), "1\n") << "it ended by itself";
  EXPECT_THAT(Read("report"), Not(HasSubstr("backscatterd:"))) << "that is no error to tell";
}

TEST_F(Cli, HelpAndVersionAreForStandardOutput) {
  for (const std::string arguments : {"--help", "replay --help", "version", "--version"}) {
    const Result result = Sh("$B " + arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments;
    EXPECT_THAT(result.output, Not(IsEmpty()));
    EXPECT_EQ(result.errors, "");
  }
}

}  // namespace
}  // namespace backscatter
