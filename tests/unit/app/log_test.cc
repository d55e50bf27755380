#include "agent/app/log.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

PacketTime fake_now = 0;
PacketTime FakeNow() { return fake_now; }

class LogTest : public testing::Test {
 protected:
  LogTest() {
    EXPECT_EQ(pipe(fds_), 0);
    fake_now = 1'790'000'000 * kSecond + 123'456'789;
  }
  ~LogTest() override {
    close(fds_[0]);
    close(fds_[1]);
  }
  Log Make(LogFormat format = LogFormat::kLogfmt, LogLevel least = LogLevel::kInfo) {
    return Log(fds_[1], format, least, FakeNow);
  }
  // Everything written so far.
  std::string Take() {
    (void)!write(fds_[1], "$", 1);
    std::string text;
    for (char c = 0; read(fds_[0], &c, 1) == 1 && c != '$';) text += c;
    return text;
  }

  int fds_[2];
};

TEST_F(LogTest, ALineIsLogfmt) {
  Log log = Make();
  log.Info("capturing", {{"source", "bpf"}, {"sessions", std::uint64_t{7}}, {"all", true}});
  EXPECT_EQ(Take(),
            "time=2026-09-21T14:13:20.123Z level=info msg=capturing source=bpf sessions=7 "
            "all=true\n");
}

TEST_F(LogTest, ALineIsJson) {
  Log log = Make(LogFormat::kJson);
  log.Warn("losses", {{"why", "a \"b\"\n"}, {"ratio", 0.5}});
  EXPECT_EQ(Take(),
            "{\"time\":\"2026-09-21T14:13:20.123Z\",\"level\":\"warn\",\"msg\":\"losses\","
            "\"why\":\"a \\\"b\\\"\\n\",\"ratio\":0.5}\n");
}

TEST_F(LogTest, BelowTheLevelNothingIsWritten) {
  Log log = Make(LogFormat::kLogfmt, LogLevel::kWarn);
  log.Debug("a");
  log.Info("b");
  log.Error("c");
  EXPECT_THAT(Take(), testing::AllOf(testing::HasSubstr("level=error msg=c"),
                                     testing::Not(testing::HasSubstr("msg=b"))));
}

TEST_F(LogTest, HostileBytesBecomeNoLinesAndNoTerminalCodes) {
  Log log = Make();
  log.Info("x", {{"why", std::string("a\x1b[2J\nlevel=error msg=forged \"q\" \xff\x00z", 36)}});
  const std::string line = Take();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  for (const char c : line) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << int{c};
  EXPECT_THAT(line, testing::HasSubstr("why=\"a\\x1b[2J\\x0alevel=error msg=forged \\\"q\\\""));
}

TEST_F(LogTest, APlaceThatSpeaksTooOftenSpeaksOnceAnInterval) {
  Log log = Make();
  LogLimit limit(60 * kSecond);
  for (int i = 0; i < 5; ++i) log.Write(limit, LogLevel::kWarn, "again");
  const std::string first = Take();
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 1);
  fake_now += 60 * kSecond;
  log.Write(limit, LogLevel::kWarn, "again");
  EXPECT_THAT(Take(), testing::EndsWith("msg=again kept_back=4\n"));
}

TEST_F(LogTest, AClockThatIsSetBackSilencesNobody) {
  Log log = Make();
  LogLimit limit(60 * kSecond);
  log.Write(limit, LogLevel::kWarn, "one");
  fake_now -= 3600 * kSecond;
  log.Write(limit, LogLevel::kWarn, "two");
  EXPECT_THAT(Take(), testing::HasSubstr("msg=two"));
}

}  // namespace
}  // namespace backscatter
