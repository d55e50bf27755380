// What is a flood, what is none, when it begins and when it is over.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/detect/flood_script.h"

namespace backscatter {
namespace {

TEST_F(Watched, AJoeJobIsToldFromItsFirstBounce) {
  for (int i = 0; i < 40; ++i) {
    Tell(kStart + i * kSecond, "anna@ours.example", From(i % 12, 7 + i % 2), kBackscatter, false,
         "lost-" + std::to_string(i) + "@ours.example");
  }
  ASSERT_EQ(Kinds(), std::vector<std::string>{"joe_job"});
  EXPECT_EQ(raised_[0].start, kStart);
  EXPECT_EQ(raised_[0].last, kStart + 29 * kSecond);
  EXPECT_EQ(raised_[0].recipients, 30U);
  EXPECT_EQ(raised_[0].target, "anna@ours.example");
  EXPECT_EQ(raised_[0].domain, "ours.example");
  EXPECT_EQ(raised_[0].confidence, Confidence::kMedium);
  EXPECT_EQ(raised_[0].share_unsolicited, 1.0);
  const std::vector<Flood> now = detector_->Floods();
  ASSERT_EQ(now.size(), 1U);
  EXPECT_EQ(now[0].recipients, 40U);
  EXPECT_EQ(now[0].networks, 12);
  EXPECT_EQ(now[0].sources, 12) << "each network has one host here, since 12 is even";
  EXPECT_EQ(now[0].peak_per_minute, 40);
  EXPECT_EQ(now[0].end, std::nullopt);
  ASSERT_EQ(now[0].example_message_ids.size(), OpenFlood::kMessageIdsTold);
  EXPECT_EQ(now[0].example_message_ids[0], "lost-0@ours.example");
  ASSERT_EQ(now[0].top_sources.size(), OpenFlood::kSourcesTold);
  EXPECT_EQ(now[0].top_sources[0].recipients, 4U);
}

TEST_F(Watched, EachThresholdOfAJoeJobHasTwoSides) {
  Burst(kStart, 9 * kMinute, 29, 10, "anna@ours.example", kBackscatter);
  EXPECT_TRUE(raised_.empty()) << "29 in ten minutes";
  Burst(kStart + kHour, 9 * kMinute, 200, 9, "anna@ours.example", kBackscatter);
  EXPECT_TRUE(raised_.empty()) << "from 9 networks";
  Burst(kStart + 2 * kHour, kHour, 150, 15, "anna@ours.example", kBackscatter);
  EXPECT_TRUE(raised_.empty()) << "25 in ten minutes, for an hour";
  Burst(kStart + 4 * kHour, 9 * kMinute, 30, 10, "anna@ours.example", kBackscatter);
  EXPECT_EQ(Kinds(), std::vector<std::string>{"joe_job"});
}

TEST_F(Watched, TagsAndCaseOfTheDomainAreTheSameTarget) {
  for (int i = 0; i < 30; ++i) {
    Tell(kStart + i * kSecond, "prvs=" + std::to_string(1000 + i) + "abcdef=anna@OURS.example",
         From(i), kBackscatter);
  }
  ASSERT_EQ(Kinds(), std::vector<std::string>{"joe_job"});
  EXPECT_EQ(raised_[0].target, "anna@ours.example");
}

TEST_F(Watched, WhatWasAskedForIsNoFlood) {
  Burst(kStart, kHour, 20'000, 500, "news@ours.example", kSolicited);
  Burst(kStart + kHour, kHour, 500, 200, "anna@ours.example", kCallout);
  for (int i = 0; i < 3600; ++i) {  // a monitoring probe, every second, and call-outs as before
    const PacketTime now = kStart + 2 * kHour + i * kSecond;
    Tell(now, "probe@ours.example", "198.51.100.9", kCallout);
    if (i % 7 == 0) Tell(now, "anna@ours.example", From(i % 200), kCallout);
  }
  EXPECT_EQ(Kinds(), std::vector<std::string>{});
}

TEST_F(Watched, RetriesNeverCount) {
  Judgement retry = kBackscatter;
  retry.retry = true;
  Burst(kStart, kMinute, 300, 50, "anna@ours.example", retry);
  EXPECT_TRUE(raised_.empty());
}

TEST_F(Watched, WhereNobodyCanTellItIsWeakUntilItIsSure) {
  Burst(kStart, 5 * kMinute, 100, 40, "anna@ours.example", kUnknown);
  ASSERT_EQ(Kinds(), std::vector<std::string>{"joe_job"});
  EXPECT_EQ(raised_[0].confidence, Confidence::kWeak);
  EXPECT_EQ(raised_[0].share_unsolicited, 0.0);
  Burst(kStart + 5 * kMinute, kMinute, 100, 40, "anna@ours.example", kBackscatter);
  detector_->AdvanceTo(kStart + 6 * kMinute + 10 * kSecond);
  ASSERT_EQ(detector_->Floods().size(), 1U);
  EXPECT_EQ(detector_->Floods()[0].confidence, Confidence::kMedium);
  EXPECT_EQ(detector_->Floods()[0].share_unsolicited, 0.5);
}

TEST_F(Watched, StrongWhereHalfOfItIs) {
  Judgement strong = kBackscatter;
  strong.confidence = Confidence::kStrong;
  Burst(kStart, kMinute, 60, 40, "anna@ours.example", strong);
  ASSERT_EQ(raised_.size(), 1U);
  EXPECT_EQ(raised_[0].confidence, Confidence::kStrong);
}

TEST_F(Watched, ItIsOverAfterThreeQuietWindows) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  const PacketTime last = kStart + 5 * kMinute - kSecond / 20;
  detector_->AdvanceTo(last + 2 * kMinute + 30 * kSecond);
  EXPECT_TRUE(cleared_.empty());
  EXPECT_TRUE(detector_->IsFlooded("anna@ours.example"));
  detector_->AdvanceTo(last + 3 * kMinute + 10 * kSecond);
  ASSERT_EQ(cleared_.size(), 1U);
  EXPECT_EQ(cleared_[0].end, last);
  EXPECT_EQ(cleared_[0].recipients, 6000U);
  EXPECT_GE(updates_, 5);
  EXPECT_FALSE(detector_->IsFlooded("anna@ours.example"));
  ASSERT_EQ(detector_->Floods().size(), 1U);
  EXPECT_EQ(detector_->Floods()[0].end, last);
}

TEST_F(Watched, ATrickleAfterItDoesNotKeepItOn) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  Burst(kStart + 5 * kMinute, 20 * kMinute, 20, 40, "anna@ours.example", kBackscatter);
  ASSERT_EQ(cleared_.size(), 1U);
  EXPECT_GE(*cleared_[0].end, kStart + 4 * kMinute);
  EXPECT_LE(*cleared_[0].end, kStart + 6 * kMinute);
  EXPECT_EQ(raised_.size(), 1U) << "its own last bounces make no second one";
}

TEST_F(Watched, WhatIsStillAFloodGoesOnAtALowerLevel) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  Burst(kStart + 5 * kMinute, 40 * kMinute, 40 * 20, 40, "anna@ours.example", kBackscatter);
  EXPECT_EQ(raised_.size(), 1U);
  EXPECT_TRUE(cleared_.empty());
}

