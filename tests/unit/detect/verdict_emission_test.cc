// What we send to others with the null sender, and why (DETECTION section 2.4).
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

// A spammer's mail in the name of victim@far.example, to somebody who is not there.
Letter Spam(std::string to = "gone@ours.example") {
  return {.from = "victim@far.example", .to = {std::move(to)}, .text = Mail("spam-1@far.example")};
}

// A DSN of ours to `to` about `failed`.
Letter OurBounce(const std::string& failed = "gone@ours.example",
                 std::vector<std::string> to = {"victim@far.example"}, Dsn dsn = {}) {
  dsn.id = "our-report-1@mx.ours.example";
  dsn.reporting_mta = "mx.ours.example";
  dsn.about = {{failed}};
  return {.to = std::move(to), .text = Text(dsn), .helo = "mx.ours.example"};
}

std::string SourceOf(const Gateway& gateway) {
  const std::optional<IpAddress>& from = gateway.last().judgement.received_from;
  return from ? from->ToString() : "";
}

// ---- accept_then_bounce -------------------------------------------------------------------------

constexpr const char* kStrong = "emitted strong accept_then_bounce";

TEST(AcceptThenBounce, TheTargetAndTheFailedOneAreAPairThatWeAccepted) {
  Gateway gateway;
  gateway.Receive(Spam(), "198.51.100.66");
  EXPECT_EQ(gateway.Send(OurBounce()), kStrong);
  EXPECT_EQ(SourceOf(gateway), "198.51.100.66");
  EXPECT_EQ(gateway.last().direction, MailDirection::kOutbound);
}

TEST(AcceptThenBounce, TheOriginalRecipientMakesThePairToo) {
  Gateway gateway;
  gateway.Receive(Spam());
  Letter bounce = OurBounce();
  bounce.text = Text({.about = {{"gone@backend.ours.example", "gone@ours.example"}}});
  EXPECT_EQ(gateway.Send(bounce), kStrong);
}

TEST(AcceptThenBounce, ForFiveDays) {
  Gateway gateway;
  gateway.Receive(Spam());
  gateway.Pass(5 * kDay);
  EXPECT_EQ(gateway.Send(OurBounce()), kStrong);
}

TEST(AcceptThenBounce, AfterFiveDaysNobodyKnows) {
  Gateway gateway;
  gateway.Receive(Spam());
  gateway.Pass(5 * kDay + 1);
  EXPECT_EQ(gateway.Send(OurBounce()), "emitted weak unknown");
}

TEST(AcceptThenBounce, WhatWeRefusedIsNoneOfThem) {
  Gateway gateway;
  Letter refused = Spam();
  refused.final_reply = "550 5.7.1 spam";
  gateway.Receive(refused);
  refused = Spam();
  refused.rcpt_replies = {"550 5.1.1 no such user"};
  gateway.Receive(refused);
  EXPECT_EQ(gateway.Send(OurBounce()), "emitted weak unknown");
}

TEST(AcceptThenBounce, OnlyRecipientsThatWeAcceptedAre) {
  Gateway gateway;
  Letter two = Spam();
  two.to = {"anna@ours.example", "gone@ours.example"};
  two.rcpt_replies = {"250 ok", "550 5.1.1 no such user"};
  gateway.Receive(two);
  EXPECT_EQ(gateway.Send(OurBounce("anna@ours.example")), kStrong);
  // Her mail, but not this recipient's.
  EXPECT_EQ(gateway.Send(OurBounce("gone@ours.example")), "emitted weak accept_then_bounce");
}

TEST(AcceptThenBounce, TheEighthPairCountsAndTheNinthIsNotLookedUp) {
  const auto behind = [](std::size_t others) {
    Gateway gateway;
    gateway.Receive(Spam());
    std::vector<std::string> to(others, "nobody@far.example");
    to.emplace_back("victim@far.example");
    return gateway.Send(OurBounce("gone@ours.example", to));
  };
  EXPECT_EQ(behind(7), kStrong);
  EXPECT_EQ(behind(8), "emitted weak accept_then_bounce");
}

// A returned message that a host had from 198.51.100.66, or so it says.
Dsn ReturnedThrough(const std::string& by, const std::string& from = "198.51.100.66") {
  return {.returned = {{.message_id = "spam-1@far.example",
                        .received = {"from bot (bot.far.example [" + from + "]) by " + by +
                                     " (Postfix) with ESMTP id 4711; x"}}}};
}

TEST(AcceptThenBounce, TheReturnedReceivedHeaderSaysThatWeHadItFromOutside) {
  Gateway gateway({.relays = {"mx.ours.example"}});
  EXPECT_EQ(gateway.Send(OurBounce("gone@ours.example", {"victim@far.example"},
                                   ReturnedThrough("MX.ours.example"))),
            "emitted medium accept_then_bounce");
  EXPECT_EQ(SourceOf(gateway), "198.51.100.66");
}

