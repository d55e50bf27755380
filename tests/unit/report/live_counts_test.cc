#include "agent/report/live_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "tests/support/judged.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PacketTime kNoon = 1'800'000'000 * kSecond;

class LiveCountsTest : public testing::Test {
 protected:
  void Make(std::size_t top, std::vector<std::string> ours = {"ours.example"}) {
    options_.top = top;
    options_.local_domains = std::move(ours);
    options_.local = LocalNetworks({*IpNetwork::Parse("192.0.2.25/32")});
    options_.hash_key = KeyOf(7);
    counts_.emplace(options_);
  }
  void Send(const std::string& address, const std::string& source, PacketTime at,
            std::uint16_t reply = 250, double weight = 1) {
    Transaction transaction = BounceTo(address, source, reply, at);
    transaction.weight = weight;
    Give(*counts_, transaction, {.verdict = Verdict::kBackscatter, .solicited = false},
         MailDirection::kInbound);
  }
  // Of one more second, which a scrape then sees.
  LiveSnapshot Scrape(PacketTime now) {
    LiveSnapshot snapshot = Look(now);
    scraped_ = snapshot.number;
    return snapshot;
  }
  LiveSnapshot Look(PacketTime now) {
    LiveSnapshot snapshot;
    snapshot.number = ++number_;
    counts_->Fill(now, scraped_, snapshot);
    return snapshot;
  }
  static std::vector<std::string> Names(const LiveSnapshot& snapshot) {
    std::vector<std::string> names;
    for (const LiveTarget& target : snapshot.targets) names.push_back(target.address);
    return names;
  }
  static const LiveTarget* Find(const LiveSnapshot& snapshot, const std::string& address) {
    const auto found = std::ranges::find(snapshot.targets, address, &LiveTarget::address);
    return found == snapshot.targets.end() ? nullptr : &*found;
  }

  LiveCountsOptions options_;
  std::optional<LiveCounts> counts_;
  std::uint64_t number_ = 0;
  std::uint64_t scraped_ = 0;
};

TEST_F(LiveCountsTest, CountsAreByTargetNetworkDomainAndReply) {
  Make(5);
  Send("joe@ours.example", "198.51.100.1", kNoon);
  Send("joe@ours.example", "198.51.100.2", kNoon, 550);
  Send("ann@OURS.example", "203.0.113.9", kNoon, 450);
  Send("x@elsewhere.example", "203.0.113.9", kNoon, 554);
  const LiveSnapshot snapshot = Look(kNoon);
  EXPECT_THAT(Names(snapshot), ElementsAre("joe@ours.example", "ann@ours.example"));
  EXPECT_EQ(snapshot.targets[0].recipients.raw, 2u);
  EXPECT_EQ(snapshot.targets[0].label.domain, "ours.example");
  EXPECT_EQ(snapshot.targets[0].sources, 2);
  EXPECT_EQ(snapshot.targets[0].networks, 1);
  ASSERT_EQ(snapshot.networks.size(), 2u);
  EXPECT_EQ(snapshot.networks[0].recipients.raw, 2u);
  ASSERT_EQ(snapshot.domains.size(), 1u);
  EXPECT_THAT(snapshot.domains[0].replies,
              ElementsAre(LiveCount{1, 1}, LiveCount{1, 1}, LiveCount{1, 1}, LiveCount{}));
  EXPECT_EQ(snapshot.domains[0].sources, 3);
  EXPECT_EQ(snapshot.totals.other_recipients[2].raw, 1u);
  EXPECT_EQ(snapshot.totals.other_targets.raw, 1u);
}

TEST_F(LiveCountsTest, WhatEntersIsShownOnlyAfterAScrapeHasSeenIt) {
  Make(5);
  Send("joe@ours.example", "198.51.100.1", kNoon);
  EXPECT_FALSE(Look(kNoon).targets[0].shown);
  EXPECT_FALSE(Look(kNoon + kSecond).targets[0].shown) << "nobody came";
  EXPECT_FALSE(Scrape(kNoon + 2 * kSecond).targets[0].shown);
  const LiveSnapshot snapshot = Look(kNoon + 3 * kSecond);
  EXPECT_TRUE(snapshot.targets[0].shown);
  EXPECT_TRUE(snapshot.networks[0].shown);
  EXPECT_TRUE(snapshot.domains[0].shown);
}

