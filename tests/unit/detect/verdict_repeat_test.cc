// The same again: loops (DETECTION section 2.4), and retries (ARCHITECTURE, Definitions).
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

constexpr const char* kLoop = "bounce_loop strong same_report_again";
constexpr const char* kNotSent = "backscatter medium not_sent unsolicited";

// ---- loops --------------------------------------------------------------------------------------

// A report that passed `hops` hosts.
Letter Looping(std::size_t hops, Dsn dsn = Misdirected()) {
  dsn.id = "report-" + std::to_string(hops) + "@mta.far.example";
  dsn.hops = hops;
  return FromNobody(Text(dsn));
}

TEST(BounceLoop, TheThirdReportWithMoreHopsIsALoop) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(Looping(1)), kNotSent);
  EXPECT_EQ(gateway.Receive(Looping(3)), kNotSent);
  EXPECT_EQ(gateway.Receive(Looping(5)), kLoop);
  EXPECT_EQ(gateway.Receive(Looping(7)), kLoop);
}

TEST(BounceLoop, ItOverridesWhatTheBounceWouldBe) {
  CoveredGateway gateway;
  const Dsn ours{.returned = {{.message_id = "sent-1@ours.example"}}};
  EXPECT_EQ(gateway.Receive(Looping(1, ours)), "solicited strong message_id_sent solicited");
  EXPECT_EQ(gateway.Receive(Looping(2, ours)), "solicited strong message_id_sent solicited");
  EXPECT_EQ(gateway.Receive(Looping(3, ours)), kLoop);
}

TEST(BounceLoop, ReportsThatOnlyComeAgainAreNone) {
  CoveredGateway gateway;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(gateway.Receive(Looping(2)), kNotSent);
}

TEST(BounceLoop, AnHourIsTheLimit) {
  CoveredGateway gateway;
  gateway.Receive(Looping(1));
  gateway.Pass(30 * kMinute).Receive(Looping(2));
  EXPECT_EQ(gateway.Pass(30 * kMinute).Receive(Looping(3)), kLoop);
}

TEST(BounceLoop, BeyondAnHourItIsNone) {
  CoveredGateway gateway;
  gateway.Receive(Looping(1));
  gateway.Pass(30 * kMinute).Receive(Looping(2));
  EXPECT_EQ(gateway.Pass(30 * kMinute + 1).Receive(Looping(3)), kNotSent);
}

TEST(BounceLoop, AnotherTargetReporterOrMessageIsAnotherLoop) {
  const auto after_two = [](const Letter& third) {
    CoveredGateway gateway;
    gateway.Receive(Looping(1));
    gateway.Receive(Looping(2));
    return gateway.Receive(third);
  };
  Letter to_bert = Looping(3);
  to_bert.to = {"bert@ours.example"};
  EXPECT_EQ(after_two(to_bert), "backscatter strong target_never_sent unsolicited");
  Dsn dsn = Misdirected();
  dsn.reporting_mta = "mta.else.example";
  EXPECT_EQ(after_two(Looping(3, dsn)), kNotSent);
  EXPECT_EQ(after_two(Looping(3, {.returned = {{.message_id = "other@spam.example"}}})), kNotSent);
  EXPECT_EQ(after_two(Looping(3)), kLoop);
}

TEST(BounceLoop, AReportOfOursThatComesBackIsOne) {
  CoveredGateway gateway;
  gateway.Send(FromNobody(Text({.id = "our-report@mx.ours.example"}), {"joe@far.example"}));
  EXPECT_EQ(gateway.Receive(
                FromNobody(Text({.returned = {{.message_id = "our-report@mx.ours.example"}}}))),
            "bounce_loop strong report_of_ours_returned");
  EXPECT_EQ(
      gateway.Receive(FromNobody(Text({.returned = {{.message_id = "another@mx.ours.example"}}}))),
      kNotSent);
}

TEST(BounceLoop, AReportOfOursIsKnownForFiveDays) {
  const auto after = [](PacketTime time) {
    CoveredGateway gateway;
    gateway.Send(FromNobody(Text({.id = "our-report@mx.ours.example"}), {"joe@far.example"}));
    return gateway.Pass(time).Receive(
        FromNobody(Text({.returned = {{.message_id = "our-report@mx.ours.example"}}})));
  };
  EXPECT_EQ(after(5 * kDay), "bounce_loop strong report_of_ours_returned");
  EXPECT_EQ(after(5 * kDay + 1), kNotSent);
}

// ---- retries ------------------------------------------------------------------------------------

constexpr const char* kRefused = "null_rejected_rcpt weak rcpt_refused";
constexpr const char* kRetry = "backscatter medium not_sent unsolicited retry";

// A bounce, refused at RCPT for the time being: no message is seen.
Letter Greylisted() {
  return {.body = Body::kNone, .rcpt_replies = {"450 4.7.1 greylisted"}, .end = End::kRset};
}

// The same, taken.
Letter Whole(std::string parameters = {}) {
  Letter letter = FromNobody(Text(Misdirected()));
  letter.mail_parameters = std::move(parameters);
  return letter;
}

// `second` after `first`, from `source`, `later`.
std::string After(const Letter& first, const Letter& second,
                  std::string_view source = "198.51.100.7", PacketTime later = kMinute) {
  CoveredGateway gateway;
  gateway.Receive(first);
  return gateway.Pass(later).Receive(second, source);
}

TEST(Retry, ABounceThatWasGreylistedComesAgain) { EXPECT_EQ(After(Greylisted(), Whole()), kRetry); }

