#include "agent/app/flood_log.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

using testing::HasSubstr;
using testing::Not;

Flood JoeJob() {
  Flood flood;
  flood.kind = FloodKind::kJoeJob;
  flood.domain = "ours.example";
  flood.target = "anna@ours.example";
  flood.confidence = Confidence::kMedium;
  flood.start = 1'790'000'000 * kSecond;
  flood.last = flood.start + 90 * kSecond;
  flood.recipients = 1234;
  flood.sources = 97.6;
  flood.networks = 55;
  flood.peak_per_minute = 800;
  flood.example_message_ids = {"secret@ours.example"};
  return flood;
}

class FloodLogTest : public testing::Test {
 protected:
  ~FloodLogTest() override { std::fclose(file_); }

  std::string Written() {
    std::string text(4096, '\0');
    const ssize_t size = pread(fileno(file_), text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }

  std::FILE* file_ = std::tmpfile();
  Log log_{fileno(file_), LogFormat::kLogfmt, LogLevel::kInfo};
  FloodLog floods_{&log_};
};

TEST_F(FloodLogTest, AFloodIsAWarningWithoutAnAddress) {
  floods_.OnRaised(JoeJob());
  EXPECT_THAT(Written(), HasSubstr("level=warn msg=flood kind=joe_job domain=ours.example "
                                   "confidence=medium since=2026-09-21T14:13:20.000000000Z "
                                   "until=2026-09-21T14:14:50.000000000Z recipients=1234 "
                                   "sources=98 networks=55 peak_per_minute=800\n"));
  EXPECT_THAT(Written(), Not(HasSubstr("@")));
}

TEST_F(FloodLogTest, AWeakOneIsNoWarning) {
  Flood flood = JoeJob();
  flood.confidence = Confidence::kWeak;
  flood.domain = "";
  floods_.OnRaised(flood);
  EXPECT_THAT(Written(), HasSubstr("level=info msg=flood kind=joe_job domain=- confidence=weak"));
}

TEST_F(FloodLogTest, ANumberThatIsNotExactSaysSo) {
  Flood flood = JoeJob();
  floods_.OnRaised(flood);
  EXPECT_THAT(Written(), Not(HasSubstr("exact=")));
  flood.beginning_seen = false;
  floods_.OnRaised(flood);
  EXPECT_THAT(Written(), HasSubstr("peak_per_minute=800 exact=false\n"));
  flood.beginning_seen = true;
  flood.sources = 513;
  floods_.OnCleared(flood);
  EXPECT_THAT(Written(), HasSubstr("sources=513 networks=55 peak_per_minute=800 exact=false\n"));
}

TEST_F(FloodLogTest, ThatItIsOverIsSaid) {
  Flood flood = JoeJob();
  flood.end = flood.start + 60 * kSecond;
  floods_.OnUpdated(flood);
  floods_.OnCleared(flood);
  EXPECT_THAT(Written(), HasSubstr("level=info msg=\"flood over\" kind=joe_job"));
  EXPECT_THAT(Written(), HasSubstr("until=2026-09-21T14:14:20.000000000Z"));
}

}  // namespace
}  // namespace backscatter