// Three a minute, as chance has it, for a day: one flood, not twenty.
TEST_F(Watched, ASlowFloodStaysOne) {
  PacketTime now = kStart;
  std::uint64_t state = 1;
  for (int i = 0; i < 3 * 60 * 24; ++i) {
    state = MixWords(state + 0x9e3779b97f4a7c15, 0xd1b54a32d192ed03);
    const double uniform = (static_cast<double>(state >> 11) + 1) / 9007199254740993.0;
    now += static_cast<PacketTime>(-20.0 * std::log(uniform) * kSecond);
    Tell(now, "anna@ours.example", From(i % 100), kBackscatter);
  }
  EXPECT_EQ(raised_.size(), 1U);
  EXPECT_TRUE(cleared_.empty());
}

TEST_F(Watched, WhatIsUsualAtThisHourIsNoFlood) {
  // Every weekday at nine 240 bounces from many networks: 40 in ten minutes.
  const auto day_of = [&](int day, int count) {
    Burst(kMonday + day * kDay + 9 * kHour, kHour, count, 24, "role@ours.example", kBackscatter);
  };
  for (int day = 0; day < 4; ++day) day_of(day, 240);
  EXPECT_EQ(raised_.size(), 3U) << "as long as less than three such hours are known";
  day_of(4, 240);
  EXPECT_EQ(raised_.size(), 3U);
  day_of(7, 4 * 240);
  EXPECT_EQ(raised_.size(), 3U) << "four times what is usual";
  day_of(8, 10 * 240);
  EXPECT_EQ(raised_.size(), 4U);
}

TEST_F(Watched, AWeekendsCalmAndMondaysLoadAreUsual) {
  FloodOptions options;
  options.thresholds.joe_job.recipients = 1000;  // the baseline alone decides below
  Use(options);
  const auto day_of = [&](int day, int count) {
    Burst(kMonday + day * kDay + 9 * kHour, kHour, count, 50, "role@ours.example", kBackscatter);
  };
  for (int week = 0; week < 2; ++week) {
    for (int day = 0; day < 5; ++day) day_of(week * 7 + day, 6000);
    for (int day = 5; day < 7; ++day) day_of(week * 7 + day, 30);
  }
  raised_.clear();
  day_of(14, 6000);
  EXPECT_TRUE(raised_.empty());
}