TEST(AcceptThenBounce, AHostThatSentMailIsOneOfOurs) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Send(OurBounce("gone@ours.example", {"victim@far.example"},
                                   ReturnedThrough("mx.ours.example"))),
            "emitted medium accept_then_bounce");
}

// It bounced so fast that the mail itself is told later, and nothing else is known of it.
TEST(AcceptThenBounce, AHostThatGivesItsNameHereIsOneOfOurs) {
  Gateway gateway;
  EXPECT_EQ(gateway.Send(OurBounce("gone@ours.example", {"victim@far.example"},
                                   ReturnedThrough("MX.ours.example"))),
            "emitted medium accept_then_bounce");
  EXPECT_EQ(SourceOf(gateway), "198.51.100.66");
}

TEST(AcceptThenBounce, AnotherHostOrAnAddressOfOursSaysNothing) {
  Gateway gateway({.relays = {"mx.ours.example"}});
  const auto through = [&](const Dsn& dsn) {
    return gateway.Send(OurBounce("gone@ours.example", {"victim@far.example"}, dsn));
  };
  EXPECT_EQ(through(ReturnedThrough("mx.else.example")), "emitted weak unknown");
  EXPECT_EQ(through(ReturnedThrough("mx.ours.example", "192.0.2.77")), "emitted weak unknown");
}

TEST(AcceptThenBounce, RefusedUnreadItIsGuessedFromTheTarget) {
  Gateway gateway;
  gateway.Receive(Spam());
  Letter refused = OurBounce();
  refused.data_reply = "554 5.7.1 we take no bounces";
  EXPECT_EQ(gateway.Send(refused), "emitted weak accept_then_bounce");
  refused.to = {"stranger@far.example"};
  EXPECT_EQ(gateway.Send(refused), "emitted weak unknown");
}

TEST(AcceptThenBounce, ABounceThatNamesNobodyIsGuessedFromTheTarget) {
  Gateway gateway;
  gateway.Receive(Spam());
  EXPECT_EQ(gateway.Send(FromNobody(BareBounce(), {"victim@far.example"})),
            "emitted weak accept_then_bounce");
}

// ---- forward ------------------------------------------------------------------------------------

TEST(Forward, WhatCameInAndWentOnIsForwarded) {
  Gateway gateway;
  gateway.Receive(Spam("list@ours.example"), "198.51.100.66");
  gateway.Send(OwnMail("spam-1@far.example", "victim@far.example", "box@next.example"));
  EXPECT_EQ(gateway.Send(OurBounce("box@next.example")), "emitted strong forward");
  EXPECT_EQ(SourceOf(gateway), "198.51.100.66");
}

TEST(Forward, TheNextHostRefusedIt) {
  Gateway gateway;
  gateway.Receive(Spam("list@ours.example"));
  Letter onwards = OwnMail("spam-1@far.example", "victim@far.example", "box@next.example");
  onwards.rcpt_replies = {"550 5.1.1 no such user"};
  gateway.Send(onwards);
  EXPECT_EQ(gateway.Send(OurBounce("box@next.example")), "emitted strong forward");
}

TEST(Forward, AlsoUnderAnSrsAddress) {
  Gateway gateway({.srs_domains = {"ours.example"}});
  gateway.Receive(Spam("list@ours.example"));
  gateway.Send(OwnMail("spam-1@far.example", "SRS0=HHHH=TT=far.example=victim@ours.example",
                       "box@next.example"));
  EXPECT_EQ(gateway.Send(OurBounce("box@next.example")), "emitted strong forward");
}

// ---- own_user -----------------------------------------------------------------------------------

TEST(OwnUser, AMailThatAUserHandedIn) {
  Gateway gateway;
  EXPECT_EQ(gateway.Submit(OwnMail("sent-1@ours.example", "anna@partner.example")),
            "normal strong submission");
  EXPECT_EQ(gateway.Send(OurBounce("joe@far.example", {"anna@partner.example"})),
            "emitted strong own_user");
  EXPECT_EQ(SourceOf(gateway), "");
}

TEST(OwnUser, ByTheMessageIdAlone) {
  Gateway gateway;
  gateway.Submit(OwnMail("sent-1@ours.example", "anna@partner.example"));
  EXPECT_EQ(gateway.Send(OurBounce("alias@else.example", {"anna@partner.example"},
                                   {.returned = {{.message_id = "sent-1@ours.example"}}})),
            "emitted medium own_user");
  EXPECT_EQ(gateway.Send(OurBounce("alias@else.example", {"anna@partner.example"},
                                   {.returned = {{.message_id = "sent-2@ours.example"}}})),
            "emitted weak unknown");
}

TEST(OwnUser, TheEighthMessageIdCountsAndTheNinthIsNotLookedUp) {
  const auto behind = [](int others) {
    Gateway gateway;
    gateway.Submit(OwnMail("sent-1@ours.example", "anna@partner.example"));
    Returned returned{.message_id = "0@else.example"};
    for (int i = 1; i < others; ++i) {
      returned.more_message_ids.push_back(std::to_string(i) + "@else.example");
    }
    returned.more_message_ids.push_back("sent-1@ours.example");
    return gateway.Send(
        OurBounce("alias@else.example", {"anna@partner.example"}, {.returned = {returned}}));
  };
  EXPECT_EQ(behind(7), "emitted medium own_user");
  EXPECT_EQ(behind(8), "emitted weak unknown");
}

