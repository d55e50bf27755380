// Floods and what is usual, from one run to the next.
#include "agent/detect/flood_state.h"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/packed_numbers.h"
#include "agent/base/record_blocks.h"
#include "tests/unit/detect/flood_script.h"

namespace backscatter {
namespace {

void ExpectSame(const Flood& a, const Flood& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.domain, b.domain);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.network, b.network);
  EXPECT_EQ(a.confidence, b.confidence);
  EXPECT_EQ(a.start, b.start);
  EXPECT_EQ(a.last, b.last);
  EXPECT_EQ(a.end, b.end);
  EXPECT_EQ(a.recipients, b.recipients);
  EXPECT_EQ(a.estimated_recipients, b.estimated_recipients);
  EXPECT_EQ(a.beginning_seen, b.beginning_seen);
  EXPECT_EQ(a.sources, b.sources);
  EXPECT_EQ(a.networks, b.networks);
  EXPECT_EQ(a.share_unsolicited, b.share_unsolicited);
  EXPECT_EQ(a.peak_per_minute, b.peak_per_minute);
  EXPECT_EQ(a.example_message_ids, b.example_message_ids);
  ASSERT_EQ(a.top_sources.size(), b.top_sources.size());
  for (std::size_t i = 0; i < a.top_sources.size(); ++i) {
    EXPECT_EQ(a.top_sources[i].address, b.top_sources[i].address);
    EXPECT_EQ(a.top_sources[i].recipients, b.top_sources[i].recipients);
  }
}

// All kinds at once, weak and strong, exact and estimated.
class Kept : public Watched {
 protected:
  void FloodOfEachKind() {
    for (int i = 0; i < 2000; ++i) {
      Tell(kStart + i * 50 * kMillisecond, "anna@ours.example", From(i % 900, i % 200),
           kBackscatter, false, "lost-" + std::to_string(i) + "@ours.example");
    }
    const PacketTime then = kStart + 2 * kMinute;
    Burst(then, kMinute, 100, 40, "ben@ours.example", kUnknown);
    for (int i = 0; i < 400; ++i) {
      const PacketTime at = then + kMinute + i * 100 * kMillisecond;
      Tell(at, "no" + std::to_string(i) + "@ours.example", From(i % 40), kRefused, true);
      Tell(at, "u" + std::to_string(i / 20) + "@far.example", From(i % 40), kCallout);
      if (i % 10 == 0) {
        Tell(at, "t" + std::to_string(i % 70) + "@other.example", From(7), kBackscatter);
      }
    }
    for (int i = 0; i < 5; ++i) Emit(then + 2 * kMinute + i * kSecond, kEmitted);
    for (int i = 0; i < 3; ++i) Tell(then + 2 * kMinute, "carl@ours.example", From(1), kLoop);
    for (int user = 0; user < 5; ++user) {
      Burst(then + 2 * kMinute + user * kSecond, kSecond, 40, 20,
            "w" + std::to_string(user) + "@ours.example", kBackscatter);
    }
  }
};

TEST_F(Kept, WhatWasOnIsOnAgainAndNobodyIsToldTwice) {
  FloodOfEachKind();
  for (std::size_t kind = 0; kind < kFloodKinds; ++kind) {
    EXPECT_GT(CountOf(FloodKindName(static_cast<FloodKind>(kind))), 0) << kind;
  }
  const std::vector<Flood> before = detector_->Floods();
  const std::size_t told = raised_.size();
  Restart();
  const std::vector<Flood> after = detector_->Floods();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) ExpectSame(before[i], after[i]);
  EXPECT_GT(before[0].sources, static_cast<double>(kMostExactThings)) << "a sketch is among them";
  detector_->AdvanceTo(kStart + 6 * kMinute);
  EXPECT_EQ(raised_.size(), told);
  EXPECT_TRUE(cleared_.empty());
}

TEST_F(Kept, ARestartChangesNothingOfWhatComesNext) {
  std::vector<Flood> floods[2];
  std::vector<std::string> kinds[2];
  for (const bool restarts : {false, true}) {
    Use({});
    FloodOfEachKind();
    if (restarts) Restart();
    FloodOfEachKind();  // goes on, a little late
    kinds[restarts ? 1 : 0] = Kinds();
    floods[restarts ? 1 : 0] = detector_->Floods();
  }
  EXPECT_EQ(kinds[0], kinds[1]);
  ASSERT_EQ(floods[0].size(), floods[1].size());
  for (std::size_t i = 0; i < floods[0].size(); ++i) ExpectSame(floods[0][i], floods[1][i]);
  EXPECT_EQ(floods[1][0].start, kStart);
}

