// What is a flood, what is none, when it begins and when it is over.
#include "agent/detect/flood_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ledger.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

constexpr PacketTime kMonday = 20'780 * kDay;
constexpr PacketTime kStart = kMonday + 9 * kHour;

constexpr Judgement kBackscatter = {.verdict = Verdict::kBackscatter,
                                    .solicited = false,
                                    .confidence = Confidence::kMedium,
                                    .reason = "not_sent"};
constexpr Judgement kSolicited = {.verdict = Verdict::kSolicited,
                                  .solicited = true,
                                  .confidence = Confidence::kStrong,
                                  .reason = "message_id_sent"};
constexpr Judgement kUnknown = {.verdict = Verdict::kUnknown, .reason = "coverage"};
constexpr Judgement kCallout = {
    .verdict = Verdict::kCalloutProbe, .confidence = Confidence::kStrong, .reason = "no_data"};
constexpr Judgement kRefused = {
    .verdict = Verdict::kNullRejectedRcpt, .confidence = Confidence::kWeak, .reason = "refused"};
constexpr Judgement kLoop = {
    .verdict = Verdict::kBounceLoop, .confidence = Confidence::kStrong, .reason = "loop"};
constexpr Judgement kEmitted = {.verdict = Verdict::kEmitted,
                                .confidence = Confidence::kStrong,
                                .reason = "accept_then_bounce"};

// An address of the network number `network`, one /24 each.
std::string From(int network, int host = 7) {
  return "10." + std::to_string(network / 256) + "." + std::to_string(network % 256) + "." +
         std::to_string(host);
}

class Watched : public testing::Test, public FloodListener {
 protected:
  Watched() { Use({}); }

  void Use(FloodOptions options) {
    options.hash_key = backscatter::KeyOf(1);
    ledger_ = Ledger();
    raised_.clear();
    cleared_.clear();
    detector_ = std::make_unique<FloodDetector>(options, &ledger_);
    detector_->SetListener(this);
  }

  void OnRaised(const Flood& flood) override { raised_.push_back(flood); }
  void OnUpdated(const Flood& /*flood*/) override { ++updates_; }
  void OnCleared(const Flood& flood) override { cleared_.push_back(flood); }

  void Tell(PacketTime at, std::string_view target, std::string_view source,
            const Judgement& judgement, bool unknown_user = false,
            std::string_view message_id = {}) {
    Transaction transaction = BounceTo(target, source, unknown_user ? 550 : 250, at);
    transaction.recipients[0].unknown_user = unknown_user;
    transaction.weight = weight_;
    MessageFacts facts;
    if (!message_id.empty()) facts.original_message_ids.emplace_back(message_id);
    transaction.facts = &facts;
    detector_->OnTransaction({transaction, MailDirection::kInbound, judgement});
  }
  // `count` of them, evenly spread over `time`, from `networks` networks in turn.
  void Burst(PacketTime at, PacketTime time, int count, int networks, std::string_view target,
             const Judgement& judgement) {
    for (int i = 0; i < count; ++i) {
      Tell(at + time / count * i, target, From(i % networks), judgement);
    }
  }
  void Emit(PacketTime at, const Judgement& judgement) {
    Transaction transaction = BounceTo("joe@far.example", "192.0.2.25", 250, at);
    transaction.server.address = Ip("198.51.100.9");
    detector_->OnTransaction({transaction, MailDirection::kOutbound, judgement});
  }
  std::vector<std::string> Kinds() const {
    std::vector<std::string> kinds;
    for (const Flood& flood : raised_) kinds.emplace_back(FloodKindName(flood.kind));
    return kinds;
  }

  std::ptrdiff_t CountOf(std::string_view kind) const {
    const std::vector<std::string> kinds = Kinds();
    return std::count(kinds.begin(), kinds.end(), kind);
  }

  Ledger ledger_;
  std::unique_ptr<FloodDetector> detector_;
  std::vector<Flood> raised_;
  std::vector<Flood> cleared_;
  int updates_ = 0;
  double weight_ = 1;
};

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

TEST_F(Watched, EstimatesDecideWhereASampleIsLookedAt) {
  weight_ = 10;
  Burst(kStart, kMinute, 10, 10, "anna@ours.example", kBackscatter);
  ASSERT_EQ(Kinds(), std::vector<std::string>{"joe_job"});
  EXPECT_EQ(raised_[0].recipients, 10U);
  EXPECT_EQ(raised_[0].estimated_recipients, 100);
}