// ---- the kinds that say it themselves -----------------------------------------------------------

TEST(EmittedKind, AutomaticMailIsAnAutoreply) {
  Gateway gateway;
  EXPECT_EQ(gateway.Send(FromNobody(Vacation("x@far.example"), {"joe@far.example"})),
            "emitted strong autoreply");
  EXPECT_EQ(gateway.Send(FromNobody(Challenge("x@far.example"), {"joe@far.example"})),
            "emitted strong autoreply");
}

TEST(EmittedKind, ReceiptsAndReports) {
  Gateway gateway;
  EXPECT_EQ(gateway.Send(FromNobody(Mdn("x@far.example"), {"joe@far.example"})),
            "emitted strong mdn");
  for (const auto& text : {Complaint(), TlsReport(), DmarcReport()}) {
    EXPECT_EQ(gateway.Send(FromNobody(text, {"joe@far.example"})), "emitted strong report");
  }
}

// It looks like accept_then_bounce until its action is read.
TEST(EmittedKind, AReportOfSuccessIsNoBounce) {
  Gateway gateway;
  gateway.Receive(Spam("anna@ours.example"));
  for (const char* action : {"delivered", "relayed", "expanded"}) {
    EXPECT_EQ(
        gateway.Send(OurBounce("anna@ours.example", {"victim@far.example"}, {.action = action})),
        "emitted strong dsn_success");
  }
  for (const char* action : {"failed", "delayed"}) {
    EXPECT_EQ(
        gateway.Send(OurBounce("anna@ours.example", {"victim@far.example"}, {.action = action})),
        kStrong);
  }
}

TEST(EmittedKind, WithoutAMessageWeVerifyAnAddress) {
  Gateway gateway;
  gateway.Receive(Spam());
  EXPECT_EQ(gateway.Send({.to = {"victim@far.example"}, .body = Body::kNone}),
            "emitted strong callout");
}

TEST(EmittedKind, AnythingElseIsUnknown) {
  Gateway gateway;
  gateway.Receive(Spam());
  EXPECT_EQ(gateway.Send(FromNobody(Ticket(), {"victim@far.example"})), "emitted weak unknown");
  EXPECT_EQ(gateway.Send(OurBounce("else@ours.example", {"other@far.example"})),
            "emitted weak unknown");
}

// ---- what is no emission ------------------------------------------------------------------------

TEST(Emitted, OnlyWhatGoesFromUsToOthers) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive(OurBounce()), "unknown weak no_coverage");
  EXPECT_EQ(gateway.Between({Ip("192.0.2.80"), 40000}, {Ip("192.0.2.25"), 25}, OurBounce()),
            "unknown weak no_coverage");
  EXPECT_EQ(gateway.last().direction, MailDirection::kInternal);
  EXPECT_EQ(gateway.Send(OwnMail("sent-1@ours.example")), "normal strong outbound");
}

TEST(Emitted, TheReportTellsTheCausesAndAnExample) {
  Gateway gateway;
  gateway.Receive(Spam(), "198.51.100.66");
  gateway.Send(FromNobody(Vacation(), {"joe@other.example"}));
  gateway.Send(OurBounce("gone@ours.example", {"victim@far.example"},
                         {.returned = {{.message_id = "spam-1@far.example"}}}));
  gateway.Send(OurBounce("gone@ours.example", {"victim@far.example"},
                         {.returned = {{.message_id = "spam-1@far.example"}}}));
  const EmittedCounts emitted = gateway.Counted().emitted;
  EXPECT_EQ(emitted.transactions, 3u);
  ASSERT_EQ(emitted.causes.size(), 2u);
  EXPECT_EQ(emitted.causes[0].first, "accept_then_bounce");
  EXPECT_EQ(emitted.causes[0].second, 2u);
  EXPECT_EQ(emitted.causes[1].first, "autoreply");
  EXPECT_EQ(emitted.domains.front().first, "far.example");
  EXPECT_EQ(emitted.examples.front().message_id, "spam-1@far.example");
  EXPECT_EQ(emitted.examples.front().received_from, "198.51.100.66");
}

TEST(Emitted, AnAttemptThatComesAgainCountsOnce) {
  Gateway gateway;
  gateway.Receive(Spam());
  Letter deferred = OurBounce();
  deferred.final_reply = "451 4.7.1 later";
  EXPECT_EQ(gateway.Send(deferred), kStrong);
  EXPECT_EQ(gateway.Pass(kHour).Send(OurBounce()), std::string(kStrong) + " retry");
  EXPECT_EQ(gateway.Counted().emitted.transactions, 1u);
}

}  // namespace
}  // namespace backscatter