TEST(Retry, ItHasNoVerdictOfItsOwn) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(Greylisted()), kRefused);
  gateway.Receive(Whole());
  const Report report = gateway.Counted();
  EXPECT_EQ(report.transactions.retries, 1u);
  EXPECT_EQ(report.transactions.total, 3u);
  EXPECT_EQ(std::accumulate(report.verdicts.begin(), report.verdicts.end(), std::uint64_t{0}), 2u);
  EXPECT_EQ(report.verdicts[static_cast<std::size_t>(Verdict::kNullRejectedRcpt)], 1u);
  EXPECT_EQ(report.verdicts[static_cast<std::size_t>(Verdict::kBackscatter)], 0u);
}

TEST(Retry, ANeighbourOfTheSameNetworkRetries) {
  EXPECT_EQ(After(Greylisted(), Whole(), "198.51.100.255"), kRetry);
  EXPECT_EQ(After(Greylisted(), Whole(), "198.51.101.0"), kNotSent);
}

TEST(Retry, In48BitsOfAnIpv6Address) {
  const auto from = [](const char* source) {
    Gateway gateway({.networks = {"2001:db8:1::/48"}});
    const Endpoint server{Ip("2001:db8:1::25"), 25};
    gateway.Between({Ip("2001:db8:2::7"), 40000}, server, Greylisted());
    return gateway.Between({Ip(source), 40000}, server, Whole());
  };
  EXPECT_EQ(from("2001:db8:2:ffff::9"), "unknown weak no_coverage retry");
  EXPECT_EQ(from("2001:db8:3::7"), "unknown weak no_coverage");
}

TEST(Retry, AnotherTargetSenderOrSizeIsSomebodyElsesMail) {
  Letter other = Whole();
  other.to = {"bert@ours.example"};
  EXPECT_EQ(After(Greylisted(), other), "backscatter strong target_never_sent unsolicited");
  other = Whole();
  other.from = "mailer-daemon@far.example";
  EXPECT_EQ(After(Greylisted(), other), kNotSent);
  Letter greylisted = Greylisted();
  greylisted.mail_parameters = "SIZE=2000";
  EXPECT_EQ(After(greylisted, Whole("SIZE=2001")), kNotSent);
  EXPECT_EQ(After(greylisted, Whole("BODY=8BITMIME size=2000")), kRetry);
  EXPECT_EQ(After(greylisted, Whole()), kNotSent);
}

TEST(Retry, TheTargetIsTheSameWhateverItsTag) {
  Letter greylisted = Greylisted();
  greylisted.to = {"prvs=0788f7674b=anna@OURS.example"};
  EXPECT_EQ(After(greylisted, Whole()), kRetry);
}

TEST(Retry, FiveDaysAreTheLimit) {
  EXPECT_EQ(After(Greylisted(), Whole(), "198.51.100.7", 5 * kDay), kRetry);
  EXPECT_EQ(After(Greylisted(), Whole(), "198.51.100.7", 5 * kDay + 1), kNotSent);
}

TEST(Retry, WhatWasRefusedForGoodIsNotTriedAgain) {
  Letter refused = Greylisted();
  refused.rcpt_replies = {"550 5.7.1 no"};
  EXPECT_EQ(After(refused, Whole()), kNotSent);
  refused.rcpt_replies = {"499 later"};
  EXPECT_EQ(After(refused, Whole()), kRetry);
  refused.rcpt_replies = {"500 never"};
  EXPECT_EQ(After(refused, Whole()), kNotSent);
}

TEST(Retry, AMessageThatWasDeferredIsKnownByItsMessageIdFromAnywhere) {
  Letter deferred = Whole("SIZE=2000");
  deferred.final_reply = "451 4.3.0 later";
  EXPECT_EQ(After(deferred, Whole("SIZE=2000"), "203.0.113.200"), kRetry);
  // The same size and network, but another message.
  Letter other = Whole("SIZE=2000");
  Dsn dsn = Misdirected();
  dsn.id = "report-2@mta.far.example";
  other.text = Text(dsn);
  EXPECT_EQ(After(deferred, other), kNotSent);
}

TEST(Retry, AMessageIdIsAlsoSeenInABdatThatWasRefused) {
  Letter deferred = RefusedBdat(Text(Misdirected()), "450 4.7.1 greylisted");
  deferred.to = {"anna@ours.example"};
  EXPECT_EQ(After(deferred, Whole(), "203.0.113.200"), kRetry);
}

TEST(Retry, OneGreylistedBounceHidesNoneThatComesAfterItGotThrough) {
  CoveredGateway gateway;
  gateway.Receive(Greylisted());
  EXPECT_EQ(gateway.Receive(Whole()), kRetry);
  EXPECT_EQ(gateway.Receive(Whole()), kNotSent);
}

TEST(Retry, OfTwoThatLookAlikeOneIsARetryAndOneCounts) {
  CoveredGateway gateway;
  gateway.Receive(Greylisted());
  EXPECT_EQ(gateway.Receive(Greylisted()), std::string(kRefused) + " retry");
  EXPECT_EQ(gateway.Receive(Whole()), kRetry);
  EXPECT_EQ(gateway.Receive(Whole()), kNotSent);
}

TEST(Retry, SixtyFourRecipientsAreLookedAt) {
  const auto behind = [](std::size_t others) {
    std::vector<std::string> to;
    for (std::size_t i = 0; i < others; ++i) to.push_back(std::to_string(i) + "@ours.example");
    to.emplace_back("anna@ours.example");
    Letter second = Whole();
    second.to = to;
    CoveredGateway gateway;
    gateway.Receive(Greylisted());
    gateway.Receive(second);
    return gateway.last().judgement.retry;
  };
  EXPECT_TRUE(behind(63));
  EXPECT_FALSE(behind(64));
}

}  // namespace
}  // namespace backscatter