TEST_F(Watched, WhatComesTooLateIsCountedAsLost) {
  Tell(kStart, "anna@ours.example", From(1), kBackscatter);
  Tell(kStart - 9 * kMinute, "anna@ours.example", From(1), kBackscatter);
  EXPECT_EQ(ledger_.Get(Loss::kDetectLate), 0U);
  Tell(kStart - 19 * kMinute, "anna@ours.example", From(1), kBackscatter);
  EXPECT_EQ(ledger_.Get(Loss::kDetectLate), 0U) << "a session that hung until it was given up";
  Tell(kStart - 20 * kMinute, "anna@ours.example", From(1), kBackscatter);
  EXPECT_EQ(ledger_.Get(Loss::kDetectLate), 1U);
}

TEST_F(Watched, AHundredThatHungCountAllTheSame) {
  detector_->AdvanceTo(kStart + 15 * kMinute);
  for (int i = 0; i < 100; ++i) {
    Tell(kStart, "user" + std::to_string(i) + "@ours.example", From(i), kRefused, true);
  }
  EXPECT_EQ(Kinds(), std::vector<std::string>{"random_recipients"});
}

TEST_F(Watched, OneTimeFromTheFutureBlindsForAHundred) {
  Tell(kStart + 4000 * kDay, "anna@ours.example", From(1), kBackscatter);
  Burst(kStart, 5 * kMinute, 400, 40, "anna@ours.example", kBackscatter);
  EXPECT_EQ(ledger_.Get(Loss::kDetectLate), 100U);
  ASSERT_EQ(Kinds(), std::vector<std::string>{"joe_job"});
  EXPECT_EQ(detector_->Floods()[0].recipients, 300U);
}

TEST_F(Watched, ExtremeTimesAreNoUndefinedBehaviour) {
  for (const PacketTime at : {std::numeric_limits<PacketTime>::min(), PacketTime{-1}, PacketTime{0},
                              std::numeric_limits<PacketTime>::max(), PacketTime{1}}) {
    Burst(at, 0, 200, 50, "anna@ours.example", kBackscatter);
    detector_->AdvanceTo(at);
  }
  EXPECT_FALSE(detector_->Floods().empty());
}

TEST_F(Watched, AFloodIsNoEvidenceForItself) {
  Judgement by_flood = kBackscatter;
  by_flood.confidence = Confidence::kStrong;
  by_flood.raised_by_flood = true;
  Burst(kStart, kMinute, 100, 40, "anna@ours.example", by_flood);
  ASSERT_EQ(raised_.size(), 1U);
  EXPECT_EQ(detector_->Floods()[0].confidence, Confidence::kMedium);
  by_flood.confidence = Confidence::kMedium;  // without the flood it would be unknown
  Burst(kStart + kHour, kMinute, 100, 40, "ben@ours.example", by_flood);
  ASSERT_EQ(raised_.size(), 2U);
  EXPECT_EQ(raised_[1].confidence, Confidence::kWeak);
}

TEST_F(Watched, WhatCannotBeToldIsNoPartOfASureFlood) {
  Burst(kStart, kMinute, 100, 40, "anna@ours.example", kBackscatter);
  Burst(kStart + kMinute, 20 * kMinute, 2000, 40, "anna@ours.example", kUnknown);
  ASSERT_EQ(cleared_.size(), 1U) << "it does not live on it";
  EXPECT_EQ(cleared_[0].recipients, 100U);
  EXPECT_LT(*cleared_[0].end, kStart + 2 * kMinute);
}

TEST_F(Watched, AWeakFloodThatTurnsOutBetterIsToldAgain) {
  Burst(kStart, kMinute, 30, 30, "anna@ours.example", kUnknown);
  Burst(kStart + kMinute, kMinute, 100, 40, "anna@ours.example", kBackscatter);
  ASSERT_EQ(raised_.size(), 2U);
  EXPECT_EQ(raised_[0].confidence, Confidence::kWeak);
  EXPECT_EQ(raised_[1].confidence, Confidence::kMedium);
}