TEST_F(LiveCountsTest, OneThatIsActiveKeepsItsPlaceButForTwiceAsMany) {
  Make(1);
  for (int i = 0; i < 10; ++i) Send("joe@ours.example", "198.51.100.1", kNoon);
  for (int i = 0; i < 19; ++i) Send("ann@ours.example", "198.51.100.2", kNoon);
  LiveSnapshot snapshot = Look(kNoon);
  EXPECT_THAT(Names(snapshot), ElementsAre("joe@ours.example"));
  EXPECT_EQ(snapshot.totals.evicted_targets, 0u);
  Send("ann@ours.example", "198.51.100.2", kNoon);
  snapshot = Look(kNoon);
  EXPECT_THAT(Names(snapshot), ElementsAre("ann@ours.example"));
  EXPECT_EQ(snapshot.targets[0].recipients.raw, 0u) << "counts are those since it entered";
  EXPECT_EQ(snapshot.totals.evicted_targets, 1u);
  EXPECT_EQ(snapshot.totals.other_targets.raw, 20u);
}

TEST_F(LiveCountsTest, FiveMinutesOfSilenceAndItsPlaceIsFree) {
  Make(1);
  for (int i = 0; i < 100; ++i) Send("joe@ours.example", "198.51.100.1", kNoon);
  Send("ann@ours.example", "198.51.100.2", kNoon);
  Send("ann@ours.example", "198.51.100.2", kNoon + 4 * kMinute);
  EXPECT_THAT(Names(Look(kNoon + 5 * kMinute - 1)), ElementsAre("joe@ours.example"));
  const LiveSnapshot snapshot = Look(kNoon + 5 * kMinute);
  EXPECT_THAT(Names(snapshot), ElementsAre("ann@ours.example"));
  EXPECT_EQ(snapshot.totals.evicted_targets, 0u);
}

TEST_F(LiveCountsTest, TheSilentDoNotTakeTurns) {
  Make(1);
  Send("joe@ours.example", "198.51.100.1", kNoon);
  Send("ann@ours.example", "198.51.100.2", kNoon);
  for (PacketTime at = kNoon; at < kNoon + kHour; at += kMinute) {
    EXPECT_THAT(Names(Look(at)), ElementsAre("joe@ours.example"));
  }
}

TEST_F(LiveCountsTest, AFewAreNoReasonToPushSomebodyOut) {
  Make(1);
  Send("joe@ours.example", "198.51.100.1", kNoon);
  for (int i = 0; i < 9; ++i) Send("ann@ours.example", "198.51.100.2", kNoon);
  EXPECT_THAT(Names(Look(kNoon)), ElementsAre("joe@ours.example"));
  Send("ann@ours.example", "198.51.100.2", kNoon);
  EXPECT_THAT(Names(Look(kNoon)), ElementsAre("ann@ours.example"));
}

TEST_F(LiveCountsTest, AnHourOfSilenceAndItIsGone) {
  Make(5);
  Send("joe@ours.example", "198.51.100.1", kNoon);
  EXPECT_EQ(Look(kNoon + kHour - 1).targets.size(), 1u);
  const LiveSnapshot snapshot = Look(kNoon + kHour);
  EXPECT_THAT(snapshot.targets, IsEmpty());
  EXPECT_THAT(snapshot.networks, IsEmpty());
  EXPECT_THAT(snapshot.domains, IsEmpty());
  // It comes back from nothing, as any counter does that begins anew.
  Send("joe@ours.example", "198.51.100.1", kNoon + 2 * kHour);
  EXPECT_EQ(Look(kNoon + 2 * kHour).targets.at(0).recipients.raw, 1u);
}

// What a list and the rest beside it have told, from snapshot to snapshot.
class Told {
 public:
  // `listed` and `rest` as the snapshot says; `sent`: what came since the one before.
  void Check(const std::map<std::string, std::uint64_t>& listed, std::uint64_t rest,
             const std::map<std::string, std::uint64_t>& sent) {
    std::uint64_t sum = rest;
    for (const auto& [name, count] : listed) {
      sum += count;
      EXPECT_GE(count, before_.contains(name) ? before_[name] : 0) << name;
    }
    for (const auto& [name, count] : before_) {
      if (listed.contains(name)) continue;
      gone_ += count + (sent.contains(name) ? sent.at(name) : 0);
      ++left_;
    }
    for (const auto& [name, count] : sent) sent_ += count;
    ASSERT_EQ(sum + gone_, sent_);
    before_ = listed;
  }
  int left() const { return left_; }

 private:
  std::map<std::string, std::uint64_t> before_;
  std::uint64_t gone_ = 0;  // with rows that left
  std::uint64_t sent_ = 0;
  int left_ = 0;
};