TEST_F(Watched, ADomainWithMadeUpUsersIsRandomRecipients) {
  for (int i = 0; i < 60; ++i) {
    Tell(kStart + i * kSecond, "user" + std::to_string(i) + "@ours.example", From(i % 20), kRefused,
         true);
  }
  ASSERT_EQ(Kinds(), std::vector<std::string>{"random_recipients"});
  EXPECT_EQ(raised_[0].domain, "ours.example");
  EXPECT_EQ(raised_[0].target, "");
  EXPECT_EQ(raised_[0].start, kStart);
}

TEST_F(Watched, EachThresholdOfRandomRecipientsHasTwoSides) {
  const auto run = [&](PacketTime at, int count, int users, int networks) {
    for (int i = 0; i < count; ++i) {
      Tell(at + i * kSecond, "user" + std::to_string(i % users) + "@ours.example",
           From(i % networks), kRefused, true);
    }
  };
  run(kStart, 59, 59, 20);
  run(kStart + kHour, 100, 41, 20);
  run(kStart + 2 * kHour, 100, 100, 19);
  EXPECT_TRUE(raised_.empty());
  for (int i = 0; i < 100; ++i) {  // Exim's own made-up users
    Tell(kStart + 3 * kHour + i * kSecond,
         "mx.far.example-17000000" + std::to_string(10 + i) + "-testing@ours.example", From(i),
         kRefused, true);
  }
  EXPECT_TRUE(raised_.empty());
  run(kStart + 4 * kHour, 60, 50, 20);
  EXPECT_EQ(Kinds(), std::vector<std::string>{"random_recipients"});
}

TEST_F(Watched, OneNetworkThatBouncesToManyIsAnEmitter) {
  for (int i = 0; i < 19; ++i) {
    Tell(kStart + i * kMinute, "user" + std::to_string(i % 5) + "@ours.example", From(3, i % 200),
         kBackscatter);
  }
  for (int i = 0; i < 40; ++i) {
    Tell(kStart + i * kMinute, "user" + std::to_string(i % 4) + "@ours.example", From(4),
         kBackscatter);
  }
  EXPECT_TRUE(raised_.empty()) << "19, and 4 targets";
  Tell(kStart + 40 * kMinute, "user0@ours.example", From(3), kBackscatter);
  ASSERT_EQ(Kinds(), std::vector<std::string>{"emitter"});
  EXPECT_EQ(raised_[0].network, "10.0.3.0/24");
  EXPECT_EQ(raised_[0].start, kStart);
  EXPECT_EQ(raised_[0].recipients, 20U);
  EXPECT_EQ(raised_[0].networks, 1);
}

TEST_F(Watched, AStormOfCalloutsNeedsNumbersAndNetworks) {
  Burst(kStart, 9 * kMinute, 299, 40, "anna@ours.example", kCallout);
  Burst(kStart + kHour, 9 * kMinute, 400, 19, "anna@ours.example", kCallout);
  EXPECT_TRUE(raised_.empty());
  for (int i = 0; i < 301; ++i) {
    Tell(kStart + 2 * kHour + i * kSecond, "user" + std::to_string(i / 40) + "@ours.example",
         From(i % 40), kCallout);
  }
  ASSERT_EQ(Kinds(), std::vector<std::string>{"callout_storm"});
  EXPECT_EQ(raised_[0].domain, "ours.example");
}

TEST_F(Watched, OurOwnBouncesAreToldByTheFifth) {
  for (const char* cause : {"own_user", "dsn_success", "mdn", "report", "callout", "unknown"}) {
    Judgement fine = kEmitted;
    fine.reason = cause;
    for (int i = 0; i < 20; ++i) Emit(kStart + i * kSecond, fine);
  }
  for (int i = 0; i < 4; ++i) Emit(kStart + i * kMinute, kEmitted);
  EXPECT_TRUE(raised_.empty());
  Emit(kStart + 5 * kMinute, kEmitted);
  ASSERT_EQ(Kinds(), std::vector<std::string>{"own_emission"});
  EXPECT_EQ(raised_[0].recipients, 5U);
  EXPECT_EQ(raised_[0].start, kStart);
}

TEST_F(Watched, LoopsAreToldByTheThird) {
  for (int i = 0; i < 2; ++i) Tell(kStart + i * kMinute, "anna@ours.example", From(1), kLoop);
  EXPECT_TRUE(raised_.empty());
  Tell(kStart + 2 * kMinute, "anna@ours.example", From(1), kLoop);
  EXPECT_EQ(Kinds(), std::vector<std::string>{"bounce_loop"});
}

TEST_F(Watched, FiveJoeJobsAtOnceAreWidespread) {
  for (int user = 0; user < 5; ++user) {
    EXPECT_EQ(CountOf("widespread"), 0);
    Burst(kStart + user * kSecond, kSecond, 40, 20, "user" + std::to_string(user) + "@ours.example",
          kBackscatter);
  }
  EXPECT_EQ(CountOf("joe_job"), 5);
  EXPECT_EQ(CountOf("widespread"), 1);
}

}  // namespace
}  // namespace backscatter