TEST_F(Watched, OneKindDoesNotTakeThePlacesOfTheOthers) {
  for (int i = 0; i < 300; ++i) {
    const std::string target = "u" + std::to_string(i) + "@ours.example";
    for (int again = 0; again < 3; ++again) Tell(kStart + i * kSecond, target, From(1), kLoop);
  }
  EXPECT_EQ(CountOf("bounce_loop"), 64);
  EXPECT_GT(ledger_.Get(Loss::kDetectFloodsNotRaised), 0U);
  Burst(kStart + 6 * kMinute, kMinute, 100, 40, "anna@ours.example", kBackscatter);
  for (int i = 0; i < 5; ++i) Emit(kStart + 8 * kMinute, kEmitted);
  EXPECT_EQ(CountOf("joe_job"), 1);
  EXPECT_EQ(CountOf("own_emission"), 1);
}

TEST_F(Watched, AWeakFloodMakesRoomForABetterOne) {
  FloodOptions options;
  options.open_capacity = 8;
  Use(options);
  for (int i = 0; i < 4; ++i) {
    Burst(kStart + i * 10 * kSecond, 10 * kSecond, 100 + i, 40,
          "u" + std::to_string(i) + "@ours.example", kUnknown);
  }
  EXPECT_EQ(raised_.size(), 2U) << "a quarter of eight";
  Burst(kStart + 45 * kSecond, 10 * kSecond, 100, 40, "anna@ours.example", kBackscatter);
  ASSERT_EQ(raised_.size(), 3U);
  EXPECT_EQ(raised_[2].target, "anna@ours.example");
  ASSERT_EQ(cleared_.size(), 1U);
  EXPECT_EQ(cleared_[0].target, "u0@ours.example");
}

TEST_F(Watched, WidespreadBeganWithItsLatestAndEndsWithThem) {
  for (int i = 0; i < 6 * 60; ++i) {
    for (int user = 0; user <= std::min(i / 60, 4); ++user) {
      for (int host = 0; host < 4; ++host) {
        Tell(kStart + i * kSecond, "user" + std::to_string(user) + "@ours.example",
             From(i % 5 * 4 + host), kBackscatter);
      }
    }
  }
  detector_->AdvanceTo(kStart + 8 * kHour);
  ASSERT_EQ(CountOf("widespread"), 1);
  EXPECT_EQ(raised_.size(), cleared_.size()) << "nothing stays on";
  const auto widespread = std::find_if(cleared_.begin(), cleared_.end(), [](const Flood& flood) {
    return flood.kind == FloodKind::kWidespread;
  });
  EXPECT_EQ(widespread->start, kStart + 4 * kMinute);
  EXPECT_EQ(widespread->end, kStart + 6 * kMinute - kSecond);
}

TEST_F(Watched, WhatIsOnIsNotGivenUpAndItsSketchesComeBack) {
  FloodOptions options;
  options.targets_capacity = 64;
  Use(options);
  for (int i = 0; i < 3000; ++i) {
    Tell(kStart + i * 10 * kMillisecond, "anna@ours.example", From(i % 700, i % 200), kBackscatter);
  }
  // Its window gets old while others crowd the table; then it goes on, and is the same flood.
  for (int i = 0; i < 1000; ++i) {
    Tell(kStart + kMinute, "x" + std::to_string(i) + "@ours.example", From(1), kBackscatter);
  }
  Burst(kStart + kMinute, kMinute, 3000, 700, "anna@ours.example", kBackscatter);
  EXPECT_EQ(CountOf("joe_job"), 1);
  const std::size_t with_flood = detector_->MemoryBytes();
  detector_->AdvanceTo(kStart + 3 * kHour);
  EXPECT_EQ(cleared_.size(), raised_.size());
  EXPECT_LT(detector_->MemoryBytes(), with_flood);
}

TEST_F(Watched, WhatIsUsualOfCalloutsIsNoStorm) {
  for (int day = 0; day < 5; ++day) {
    for (int i = 0; i < 2400; ++i) {  // 400 in ten minutes
      Tell(kMonday + day * kDay + 9 * kHour + i * kHour / 2400,
           "user" + std::to_string(i % 500) + "@ours.example", From(i % 97), kCallout);
    }
  }
  EXPECT_EQ(CountOf("callout_storm"), 3) << "until three such hours are known";
}