// Whatever enters and leaves: a count never falls while its row is listed, and everything is told
// once, by a row or by the rest.
TEST_F(LiveCountsTest, ListsAndTheRestTellOfEverythingOnce) {
  Make(3, {"a.example", "b.example", "c.example", "d.example", "e.example"});
  std::mt19937 random(5);
  Told targets;
  Told networks;
  Told domains;
  for (int step = 0; step < 3000; ++step) {
    const PacketTime now = kNoon + step * 20 * kSecond;
    std::map<std::string, std::uint64_t> to;
    std::map<std::string, std::uint64_t> from;
    std::map<std::string, std::uint64_t> at;
    for (std::uint64_t i = random() % 6; i > 0; --i) {
      const auto local = static_cast<char>(
          'a' + (random() + static_cast<std::uint64_t>(step / 60)) % 9 * (random() % 2));
      const std::string domain = std::string(1, static_cast<char>('a' + random() % 6)) + ".example";
      const std::string network = "10.0." + std::to_string(random() % 9) + ".";
      Send(std::string(1, local) + "@" + domain, network + "1", now);
      ++to[std::string(1, local) + "@" + domain];
      ++from[network + "0/24"];
      ++at[domain];  // f.example is not ours, so it is never listed
    }
    const LiveSnapshot snapshot = Look(now);
    std::map<std::string, std::uint64_t> listed;
    for (const LiveTarget& target : snapshot.targets)
      listed[target.address] = target.recipients.raw;
    targets.Check(listed, snapshot.totals.other_targets.raw, to);
    ASSERT_LE(listed.size(), 3u);
    listed.clear();
    for (const LiveNetwork& network : snapshot.networks) {
      listed[network.network] = network.recipients.raw;
    }
    networks.Check(listed, snapshot.totals.other_networks.raw, from);
    ASSERT_LE(listed.size(), 3u);
    listed.clear();
    std::uint64_t rest = 0;
    for (const LiveCount& count : snapshot.totals.other_recipients) rest += count.raw;
    for (const LiveDomain& domain : snapshot.domains) {
      for (const LiveCount& count : domain.replies) listed[domain.domain] += count.raw;
    }
    domains.Check(listed, rest, at);
    ASSERT_LE(listed.size(), 3u);
  }
  EXPECT_GT(targets.left(), 10);
  EXPECT_GT(networks.left(), 10);
  EXPECT_GT(domains.left(), 3);
}

TEST_F(LiveCountsTest, AFloodOfNewTargetsDoesNotPushOutWhatIsHit) {
  Make(20);
  std::size_t most = 0;
  std::uint64_t joes = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const PacketTime now = kNoon + i * kMillisecond;
    Send("user" + std::to_string(i) + "@ours.example",
         "10." + std::to_string(i / 65536 % 256) + "." + std::to_string(i / 256 % 256) + ".7", now,
         550);
    if (i >= 500'000 && i % 10 == 0) {
      Send("joe@ours.example", "198.51.100.1", now);
      ++joes;
    }
    if (i % 1000 == 999) most = std::max(most, Look(now).targets.size());
  }
  const LiveSnapshot snapshot = Look(kNoon + 1'000'000 * kMillisecond);
  EXPECT_LE(most, 20u);
  ASSERT_NE(Find(snapshot, "joe@ours.example"), nullptr);
  // It waited for a second or two.
  EXPECT_GE(Find(snapshot, "joe@ours.example")->recipients.raw, joes - 300);
  EXPECT_LE(counts_->rows(), std::size_t{3} * (256 + 20));
}

TEST_F(LiveCountsTest, DistinctSourcesAreThoseOfTheLastHourWithinTheBoundOfTheSketch) {
  Make(5);
  constexpr int kSources = 20'000;
  for (int i = 0; i < kSources; ++i) {
    const std::string source =
        "10." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + ".1";
    Send("joe@ours.example", source, kNoon + i * 10 * kMillisecond);
    Send("joe@ours.example", source, kNoon + i * 10 * kMillisecond);
  }
  LiveSnapshot snapshot = Look(kNoon + 200 * kSecond);
  EXPECT_NEAR(snapshot.targets.at(0).sources, kSources, kSources * kSketchErrorBound);
  EXPECT_NEAR(snapshot.domains.at(0).networks, kSources, kSources * kSketchErrorBound);
  Send("joe@ours.example", "198.51.100.1", kNoon + 59 * kMinute);
  snapshot = Look(kNoon + 64 * kMinute);
  EXPECT_EQ(snapshot.targets.at(0).sources, 1);
}

