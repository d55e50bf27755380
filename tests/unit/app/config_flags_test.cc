#include "agent/app/config_flags.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Words = std::vector<std::string>;

ReplayFlags Replay(const Words& words) {
  Words all = {"replay"};
  all.insert(all.end(), words.begin(), words.end());
  const absl::StatusOr<CommandLine> line = ParseCommandLine(all);
  EXPECT_TRUE(line.ok()) << line.status();
  return line.ok() ? line->replay : ReplayFlags();
}

std::string Error(const Words& words) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(words);
  if (line.ok()) return "OK";
  EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(line.status().message());
}

TEST(ReplayFlags, TakeFilesAndDefaults) {
  const ReplayFlags flags = Replay({"a.pcap", "-", "b.pcapng"});
  EXPECT_THAT(flags.files, ElementsAre("a.pcap", "-", "b.pcapng"));
  EXPECT_EQ(flags.format, ReportFormat::kTable);
  EXPECT_EQ(flags.transactions, "");
  EXPECT_FALSE(flags.top.has_value());
  EXPECT_FALSE(flags.config.file.has_value());
  EXPECT_THAT(flags.config.sets, IsEmpty());
}

TEST(ReplayFlags, TakeEveryFlag) {
  const ReplayFlags flags =
      Replay({"--format=json", "a.pcap", "--top", "0", "--transactions", "-", "--config.file",
              "x.yaml", "--set", "ports=[25,26]", "--set=targets.fold_case=true", "b.pcap"});
  EXPECT_THAT(flags.files, ElementsAre("a.pcap", "b.pcap"));
  EXPECT_EQ(flags.format, ReportFormat::kJson);
  EXPECT_EQ(flags.transactions, "-");
  EXPECT_EQ(flags.top, 0u);
  EXPECT_EQ(flags.config.file, "x.yaml");
  EXPECT_THAT(flags.config.sets, ElementsAre("ports=[25,26]", "targets.fold_case=true"));
}

// CLI11: a list option takes every word behind it.
TEST(ReplayFlags, SetNeverSwallowsAFile) {
  const ReplayFlags flags = Replay({"--set", "a=b", "x.pcap", "y.pcap", "--set", "c=[d]", "-"});
  EXPECT_THAT(flags.files, ElementsAre("x.pcap", "y.pcap", "-"));
  EXPECT_THAT(flags.config.sets, ElementsAre("a=b", "c=[d]"));
}

TEST(ReplayFlags, TwoDashesEndTheFlags) {
  EXPECT_THAT(Replay({"--", "--format", "-x.pcap"}).files, ElementsAre("--format", "-x.pcap"));
}

TEST(ReplayFlags, WrongFlagsNameTheNearestRightOne) {
  EXPECT_THAT(Error({"replay", "x.pcap", "--formt", "json"}),
              StartsWith("unknown flag \"--formt\"; did you mean --format?"));
  EXPECT_THAT(Error({"replay", "--formt=json", "x.pcap"}),
              StartsWith("unknown flag \"--formt\"; did you mean --format?"));
  EXPECT_THAT(Error({"replay", "--config-file", "x", "x.pcap"}),
              StartsWith("unknown flag \"--config-file\"; did you mean --config.file?"));
  EXPECT_THAT(Error({"replay", "--transaction=-", "x.pcap"}),
              StartsWith("unknown flag \"--transaction\"; did you mean --transactions?"));
  EXPECT_THAT(Error({"replay", "--xyzzy", "x.pcap"}), StartsWith("unknown flag \"--xyzzy\";"));
  EXPECT_THAT(Error({"replay", "-x", "x.pcap"}), StartsWith("unknown flag \"-x\""));
  EXPECT_THAT(Error({"replay", "--for\x1b[31m", "x.pcap"}), HasSubstr("\\x1b[31m"));
}

