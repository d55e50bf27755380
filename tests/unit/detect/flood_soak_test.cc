// Seven days of a busy gateway in packet time, with three floods in them: these are told, and
// nothing else.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/detect/flood_detector.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

constexpr PacketTime kMonday = 20'780 * kDay;
constexpr PacketTime kNever = kMonday + 100 * kDay;

constexpr Judgement kBackscatter = {.verdict = Verdict::kBackscatter,
                                    .solicited = false,
                                    .confidence = Confidence::kMedium,
                                    .reason = "not_sent"};
constexpr Judgement kSolicited = {.verdict = Verdict::kSolicited,
                                  .solicited = true,
                                  .confidence = Confidence::kStrong,
                                  .reason = "message_id_sent"};
constexpr Judgement kCallout = {
    .verdict = Verdict::kCalloutProbe, .confidence = Confidence::kStrong, .reason = "no_data"};
constexpr Judgement kAutoreply = {.verdict = Verdict::kAutoreply,
                                  .solicited = false,
                                  .confidence = Confidence::kMedium,
                                  .reason = "not_sent"};
constexpr Judgement kRefused = {
    .verdict = Verdict::kNullRejectedRcpt, .confidence = Confidence::kWeak, .reason = "refused"};

std::string Host(std::uint64_t network, std::uint64_t host) {
  return "10." + std::to_string(network / 256 % 256) + "." + std::to_string(network % 256) + "." +
         std::to_string(1 + host % 250);
}

// A stream of events by chance: `per_hour` says how many there are at a time.
struct Stream {
  std::function<double(PacketTime)> per_hour;
  std::function<void(PacketTime)> tell;
  PacketTime next = kMonday;
};

class Soak : public testing::Test, public FloodListener {
 protected:
  Soak() : detector_({.hash_key = KeyOf(5)}, &ledger_) { detector_.SetListener(this); }

  void OnRaised(const Flood& flood) override { raised_.push_back(flood); }
  void OnUpdated(const Flood& /*flood*/) override {}
  void OnCleared(const Flood& flood) override { cleared_.push_back(flood); }

  void Tell(PacketTime at, std::string_view target, const std::string& source,
            const Judgement& judgement, bool unknown_user = false) {
    Transaction transaction = BounceTo(target, source, unknown_user ? 550 : 250, at);
    transaction.recipients[0].unknown_user = unknown_user;
    detector_.OnTransaction({transaction, MailDirection::kInbound, judgement});
    ++told_;
  }

  void Add(std::function<double(PacketTime)> per_hour, std::function<void(PacketTime)> tell) {
    streams_.push_back({std::move(per_hour), std::move(tell)});
  }

  // Events come as a Poisson process whose rate is looked at again each minute.
  void Play(PacketTime until) {
    for (Stream& stream : streams_) Schedule(stream, kMonday);
    while (true) {
      Stream* first = &streams_[0];
      for (Stream& stream : streams_) {
        if (stream.next < first->next) first = &stream;
      }
      if (first->next >= until) break;
      const PacketTime now = first->next;
      first->tell(now);
      Schedule(*first, now);
    }
    detector_.AdvanceTo(until);
  }

  std::uint64_t Random(std::uint64_t below) { return random_() % below; }

  std::vector<Flood> raised_;
  std::vector<Flood> cleared_;
  std::uint64_t told_ = 0;

 private:
  void Schedule(Stream& stream, PacketTime now) {
    while (now < kNever) {
      const double rate = stream.per_hour(now);
      const double uniform = std::ldexp(static_cast<double>(random_() >> 11) + 1, -53);
      const double wait = rate > 0 ? -std::log(uniform) / rate * static_cast<double>(kHour) : 1e18;
      if (wait <= static_cast<double>(kMinute)) {
        stream.next = now + static_cast<PacketTime>(wait);
        return;
      }
      now += kMinute;
    }
    stream.next = kNever;
  }

  Ledger ledger_;
  FloodDetector detector_;
  std::vector<Stream> streams_;
  std::mt19937_64 random_{20261123};
};

bool IsWithin(PacketTime now, PacketTime start, PacketTime length) {
  return now >= start && now < start + length;
}

// More by day than by night, and little at the weekend.
double Load(PacketTime now, double by_day) {
  const auto hour = static_cast<double>(now % kDay) / static_cast<double>(kHour);
  const bool weekend = (now - kMonday) / kDay % 7 >= 5;
  return by_day * (weekend ? 0.1 : 1) * (1.1 + std::sin((hour - 6) / 24 * 2 * M_PI)) / 2.1;
}

