// A pipeline whose configuration changes, whose packets stop, or whose reader goes away.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/config.h"
#include "agent/app/pipeline.h"
#include "tests/support/dialogue_capture.h"

namespace backscatter {
namespace {

Config ConfigOf(const std::vector<std::string>& sets) {
  const absl::StatusOr<LoadedConfig> loaded = LoadConfig({.file = "/dev/null", .sets = sets});
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded->config;
}

std::unique_ptr<Pipeline> MakePipeline(const Config& config, OutputFile* lines = nullptr,
                                       void (*on_reader_gone)() = nullptr) {
  absl::StatusOr<KeptLedger> kept = KeptLedger::Open("", {.capacity = 1000});
  return std::make_unique<Pipeline>(Pipeline::Options{.config = config,
                                                      .batv_keys = {},
                                                      .hash_key = HashKey::Random(),
                                                      .lines = lines,
                                                      .on_reader_gone = on_reader_gone},
                                    std::make_unique<KeptLedger>(*std::move(kept)));
}

std::vector<support::TimedFrame> Bounce(int i, int target) {
  support::DialogueOptions options;
  options.client_port = static_cast<std::uint16_t>(20'000 + i);
  options.server_port = 2525;
  support::DialogueCapture capture(options);
  capture.Lines({"S: 220 mx ESMTP", "C: EHLO a.test", "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok",
                 "C: RCPT TO:<U" + std::to_string(target) + "@v.test>", "S: 250 ok", "C: DATA",
                 "S: 354 go", "C: x", "C: .", "S: 250 ok", "C: QUIT", "S: 221 bye"});
  return capture.Frames();
}

std::vector<support::TimedFrame> Bounce(int i) { return Bounce(i, i); }

void Feed(Pipeline& pipeline, const support::TimedFrame& frame) {
  pipeline.OnPacket(
      {.bytes = {reinterpret_cast<const std::uint8_t*>(frame.bytes.data()), frame.bytes.size()},
       .captured_at = frame.at,
       .wire_length = static_cast<std::uint32_t>(frame.bytes.size())});
}

TEST(Reload, AThousandOpenSessionsGoOn) {
  constexpr int kSessions = 1000;
  const std::unique_ptr<Pipeline> pipeline = MakePipeline(ConfigOf({}));
  std::vector<std::vector<support::TimedFrame>> sessions;
  for (int i = 0; i < kSessions; ++i) sessions.push_back(Bounce(i));
  const auto feed = [&](std::size_t from, std::size_t to) {
    for (const auto& frames : sessions) {
      for (std::size_t k = from; k < std::min(to, frames.size()); ++k) Feed(*pipeline, frames[k]);
    }
  };
  feed(0, 9);  // behind MAIL, or about there
  EXPECT_EQ(pipeline->open_connections(), std::size_t{kSessions});
  // 2525 is no SMTP port any more, and addresses are folded.
  pipeline->Reconfigure(ConfigOf({"ports=[25]", "targets.fold_case=true", "bounce.read=all",
                                  "local.networks=[192.0.2.0/24]", "trusted_proxies=[10.0.0.0/8]"}),
                        {});
  feed(9, 1000);
  pipeline->Finish();
  const Report report = pipeline->Snapshot({}, {}, 0);
  EXPECT_EQ(report.sessions.total, std::uint64_t{kSessions});
  EXPECT_EQ(report.transactions.accepted, std::uint64_t{kSessions});
  EXPECT_EQ(report.targets_known, std::size_t{kSessions});
  EXPECT_EQ(report.targets.front().address.front(), 'u') << "folded from now on";
  EXPECT_EQ(report.sessions.mid_stream + report.sessions.with_gaps, 0u);
}

// One packet from tomorrow must not stop the clock of a live run until then.
TEST(Reload, AClockThatIsSetBackStopsNoFloodFromBeingSeen) {
  const std::unique_ptr<Pipeline> pipeline =
      MakePipeline(ConfigOf({"detection.joe_job.recipients=10", "detection.joe_job.networks=1"}));
  const auto feed = [&](int i, PacketTime later) {
    std::vector<support::TimedFrame> frames = Bounce(later > 0 ? 1000 : i, 1);
    for (support::TimedFrame& frame : frames) {
      frame.at += later + i * 10 * kSecond;
      Feed(*pipeline, frame);
    }
    pipeline->Flush();
    return frames.back().at;
  };
  PacketTime now = 0;
  feed(0, kDay);
  for (int i = 0; i < 20; ++i) {
    now = feed(i, 0);
    if (i == 3) pipeline->SetBack(now);
    pipeline->AdvanceTo(std::max(pipeline->latest(), now));
  }
  EXPECT_EQ(pipeline->latest(), now);
  const Report report = pipeline->Snapshot({}, {}, 0);
  ASSERT_EQ(report.floods.size(), 1u);
  EXPECT_LE(report.floods[0].last, now);
}

TEST(Reload, WhatIsIgnoredCountsNowhereElse) {
  const std::unique_ptr<Pipeline> pipeline = MakePipeline(ConfigOf({}));
  const auto feed = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      for (const support::TimedFrame& frame : Bounce(i)) Feed(*pipeline, frame);
    }
    pipeline->Flush();
  };
  feed(0, 10);
  pipeline->Reconfigure(ConfigOf({"ignore.targets=[U10@V.test, U11@v.test]"}), {});
  feed(10, 20);
  pipeline->Reconfigure(ConfigOf({"ignore.networks=[0.0.0.0/0]"}), {});
  feed(20, 50);
  pipeline->Reconfigure(ConfigOf({}), {});
  feed(50, 60);
  pipeline->Finish();
  const Report report = pipeline->Snapshot({}, {}, 0);
  EXPECT_EQ(report.sessions.total, 60u);
  EXPECT_EQ(report.transactions.ignored, 32u);
  EXPECT_EQ(report.transactions.total, 28u);
  EXPECT_EQ(report.transactions.null_sender_recipients, 28u);
  EXPECT_EQ(report.targets_known, 28u);
  EXPECT_TRUE(std::none_of(report.targets.begin(), report.targets.end(), [](const auto& row) {
    return row.address == "U10@v.test" || row.address == "U30@v.test";
  }));
}

TEST(Reload, WhatIsIgnoredIsNoFlood) {
  const std::vector<std::string> low = {"detection.joe_job.recipients=10",
                                        "detection.joe_job.networks=1"};
  for (const bool ignored : {false, true}) {
    std::vector<std::string> sets = low;
    if (ignored) sets.push_back("ignore.targets=[U1@v.test]");
    const std::unique_ptr<Pipeline> pipeline = MakePipeline(ConfigOf(sets));
    for (int i = 0; i < 20; ++i) {
      std::vector<support::TimedFrame> frames = Bounce(i, 1);
      for (support::TimedFrame& frame : frames) {
        frame.at += i * 20 * kMinute / 100;
        Feed(*pipeline, frame);
      }
    }
    pipeline->Finish();
    EXPECT_EQ(pipeline->Snapshot({}, {}, 0).floods.empty(), ignored);
  }
}

TEST(Reload, TimePassesWithoutPackets) {
  const std::unique_ptr<Pipeline> pipeline = MakePipeline(ConfigOf({}));
  const std::vector<support::TimedFrame> frames = Bounce(1);
  for (std::size_t k = 0; k < 9; ++k) Feed(*pipeline, frames[k]);
  pipeline->Flush();
  EXPECT_EQ(pipeline->open_connections(), 1u);
  pipeline->AdvanceTo(pipeline->latest() + 800 * kSecond);
  EXPECT_EQ(pipeline->open_connections(), 1u) << "RFC 5321 asks for ten minutes";
  pipeline->AdvanceTo(pipeline->latest() + 1000 * kSecond);
  EXPECT_EQ(pipeline->open_connections(), 0u);
  EXPECT_EQ(pipeline->Snapshot({}, {}, 0).sessions.total, 1u);
}

int times_gone = 0;

TEST(Pipeline, AReaderThatWentAwayIsToldOfOnce) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  OutputFile lines(ends[1], "a pipe");
  const std::unique_ptr<Pipeline> pipeline =
      MakePipeline(ConfigOf({}), &lines, [] { ++times_gone; });
  for (int i = 0; i < 5; ++i) {
    for (const support::TimedFrame& frame : Bounce(i)) Feed(*pipeline, frame);
    pipeline->Flush();
  }
  pipeline->Finish();
  EXPECT_EQ(pipeline->Snapshot({}, {}, 0).transactions.total, 5u);
  EXPECT_EQ(times_gone, 1);
  close(ends[1]);
}

}  // namespace
}  // namespace backscatter