TEST_F(Kept, WrittenAgainItIsTheSame) {
  FloodOfEachKind();
  const std::string once = Written();
  Restart();
  EXPECT_EQ(Written().size(), once.size());
}

TEST_F(Kept, AFloodGoesOnAfterAnUpdateOfTheAgent) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  Restart();
  const PacketTime back = kStart + 12 * kMinute;  // seven minutes are no quiet: nobody watched
  detector_->AdvanceTo(back);
  EXPECT_TRUE(cleared_.empty());
  EXPECT_TRUE(detector_->IsFlooded("anna@ours.example")) << "the judge hears of it at once";
  Burst(back + 10 * kSecond, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  EXPECT_EQ(raised_.size(), 1U);
  ASSERT_EQ(detector_->Floods().size(), 1U);
  EXPECT_EQ(detector_->Floods()[0].start, kStart);
  EXPECT_EQ(detector_->Floods()[0].recipients, 12'000U);
  detector_->AdvanceTo(back + 20 * kMinute);
  ASSERT_EQ(cleared_.size(), 1U);
  EXPECT_EQ(cleared_[0].start, kStart);
}

TEST_F(Kept, AFloodThatEndedMeanwhileIsClearedWithItsLast) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  const PacketTime last = raised_.empty() ? 0 : detector_->Floods()[0].last;
  Restart();
  const PacketTime back = kStart + 15 * kMinute;
  for (int i = 0; i < 25; ++i) detector_->AdvanceTo(back + i * 10 * kSecond);
  ASSERT_EQ(cleared_.size(), 1U) << "three quiet minutes that were watched";
  EXPECT_EQ(cleared_[0].start, kStart);
  EXPECT_EQ(cleared_[0].end, last);
  EXPECT_EQ(cleared_[0].recipients, 6000U);
}

TEST_F(Kept, AfterALongTimeItIsAnotherFlood) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  const PacketTime last = detector_->Floods()[0].last;
  Restart();
  Burst(kStart + 36 * kMinute, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  ASSERT_EQ(raised_.size(), 2U);
  ASSERT_EQ(cleared_.size(), 1U);
  EXPECT_EQ(cleared_[0].end, last);
  EXPECT_EQ(raised_[1].start, kStart + 36 * kMinute);
}

TEST_F(Kept, WhatIsHalfwayToAFloodIsNotForgotten) {
  Burst(kStart, kMinute, 20, 20, "anna@ours.example", kBackscatter);
  for (int i = 0; i < 4; ++i) Emit(kStart + i * 10 * kMinute, kEmitted);
  Restart();
  Emit(kStart + 40 * kMinute, kEmitted);
  EXPECT_EQ(CountOf("own_emission"), 1) << "five in an hour";
  Use({});
  Burst(kStart, kMinute, 20, 20, "anna@ours.example", kBackscatter);
  Restart();
  Burst(kStart + 2 * kMinute, kMinute, 10, 10, "anna@ours.example", kBackscatter);
  ASSERT_EQ(CountOf("joe_job"), 1) << "thirty in ten minutes";
  EXPECT_EQ(raised_.back().start, kStart);
  EXPECT_EQ(raised_.back().recipients, 30U);
}