TEST_F(LiveCountsTest, WindowsHaveWhatCameWithinThem) {
  Make(5);
  for (const PacketTime ago : {30 * kSecond, 5 * kMinute, 30 * kMinute, 10 * kHour}) {
    Send("joe@ours.example", "198.51.100.1", kNoon - ago, 250, 1);
  }
  Send("joe@ours.example", "198.51.100.1", kNoon, 250, 1);
  const LiveSnapshot snapshot = Look(kNoon);
  for (const LiveWindows& windows :
       {snapshot.targets.at(0).windows, snapshot.networks.at(0).windows,
        snapshot.domains.at(0).windows, snapshot.recipients}) {
    EXPECT_EQ(windows.minute, 2);
    EXPECT_EQ(windows.ten_minutes, 3);
    EXPECT_EQ(windows.hour, 4);
    EXPECT_EQ(windows.day, 5);
  }
}

TEST_F(LiveCountsTest, OurDomainsAreLearntFromMailOfStrangersThatIsTaken) {
  Make(5, {});
  Send("refused@stranger.example", "198.51.100.1", kNoon, 554);
  EXPECT_FALSE(counts_->IsOurs("stranger.example"));
  Transaction submitted = BounceTo("x@submitted.example", "198.51.100.1");
  submitted.authenticated = true;
  Give(*counts_, submitted, {}, MailDirection::kInbound);
  Give(*counts_, BounceTo("x@outbound.example", "192.0.2.25"), {}, MailDirection::kOutbound);
  EXPECT_FALSE(counts_->IsOurs("submitted.example"));
  EXPECT_FALSE(counts_->IsOurs("outbound.example"));
  Transaction ordinary = BounceTo("x@ours.example", "198.51.100.1");
  ordinary.null_sender = false;
  Give(*counts_, ordinary, {}, MailDirection::kInbound);
  EXPECT_TRUE(counts_->IsOurs("ours.example"));
  Send("joe@ours.example", "198.51.100.1", kNoon, 550);
  EXPECT_EQ(Look(kNoon).targets.size(), 1u);
  options_.local_domains = {"told.example"};
  counts_->Reconfigure(options_);
  EXPECT_FALSE(counts_->IsOurs("ours.example"));
}

TEST_F(LiveCountsTest, TransactionsSessionsAndVerdictsAreByDirection) {
  Make(5);
  Send("joe@ours.example", "198.51.100.1", kNoon, 250, 4);
  Judgement retry{.retry = true};
  Give(*counts_, BounceTo("joe@ours.example", "198.51.100.1", 250, kNoon), retry,
       MailDirection::kInbound);
  Give(*counts_, BounceTo("x@else.example", "192.0.2.25", 250, kNoon),
       {.verdict = Verdict::kEmitted, .reason = "callout"}, MailDirection::kOutbound);
  SessionSummary session;
  session.source = Ip("198.51.100.1");
  session.server = {Ip("192.0.2.25"), 25};
  session.encrypted = session.with_gaps = true;
  counts_->OnSession(session);
  const LiveSnapshot snapshot = Look(kNoon);
  const auto inbound = static_cast<std::size_t>(MailDirection::kInbound);
  EXPECT_EQ(snapshot.totals.transactions[inbound][0][0], (LiveCount{2, 5}));
  EXPECT_EQ(snapshot.totals.retries[inbound].raw, 1u);
  EXPECT_EQ(snapshot.totals.verdicts.At(MailDirection::kInbound, Verdict::kBackscatter,
                                        Confidence::kWeak, false),
            (LiveCount{1, 4}));
  EXPECT_EQ(snapshot.totals.sessions[inbound][1].raw, 1u);
  EXPECT_EQ(snapshot.totals.with_gaps[inbound].raw, 1u);
  EXPECT_TRUE(snapshot.weighted);
  const auto callout = std::ranges::find(snapshot.emissions, "callout", &LiveEmission::cause);
  ASSERT_NE(callout, snapshot.emissions.end());
  EXPECT_EQ(callout->transactions.raw, 1u);
  EXPECT_EQ(snapshot.recipients.minute, 5) << "what we send is not counted";
}

TEST_F(LiveCountsTest, ListsMayHaveNoRows) {
  Make(0);
  Send("joe@ours.example", "198.51.100.1", kNoon);
  const LiveSnapshot snapshot = Look(kNoon);
  EXPECT_THAT(Names(snapshot), IsEmpty());
  EXPECT_EQ(snapshot.totals.other_targets.raw, 1u);
}

}  // namespace
}  // namespace backscatter
