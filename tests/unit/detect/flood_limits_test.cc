// Floods under pressure: clocks that are wrong, tables that are full, senders who would hide one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/detect/flood_script.h"

namespace backscatter {
namespace {

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

TEST_F(Watched, AClockThatWasSetBackBlindsNobody) {
  Burst(kStart + kHour, 5 * kMinute, 300, 40, "anna@ours.example", kBackscatter);
  detector_->SetBack(kStart + kHour - 14 * kMinute);
  EXPECT_TRUE(cleared_.empty()) << "by less than twenty minutes";
  detector_->SetBack(kStart);
  ASSERT_EQ(cleared_.size(), 1U);
  EXPECT_EQ(cleared_[0].recipients, 300U);
  Burst(kStart, kMinute, 30, 30, "anna@ours.example", kBackscatter);
  EXPECT_EQ(ledger_.Get(Loss::kDetectLate), 0U);
  ASSERT_EQ(raised_.size(), 2U);
  EXPECT_EQ(raised_[1].start, kStart);
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

TEST_F(Watched, TenMillionTargetsAndSourcesFitAndAFloodAmongThemIsFound) {
  constexpr std::uint32_t kCount = 10'000'000;
  // One of each, whose digits are written anew: a transaction each would cost more than the rest.
  Transaction other = BounceTo("x00000000@d0000.example", From(0));
  Transaction of_flood = BounceTo("anna@ours.example", From(0));
  const auto write = [](std::string& text, std::size_t end, std::uint32_t number) {
    for (; number > 0; number /= 10) text[--end] = static_cast<char>('0' + number % 10);
  };
  std::uint64_t most = 0;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    Transaction& transaction = i % 1000 == 0 ? of_flood : other;
    write(other.text, 9, i);
    write(other.text, 15, i % 5000 + 1000);
    const std::uint8_t source[4] = {
        static_cast<std::uint8_t>(i >> 24), static_cast<std::uint8_t>(i >> 16),
        static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    transaction.source = IpAddress::V4(source);
    transaction.start = transaction.end = kStart + i * 30 * kMicrosecond;
    detector_->OnTransaction({transaction, MailDirection::kInbound, kBackscatter});
    if (i % 1'000'000 == 0) most = std::max<std::uint64_t>(most, detector_->MemoryBytes());
  }
  EXPECT_LE(std::max<std::uint64_t>(most, detector_->MemoryBytes()),
            FloodDetector::MostBytes(options_));
  EXPECT_GT(detector_->windows_given_up(), kCount / 2) << "what made room is counted";
  const std::vector<Flood> floods = detector_->Floods();
  const auto found = std::find_if(floods.begin(), floods.end(), [](const Flood& flood) {
    return flood.kind == FloodKind::kJoeJob && flood.target == "anna@ours.example";
  });
  ASSERT_NE(found, floods.end());
  EXPECT_LT(found->start, kStart + kMinute);
  EXPECT_NEAR(found->sources, kCount / 1000, kSketchErrorBound * kCount / 1000);
  EXPECT_LT(Written().size(), 8U << 20) << "what the next run is to have";
}

// What is told as exact (up to kMostExactThings) is: no estimate falls below.
TEST_F(Watched, AnEstimateOfSourcesIsNeverTakenForAnExactNumber) {
  for (std::uint64_t run = 0; run < 50; ++run) {
    OpenFlood open({.kind = FloodKind::kJoeJob, .start = kStart, .last = kStart}, kStart, 30);
    SketchBudget budget{.left = 2};
    for (std::size_t i = 0; i <= kMostExactThings; ++i) {
      ASSERT_EQ(open.Describe().sources, i) << run;
      const std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(i >> 8),
                                     static_cast<std::uint8_t>(i), 1};
      FloodEvent event{.at = kStart, .unsolicited = true};
      event.SetSource(IpAddress::V4(bytes), backscatter::KeyOf(run), 24, 48);
      open.Add(event, {}, budget);
    }
    ASSERT_GT(open.Describe().sources, kMostExactThings) << run;
    open.GiveUp(budget);
  }
}

// A thousand random floods: a source's count is never too high, nor short by more than is stated.
TEST_F(Watched, TopSourcesStayWithinTheirStatedError) {
  for (std::uint64_t run = 0; run < 1000; ++run) {
    std::mt19937_64 random(run);
    OpenFlood open({.kind = FloodKind::kJoeJob, .start = kStart, .last = kStart}, kStart, 30);
    SketchBudget budget{.left = 2};
    std::map<IpAddress, std::uint64_t> truth;
    const double skew = 1 + static_cast<double>(run % 4);
    for (int i = 0; i < 2000; ++i) {
      const double uniform = std::ldexp(static_cast<double>(random() >> 11), -53);
      const auto host = static_cast<std::uint16_t>(300 * std::pow(uniform, skew));
      const std::uint8_t bytes[4] = {10, 0, static_cast<std::uint8_t>(host >> 8),
                                     static_cast<std::uint8_t>(host)};
      FloodEvent event{.at = kStart, .unsolicited = true};
      event.SetSource(IpAddress::V4(bytes), backscatter::KeyOf(run), 24, 48);
      open.Add(event, {}, budget);
      ++truth[event.source];
    }
    const Flood flood = open.Describe();
    const auto shortfall = 2000 / OpenFlood::kSourcesKept;
    for (const FloodSource& source : flood.top_sources) {
      ASSERT_LE(source.recipients, truth[source.address]) << run;
      ASSERT_GE(source.recipients + shortfall, truth[source.address]) << run;
    }
    for (const auto& [address, count] : truth) {
      if (count <= flood.top_sources.back().recipients + shortfall) continue;
      EXPECT_TRUE(std::any_of(flood.top_sources.begin(), flood.top_sources.end(),
                              [&](const FloodSource& one) { return one.address == address; }))
          << run;
    }
    open.GiveUp(budget);
  }
}

}  // namespace
}  // namespace backscatter
