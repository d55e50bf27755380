// From the pipeline to the page: what a snapshot has, and when a scrape sees it.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/snapshot_publisher.h"
#include "exporters/prometheus.h"
#include "tests/support/dialogue_capture.h"

namespace backscatter {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr PacketTime kNow = 1'800'000'000 * kSecond;

class SnapshotTest : public testing::Test {
 protected:
  void Make(const std::vector<std::string>& sets = {"local.domains=[v.test]"},
            bool feed_tells_all = false, std::unique_ptr<KeptFloods> floods = nullptr) {
    const absl::StatusOr<LoadedConfig> loaded = LoadConfig({.file = "/dev/null", .sets = sets});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const HashKey key = HashKey::Random();
    publisher_ = std::make_unique<SnapshotPublisher>(
        SnapshotPublisher::Options{.counts = MakeLiveOptions(loaded->config, key),
                                   .labeller = Labeller(TargetLabels::kHash, "key"),
                                   .feed_tells_all = feed_tells_all,
                                   .box = &box_});
    absl::StatusOr<KeptLedger> kept = KeptLedger::Open("", {.capacity = 1000});
    pipeline_ = std::make_unique<Pipeline>(Pipeline::Options{.config = loaded->config,
                                                             .batv_keys = {},
                                                             .hash_key = key,
                                                             .flood_listener = publisher_.get(),
                                                             .live = &publisher_->counts()},
                                           std::make_unique<KeptLedger>(*std::move(kept)),
                                           std::move(floods));
  }
  void Bounce(int i, const std::string& address, bool with_message = false) {
    support::DialogueOptions options;
    options.client_port = static_cast<std::uint16_t>(20'000 + i);
    options.server_port = 2525;
    options.start = kNow;
    support::DialogueCapture capture(options);
    capture.Lines({"S: 220 mx ESMTP", "C: EHLO a.test", "S: 250 mx", "C: MAIL FROM:<>", "S: 250 ok",
                   "C: RCPT TO:<" + address + ">", "S: 250 ok"});
    if (with_message) capture.Lines({"C: DATA", "S: 354 go", "C: hello", "C: .", "S: 250 ok"});
    capture.Lines({"C: QUIT", "S: 221 bye"});
    for (const support::TimedFrame& frame : capture.Frames()) {
      pipeline_->OnPacket(
          {.bytes = {reinterpret_cast<const std::uint8_t*>(frame.bytes.data()), frame.bytes.size()},
           .captured_at = frame.at,
           .wire_length = static_cast<std::uint32_t>(frame.bytes.size())});
    }
    pipeline_->Flush();
  }
  void Publish() { publisher_->Publish(*pipeline_, kNow + kSecond, kNow + kSecond); }
  std::string Scrape() { return RenderMetrics(*box_.GetForScrape()); }

  SnapshotBox box_;
  std::unique_ptr<SnapshotPublisher> publisher_;
  std::unique_ptr<Pipeline> pipeline_;
  const std::string series_ = "backscatter_target_recipients_total{domain=\"v.test\",target=\"" +
                              TargetHash("key", "joe@v.test") + "\"} ";
};

TEST_F(SnapshotTest, ATargetIsToldAsNothingToTheFirstScrapeAndWithItsCountToTheNext) {
  Make();
  for (int i = 0; i < 7; ++i) Bounce(i, "joe@v.test");
  Publish();
  EXPECT_EQ(RenderMetrics(*box_.Get()).find(series_ + "0\n") != std::string::npos, true)
      << "whoever looks without being a scrape changes nothing";
  Publish();
  EXPECT_THAT(Scrape(), HasSubstr(series_ + "0\n"));
  EXPECT_THAT(Scrape(), HasSubstr(series_ + "0\n")) << "the same snapshot";
  Publish();
  EXPECT_THAT(Scrape(), HasSubstr(series_ + "7\n"));
  EXPECT_THAT(Scrape(), Not(HasSubstr("joe@")));
}

TEST_F(SnapshotTest, AFloodIsCountedOnceHoweverOftenItIsToldAndWithItsDelay) {
  Make();
  Flood flood{.kind = FloodKind::kJoeJob,
              .domain = "v.test",
              .target = "joe@v.test",
              .confidence = Confidence::kWeak,
              .start = kNow - kMinute,
              .last = kNow - kSecond};
  publisher_->OnRaised(flood);
  flood.confidence = Confidence::kStrong;
  publisher_->OnRaised(flood);
  Publish();
  EXPECT_EQ(box_.Get()->floods_raised[0], 1u);
  EXPECT_THAT(Scrape(), HasSubstr("backscatter_detection_delay_seconds_bucket{le=\"2.5\"} 1\n"));
  EXPECT_THAT(Scrape(), HasSubstr("backscatter_detection_delay_seconds_sum 2\n"));
  publisher_->OnCleared(flood);
  flood.start = kNow;
  publisher_->OnRaised(flood);
  Publish();
  EXPECT_EQ(box_.Get()->floods_raised[0], 2u);
}

TEST_F(SnapshotTest, WhatOfOurMailCouldBeReadIsToldWhereNoFeedTellsOfAllOfIt) {
  const std::vector<std::string> outbound = {"local.networks=[198.51.100.0/24]"};
  Make(outbound);
  Bounce(1, "joe@stranger.test", true);
  Publish();
  EXPECT_THAT(Scrape(), HasSubstr("backscatter_sent_coverage_ratio 1\n"));
  Make(outbound, true);
  Bounce(1, "joe@stranger.test", true);
  Publish();
  EXPECT_THAT(Scrape(), HasSubstr("{direction=\"outbound\",visibility=\"plain\"} 1\n"));
  EXPECT_THAT(Scrape(), Not(HasSubstr("backscatter_sent_coverage_ratio")));
}

TEST_F(SnapshotTest, AFloodOfARunBeforeThisOneKeepsItsName) {
  char folder[] = "/tmp/backscatter_snapshot_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/floods";
  FloodState state{FloodOptions{}};
  std::uint64_t key = 0;
  for (const FloodKind kind : {FloodKind::kJoeJob, FloodKind::kRandomRecipients}) {
    const bool joe_job = kind == FloodKind::kJoeJob;
    Flood flood{.kind = kind,
                .domain = joe_job ? "v.test" : "stranger.test",
                .target = joe_job ? "joe@v.test" : "",
                .start = kNow - kMinute,
                .last = kNow};
    state.open.try_emplace(state.KeyOf(kind, ++key),
                           KeyedFlood{key, OpenFlood(std::move(flood), kNow, 30)});
  }
  ASSERT_TRUE(KeptFloods::Open(path, {})->Save(state).ok());
  absl::StatusOr<KeptFloods> kept = KeptFloods::Open(path, {});
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(kept.ok());
  Make({}, false, std::make_unique<KeptFloods>(*std::move(kept)));
  Publish();
  EXPECT_THAT(Scrape(),
              HasSubstr("backscatter_flood_active{kind=\"joe_job\",domain=\"v.test\",target="));
  EXPECT_THAT(Scrape(), Not(HasSubstr("stranger")));
}

TEST_F(SnapshotTest, ADomainThatIsNotOursIsNamedNowhere) {
  Make();
  Bounce(1, "joe@stranger.test");
  Publish();
  EXPECT_THAT(Scrape(), Not(HasSubstr("stranger")));
  const TargetLabel label = publisher_->LabelOf(
      {.kind = FloodKind::kRandomRecipients, .domain = "stranger.test", .target = ""});
  EXPECT_EQ(label, TargetLabel{});
  EXPECT_EQ(publisher_->LabelOfPath("joe@V.test").domain, "v.test");
  EXPECT_EQ(publisher_->LabelOfPath("joe@V.test").target, TargetHash("key", "joe@v.test"));
}

TEST_F(SnapshotTest, AReloadThatFailedShowsAndKeepsTheTimeOfTheLastThatWorked) {
  Make();
  publisher_->SetReload(true, 100 * kSecond);
  publisher_->SetReload(false, 200 * kSecond);
  Publish();
  EXPECT_THAT(Scrape(), HasSubstr("\nbackscatter_config_last_reload_successful 0\n"));
  EXPECT_THAT(Scrape(),
              HasSubstr("\nbackscatter_config_last_reload_success_timestamp_seconds 100\n"));
}

TEST_F(SnapshotTest, ReadersAndTheWriterShareTheBoxWithoutHarm) {
  Make();
  Publish();
  std::jthread reader([this](const std::stop_token& stop) {
    std::uint64_t last = 0;
    while (!stop.stop_requested()) {
      const auto snapshot = box_.GetForScrape();
      EXPECT_GE(snapshot->number, last);
      last = snapshot->number;
      EXPECT_LE(box_.scraped(), last + 1000);
    }
  });
  for (int i = 0; i < 500; ++i) Publish();
  reader.request_stop();
  reader.join();
  EXPECT_EQ(box_.Get()->number, 501u);
}

}  // namespace
}  // namespace backscatter