TEST(ReplayFlags, BadValuesSayWhatIsRight) {
  EXPECT_THAT(Error({"replay", "x", "--format", "xml"}),
              StartsWith("--format wants one of table, json, not \"xml\""));
  EXPECT_THAT(Error({"replay", "x", "--format="}), StartsWith("--format= needs a value"));
  EXPECT_THAT(Error({"replay", "--set=", "x.pcap"}), StartsWith("--set= needs a value"));
  EXPECT_THAT(Error({"replay", "x", "--format", ""}), StartsWith("--format needs a value"));
  for (const std::string top : {"x", "-1", "1.5", "1x", "99999999999999999999999"}) {
    EXPECT_THAT(Error({"replay", "x", "--top=" + top}),
                StartsWith("--top wants a whole number (0: all), not \"" + top + "\""));
  }
  EXPECT_THAT(Error({"replay", "x", "--top"}), StartsWith("--top needs a value;"));
  EXPECT_THAT(Error({"replay", "x", "--set"}), StartsWith("--set needs a value;"));
  EXPECT_THAT(Error({"replay", "x", "--format", "json", "--format", "table"}),
              StartsWith("--format can be given only once"));
  EXPECT_THAT(Error({"replay"}), StartsWith("replay needs at least one capture file"));
  EXPECT_THAT(Error({"replay", "-", "-"}), StartsWith("standard input (-) can be read only once"));
  EXPECT_THAT(Error({"replay", "x", "--transactions="}),
              StartsWith("--transactions= needs a value"));
}

TEST(ReplayFlags, WhatIsNotThereYetSaysSo) {
  for (const std::string command : {"incidents", "top"}) {
    EXPECT_EQ(Error({command, "--anything"}),
              "`" + command +
                  "` comes with a later release; `replay`, `run`, `check` and `lookup` work today");
  }
}

RunFlags RunWith(const Words& words) {
  Words all = {"run"};
  all.insert(all.end(), words.begin(), words.end());
  const absl::StatusOr<CommandLine> line = ParseCommandLine(all);
  EXPECT_TRUE(line.ok()) << line.status();
  return line.ok() ? line->run : RunFlags();
}

TEST(RunFlags, HaveDefaults) {
  const RunFlags flags = RunWith({});
  EXPECT_EQ(flags.log_level, LogLevel::kInfo);
  EXPECT_EQ(flags.log_format, LogFormat::kLogfmt);
  EXPECT_FALSE(flags.duration.has_value());
  EXPECT_EQ(flags.report + flags.transactions, "");
  EXPECT_THAT(flags.config.sets, IsEmpty());
  EXPECT_THAT(flags.web_listen, ElementsAre("127.0.0.1:19025"));
  EXPECT_EQ(flags.web_config, "");
  EXPECT_FALSE(flags.web_lifecycle);
}

TEST(RunFlags, TakeEveryFlag) {
  const RunFlags flags = RunWith({"--source",
                                  "pcap",
                                  "--interface",
                                  "eth0",
                                  "--interface=veth1.7",
                                  "--log.level",
                                  "debug",
                                  "--log.format=json",
                                  "--duration",
                                  "1h30m",
                                  "--report",
                                  "-",
                                  "--transactions",
                                  "x.json",
                                  "--set",
                                  "ports=[25]",
                                  "--config.file",
                                  "x.yaml",
                                  "--web.listen-address",
                                  "127.0.0.1:9",
                                  "--web.listen-address=[::1]:9",
                                  "--web.config.file",
                                  "w",
                                  "--web.enable-lifecycle"});
  EXPECT_EQ(flags.log_level, LogLevel::kDebug);
  EXPECT_EQ(flags.log_format, LogFormat::kJson);
  EXPECT_EQ(flags.duration, 5400 * kSecond);
  EXPECT_EQ(flags.report, "-");
  EXPECT_EQ(flags.transactions, "x.json");
  EXPECT_EQ(flags.config.file, "x.yaml");
  EXPECT_THAT(flags.config.sets,
              ElementsAre("source=pcap", "interfaces=[\"eth0\",\"veth1.7\"]", "ports=[25]"));
  EXPECT_THAT(flags.web_listen, ElementsAre("127.0.0.1:9", "[::1]:9"));
  EXPECT_EQ(flags.web_config, "w");
  EXPECT_TRUE(flags.web_lifecycle);
}

TEST(RunFlags, AnyInterfaceIsTheEmptyList) {
  EXPECT_THAT(RunWith({"--interface", "any"}).config.sets, ElementsAre("interfaces=[]"));
}

TEST(RunFlags, NoListenAddressServesNothing) {
  EXPECT_THAT(RunWith({"--web.listen-address=none"}).web_listen, IsEmpty());
}