TEST_F(Kept, WhatAFloodThatIsOverHadMakesNoOther) {
  Burst(kStart, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  detector_->AdvanceTo(kStart + 9 * kMinute);
  ASSERT_EQ(cleared_.size(), 1U);
  Restart();
  Burst(kStart + 9 * kMinute, kMinute, 10, 10, "anna@ours.example", kBackscatter);
  EXPECT_EQ(raised_.size(), 1U);
}

TEST_F(Kept, WhatIsUsualIsKnownAgain) {
  const auto day_of = [&](int day, int count) {
    Burst(kMonday + day * kDay + 9 * kHour, kHour, count, 24, "role@ours.example", kBackscatter);
  };
  for (int day = 0; day < 4; ++day) day_of(day, 240);
  ASSERT_EQ(raised_.size(), 3U);
  Restart();
  day_of(4, 240);
  EXPECT_EQ(raised_.size(), 3U);
  Restart();
  day_of(8, 10 * 240);
  EXPECT_EQ(raised_.size(), 4U);
}

TEST_F(Kept, HoursThatNobodyWatchedTeachNothing) {
  const auto day_of = [&](int day) {
    Burst(kMonday + day * kDay + 9 * kHour, kHour, 240, 24, "role@ours.example", kBackscatter);
  };
  for (int day = 0; day < 4; ++day) day_of(day);
  // Ten days on which the agent is away from eight to eleven.
  for (int day = 7; day < 12; ++day) {
    detector_->AdvanceTo(kMonday + day * kDay + 8 * kHour);
    Restart();
    detector_->AdvanceTo(kMonday + day * kDay + 11 * kHour);
  }
  raised_.clear();
  day_of(14);
  EXPECT_TRUE(raised_.empty()) << "it is still usual";
}

TEST_F(Kept, ASourceNetworkIsWhatThisRunTakesForOne) {
  for (int i = 0; i < 25; ++i) {
    Tell(kStart + i * kSecond, "anna@ours.example", From(1, i), kBackscatter);
  }
  options_.prefix_v4 = 32;
  Restart();
  for (int i = 0; i < 5; ++i) {
    Tell(kStart + kMinute + i * kSecond, "anna@ours.example", From(1, i), kBackscatter);
  }
  ASSERT_EQ(CountOf("joe_job"), 1);
  EXPECT_EQ(raised_[0].networks, 25);
}

TEST_F(Kept, AClockThatWasWrongIsNotKept) {
  Burst(kStart + 400 * kDay, 5 * kMinute, 6000, 40, "anna@ours.example", kBackscatter);
  Restart();
  Burst(kStart, 5 * kMinute, 300, 40, "anna@ours.example", kBackscatter);
  EXPECT_EQ(ledger_.Get(Loss::kDetectLate), 0U);
  ASSERT_EQ(cleared_.size(), 1U);
  ASSERT_EQ(raised_.size(), 2U);
  EXPECT_EQ(raised_[1].start, kStart);
}

// Time goes back and forth by hours and days, with restarts in between, while a flood runs.
TEST_F(Kept, StepsOfTheClockHarmNothingForLong) {
  std::uint64_t state = 7;
  const auto random = [&](std::uint64_t below) {
    state = MixWords(state + 0x9e3779b97f4a7c15, 0xd1b54a32d192ed03);
    return static_cast<PacketTime>(state % below);
  };
  PacketTime now = kStart;
  for (int step = 0; step < 300; ++step) {
    now += random(4) == 0 ? (random(9) - 4) * kDay : (random(13) - 6) * 20 * kMinute;
    const int bounces = static_cast<int>(random(120));
    Burst(now, kMinute, bounces, 40, "anna@ours.example", kBackscatter);
    now += kMinute;
    detector_->AdvanceTo(now);
    if (random(3) == 0) Restart();
    ASSERT_LE(CountOf("joe_job"), step + 1);
    ASSERT_LE(detector_->Floods().size(), 1U + options_.ended_capacity);
  }
  now += 30 * kDay;
  detector_->AdvanceTo(now);
  EXPECT_EQ(raised_.size(), cleared_.size()) << "nothing stays on";
  raised_.clear();
  Burst(now + kHour, 5 * kMinute, 29, 29, "anna@ours.example", kBackscatter);
  Burst(now + 3 * kHour, 5 * kMinute, 200, 9, "anna@ours.example", kBackscatter);
  EXPECT_TRUE(raised_.empty()) << "no window holds what was before";
  Burst(now + 5 * kHour, 5 * kMinute, 300, 40, "anna@ours.example", kBackscatter);
  ASSERT_EQ(raised_.size(), 1U);
  EXPECT_EQ(raised_[0].start, now + 5 * kHour);
}

// ---- damage -------------------------------------------------------------------------------------

TEST_F(Kept, CutOffAnywhereItIsRefused) {
  Burst(kStart, kMinute, 60, 20, "anna@ours.example", kBackscatter);
  const std::string bytes = Written();
  ASSERT_TRUE(Read(bytes).ok());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_EQ(Read(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(Read(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Read(bytes + bytes).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(Kept, EveryDamagedOctetIsNoticed) {
  Burst(kStart, kMinute, 60, 20, "anna@ours.example", kBackscatter);
  const std::string bytes = Written();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    ASSERT_EQ(Read(damaged).status().code(), absl::StatusCode::kDataLoss) << at;
  }
}

// The blocks of a file, with right checksums whatever is done to them.
std::vector<std::pair<std::uint32_t, std::string>> BlocksOf(std::string_view bytes) {
  const ByteReader read = [&](char* to, std::size_t size) {
    size = std::min(size, bytes.size());
    std::copy_n(bytes.begin(), size, to);
    bytes.remove_prefix(size);
    return size;
  };
  BlockReader reader("FLD1", 1 << 20, &read);
  std::vector<std::pair<std::uint32_t, std::string>> blocks;
  while (reader.ReadNext() == BlockReader::Next::kBlock) {
    blocks.emplace_back(reader.kind(), reader.payload());
  }
  return blocks;
}
std::string Joined(const std::vector<std::pair<std::uint32_t, std::string>>& blocks) {
  std::string bytes;
  for (const auto& [kind, payload] : blocks) bytes += MakeBlock("FLD1", kind, payload);
  return bytes;
}

TEST_F(Kept, AnotherVersionIsToldApartFromDamage) {
  Burst(kStart, kMinute, 60, 20, "anna@ours.example", kBackscatter);
  auto blocks = BlocksOf(Written());
  ASSERT_EQ(Read(Joined(blocks)).status(), absl::OkStatus());
  blocks[0].second[0] = 2;
  EXPECT_EQ(Read(Joined(blocks)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Kept, ABlockThatIsMissingOrTwiceIsNoticed) {
  Burst(kStart, kMinute, 60, 20, "anna@ours.example", kBackscatter);
  const auto whole = BlocksOf(Written());
  ASSERT_EQ(whole.size(), 5U);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto blocks = whole;
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(Read(Joined(blocks)).ok()) << i;
    blocks = whole;
    blocks.insert(blocks.begin() + static_cast<std::ptrdiff_t>(i), whole[i]);
    EXPECT_FALSE(Read(Joined(blocks)).ok()) << i;
  }
}

// Behind the checksums too: whatever octet is anything else, it is refused or bounded.
TEST_F(Kept, NothingThatItSaysIsBelieved) {
  options_.open_capacity = 4;
  Burst(kStart, kMinute, 60, 20, "anna@ours.example", kBackscatter);
  const auto whole = BlocksOf(Written());
  int accepted = 0;
  for (std::size_t block = 0; block < whole.size(); ++block) {
    for (std::size_t at = 0; at < whole[block].second.size(); ++at) {
      for (const int value : {0x00, 0x7f, 0xff}) {
        auto blocks = whole;
        blocks[block].second[at] = static_cast<char>(value);
        absl::StatusOr<FloodState> kept = Read(Joined(blocks));
        if (!kept.ok()) continue;
        ++accepted;
        FloodDetector detector(options_, &ledger_, *std::move(kept));
        detector.AdvanceTo(kStart + 5 * kMinute);
        for (const Flood& flood : detector.Floods()) {
          ASSERT_LE(flood.top_sources.size(), OpenFlood::kSourcesTold);
          ASSERT_TRUE(std::isfinite(flood.sources) && std::isfinite(flood.peak_per_minute));
        }
        ASSERT_LE(detector.MemoryBytes(), FloodDetector::MostBytes(options_));
      }
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST_F(Kept, CountsThatAreNoneAndTooManyFloodsAreRefused) {
  Burst(kStart, kMinute, 60, 20, "anna@ours.example", kBackscatter);
  const auto whole = BlocksOf(Written());
  for (const double wrong : {-1.0, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(), 1e300}) {
    auto blocks = whole;
    std::string weight;
    PutU64(weight, std::bit_cast<std::uint64_t>(wrong));
    blocks[3].second.replace(8, 8, weight);  // of the oldest event
    EXPECT_FALSE(Read(Joined(blocks)).ok()) << wrong;
  }
  auto blocks = whole;
  for (int i = 0; i < 300; ++i) {
    std::string flood = whole[2].second;
    flood[1] = static_cast<char>(i);
    flood[2] = static_cast<char>(i / 256);
    blocks[2].second += flood;
  }
  EXPECT_FALSE(Read(Joined(blocks)).ok()) << "more than can be on";
}

}  // namespace
}  // namespace backscatter