TEST_F(Soak, ThreeFloodsInAWeekAndNothingElse) {
  // What is always there.
  Add([](PacketTime) { return 3600.0; },  // a monitoring probe
      [&](PacketTime at) { Tell(at, "probe@ours.example", "198.51.100.9", kCallout); });
  Add([](PacketTime) { return 500.0; },  // call-outs
      [&](PacketTime at) {
        Tell(at, "user" + std::to_string(Random(300)) + "@ours.example",
             Host(Random(200), Random(9)), kCallout);
      });
  Add([](PacketTime now) { return Load(now, 400); },  // bounces of our mail, and of a list's
      [&](PacketTime at) {
        const std::string user = "list-bounces+" + std::to_string(Random(20'000)) + "=far.example";
        Tell(at, user + "@lists.ours.example", Host(Random(800), Random(9)), kSolicited);
      });
  Add([](PacketTime now) { return Load(now, 60); },  // stray backscatter to many
      [&](PacketTime at) {
        Tell(at, "user" + std::to_string(Random(3000)) + "@ours.example",
             Host(Random(900), Random(9)), Random(5) == 0 ? kAutoreply : kBackscatter);
      });
  Add([](PacketTime now) { return Load(now, 30); },  // a role address that is often forged
      [&](PacketTime at) {
        Tell(at, "info@ours.example", Host(Random(900), Random(9)), kBackscatter);
      });
  Add([](PacketTime now) { return Load(now, 40); },  // bounces to users who left
      [&](PacketTime at) {
        Tell(at, "left" + std::to_string(Random(500)) + "@ours.example",
             Host(Random(900), Random(9)), kRefused, true);
      });
  // A newsletter on Tuesday: twenty thousand bounces of our own mail within an hour.
  Add(
      [](PacketTime now) {
        return IsWithin(now, kMonday + kDay + 10 * kHour, kHour) ? 20'000.0 : 0;
      },
      [&](PacketTime at) {
        Tell(at, "news@ours.example", Host(Random(2000), Random(9)), kSolicited);
      });
  // The floods.
  std::set<std::uint64_t> networks[3];
  const auto far_host = [&](std::size_t flood) {
    const std::uint64_t network = 1000 + Random(5000);
    networks[flood].insert(network);
    return Host(network, Random(9));
  };
  const PacketTime joe_job = kMonday + kDay + 15 * kHour + 7 * kMinute;
  Add([&](PacketTime now) { return IsWithin(now, joe_job, 2 * kHour) ? 72'000.0 : 0; },
      [&](PacketTime at) { Tell(at, "anna@ours.example", far_host(0), kBackscatter); });
  const PacketTime made_up = kMonday + 3 * kDay + 2 * kHour + 31 * kMinute;
  Add([&](PacketTime now) { return IsWithin(now, made_up, 3 * kHour) ? 3600.0 : 0; },
      [&](PacketTime at) {
        Tell(at, "x" + std::to_string(Random(1'000'000)) + "@ours.example", far_host(1), kRefused,
             true);
      });
  const PacketTime slow = kMonday + 5 * kDay + 4 * kHour;
  Add([&](PacketTime now) { return IsWithin(now, slow, kDay) ? 600.0 : 0; },
      [&](PacketTime at) { Tell(at, "ceo@ours.example", far_host(2), kBackscatter); });
  Play(kMonday + 7 * kDay);

  ASSERT_GT(told_, 800'000U);
  ASSERT_EQ(raised_.size(), 3U);
  ASSERT_EQ(cleared_.size(), 3U);
  const struct {
    FloodKind kind;
    std::string_view target;
    PacketTime start;
    PacketTime length;
  } truth[] = {{FloodKind::kJoeJob, "anna@ours.example", joe_job, 2 * kHour},
               {FloodKind::kRandomRecipients, "", made_up, 3 * kHour},
               {FloodKind::kJoeJob, "ceo@ours.example", slow, kDay}};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(cleared_[i].kind, truth[i].kind);
    EXPECT_EQ(cleared_[i].target, truth[i].target);
    EXPECT_NEAR(static_cast<double>(cleared_[i].start), static_cast<double>(truth[i].start),
                static_cast<double>(kMinute));
    EXPECT_NEAR(static_cast<double>(*cleared_[i].end),
                static_cast<double>(truth[i].start + truth[i].length),
                static_cast<double>(kMinute));
    const auto exact = static_cast<double>(networks[i].size());
    EXPECT_NEAR(cleared_[i].networks, exact, kSketchErrorBound * exact) << i;
  }
}

}  // namespace
}  // namespace backscatter