TEST_F(Watched, CalloutsAndUnknownUsersTogetherAreBothSeen) {
  for (int i = 0; i < 1800; ++i) {
    const PacketTime now = kStart + i * 300 * kMillisecond;
    Tell(now, "no" + std::to_string(i) + "@ours.example", From(i % 200), kRefused, true);
    Tell(now, "user" + std::to_string(i) + "@ours.example", From(i % 200), kCallout);
  }
  EXPECT_EQ(CountOf("callout_storm"), 1);
  EXPECT_EQ(CountOf("random_recipients"), 1);
}

TEST_F(Watched, AShortBurstIsSeenWhole) {
  Burst(kStart, 200 * kMillisecond, 30, 3, "anna@ours.example", kBackscatter);
  Burst(kStart + 200 * kMillisecond, 30 * kMillisecond, 200, 100, "anna@ours.example",
        kBackscatter);
  EXPECT_EQ(CountOf("joe_job"), 1);
}

TEST_F(Watched, TheJudgeHearsOfFloodsFromTenNetworksOnly) {
  FloodOptions options;
  options.thresholds.joe_job.networks = 3;
  Use(options);
  Burst(kStart, kMinute, 100, 9, "anna@ours.example", kBackscatter);
  Burst(kStart, kMinute, 100, 10, "ben@ours.example", kBackscatter);
  detector_->AdvanceTo(kStart + 2 * kMinute);
  EXPECT_EQ(CountOf("joe_job"), 2);
  EXPECT_FALSE(detector_->IsFlooded("anna@ours.example"));
  EXPECT_TRUE(detector_->IsFlooded("ben@ours.example"));
}

TEST_F(Watched, WhatBeganBeforeWhatIsRememberedSaysSo) {
  FloodOptions options;
  options.recent_capacity = 16;
  Use(options);
  Burst(kStart, kMinute, 100, 40, "anna@ours.example", kBackscatter);
  ASSERT_EQ(raised_.size(), 1U);
  EXPECT_FALSE(raised_[0].beginning_seen);
  EXPECT_EQ(raised_[0].recipients, 16U);
  EXPECT_EQ(raised_[0].share_unsolicited, 1.0);
}

TEST_F(Watched, LongMessageIdsAreToldOnce) {
  const std::string id = std::string(200, 'x') + "@ours.example";
  for (int i = 0; i < 60; ++i) {
    Tell(kStart + i * kSecond, "anna@ours.example", From(i), kBackscatter, false, id);
  }
  EXPECT_EQ(detector_->Floods()[0].example_message_ids.size(), 1U);
}

TEST_F(Watched, EverythingHasACap) {
  FloodOptions options;
  options.targets_capacity = 64;
  options.baselines_capacity = 64;
  options.sketches = 8;
  options.recent_capacity = 64;
  options.open_capacity = 4;
  options.ended_capacity = 6;
  Use(options);
  for (int round = 0; round < 5; ++round) {
    for (int user = 0; user < 20; ++user) {
      Burst(kStart + round * kHour + user * kSecond, kSecond, 100, 60,
            "u" + std::to_string(user) + "@ours" + std::to_string(user) + ".example", kBackscatter);
    }
  }
  detector_->AdvanceTo(kStart + 10 * kHour);
  EXPECT_LE(detector_->Floods().size(), options.ended_capacity + options.open_capacity);
  EXPECT_GT(ledger_.Get(Loss::kDetectFloodsForgotten), 0U);
  EXPECT_LE(detector_->MemoryBytes(), FloodDetector::MostBytes(options));
}

TEST_F(Watched, AMillionTargetsAndSourcesFitAndAFloodAmongThemIsFound) {
  PacketTime now = kStart;
  for (int i = 0; i < 1'000'000; ++i) {
    now += 300 * kMicrosecond;
    if (i % 1000 == 0) {
      Tell(now, "anna@ours.example", From(i / 1000 % 300), kBackscatter);
    } else {
      Tell(now, "x" + std::to_string(i) + "@d" + std::to_string(i % 5000) + ".example",
           From(i % 60'000, i % 200), kBackscatter);
    }
  }
  FloodOptions options;
  EXPECT_LE(detector_->MemoryBytes(), FloodDetector::MostBytes(options));
  const std::vector<Flood> floods = detector_->Floods();
  const auto found = std::find_if(floods.begin(), floods.end(), [](const Flood& flood) {
    return flood.kind == FloodKind::kJoeJob && flood.target == "anna@ours.example";
  });
  ASSERT_NE(found, floods.end());
  EXPECT_LT(found->start, kStart + kMinute);
}

}  // namespace
}  // namespace backscatter