TEST(RunFlags, BadValuesSayWhatIsRight) {
  EXPECT_THAT(Error({"run", "--web.listen-address", "::1:80"}),
              StartsWith("--web.listen-address wants HOST:PORT, :PORT or [IPV6]:PORT, not "
                         "\"::1:80\": an IPv6 address stands in brackets"));
  EXPECT_THAT(Error({"run", "--web.listen-address", ":1", "--web.listen-address", "none"}),
              StartsWith("--web.listen-address wants HOST:PORT"));
  EXPECT_THAT(Error({"run", "--source", "xdp"}),
              StartsWith("--source wants one of auto, bpf, pcap, not \"xdp\""));
  EXPECT_THAT(Error({"run", "--log.level", "loud"}),
              StartsWith("--log.level wants one of debug, info, warn, error, not"));
  EXPECT_THAT(Error({"run", "--log.format", "xml"}),
              StartsWith("--log.format wants one of logfmt, json, not \"xml\""));
  EXPECT_THAT(Error({"run", "--duration", "soon"}), StartsWith("--duration wants a duration"));
  EXPECT_THAT(Error({"run", "--interface", "a,b"}), HasSubstr("the name of one interface"));
  EXPECT_THAT(Error({"run", "--interface", "a\"]"}), HasSubstr("the name of one interface"));
  EXPECT_THAT(Error({"run", "x.pcap"}), StartsWith("run takes flags only, not \"x.pcap\""));
  EXPECT_THAT(Error({"run", "--reprot", "x"}), HasSubstr("did you mean --report?"));
  EXPECT_THAT(Error({"run", "--report", "-", "--transactions", "-"}),
              HasSubstr("cannot both be standard output"));
}

TEST(CheckFlags, TakeEveryFlag) {
  const absl::StatusOr<CommandLine> line =
      ParseCommandLine({"check", "--format", "json", "--config-only", "--set", "ports=[25]"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, Action::kCheck);
  EXPECT_EQ(line->check.format, ReportFormat::kJson);
  EXPECT_TRUE(line->check.config_only);
  EXPECT_THAT(line->config().sets, ElementsAre("ports=[25]"));
}

TEST(Commands, WrongOnesNameTheNearestRightOne) {
  EXPECT_THAT(Error({}), StartsWith("a command is needed"));
  EXPECT_THAT(Error({"repaly", "x"}),
              StartsWith("unknown command \"repaly\"; did you mean replay?"));
  EXPECT_THAT(Error({"x.pcap"}), StartsWith("unknown command \"x.pcap\"; see"));
  EXPECT_THAT(Error({"--format", "json", "replay", "x"}),
              StartsWith("a command comes first, not the flag \"--format\""));
  EXPECT_THAT(Error({"--verison"}), HasSubstr("did you mean --version?"));
}

TEST(Commands, HelpAndVersionAreTexts) {
  for (const Words& words : {Words{"--help"}, Words{"-h"}, Words{"help"}}) {
    EXPECT_EQ(ParseCommandLine(words)->text, HelpText());
  }
  for (const Words& words :
       {Words{"replay", "--help"}, Words{"replay", "x", "-h"}, Words{"help", "replay"}}) {
    EXPECT_EQ(ParseCommandLine(words)->text, ReplayHelpText());
  }
  EXPECT_EQ(ParseCommandLine({"run", "-h"})->text, RunHelpText());
  EXPECT_EQ(ParseCommandLine({"help", "check"})->text, CheckHelpText());
  for (const Words& words : {Words{"version"}, Words{"--version"}, Words{"-V"}}) {
    EXPECT_THAT(ParseCommandLine(words)->text, StartsWith("backscatterd "));
  }
}

TEST(Commands, HelpFitsATerminalAndNamesEveryFlag) {
  const std::string replay(ReplayHelpText());
  const std::string run(RunHelpText());
  const std::string check(CheckHelpText());
  const std::string lookup(LookupHelpText());
  for (const auto& [help, flags] : {std::pair{replay, ReplayFlagNames()},
                                    {run, RunFlagNames()},
                                    {check, CheckFlagNames()},
                                    {lookup, LookupFlagNames()}}) {
    for (const std::string& flag : flags) {
      EXPECT_THAT(help, testing::AnyOf(HasSubstr(flag + " "), HasSubstr(flag + ",")));
    }
  }
  std::size_t start = 0;
  for (const std::string& text : {replay, run, check, lookup, std::string(HelpText())}) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\n') continue;
      EXPECT_LE(i - start, 100u) << text.substr(start, i - start);
      start = i + 1;
    }
    start = 0;
  }
}

}  // namespace
}  // namespace backscatter
