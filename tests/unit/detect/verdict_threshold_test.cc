// Each side of every threshold of the evidence (DETECTION section 3).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

constexpr const char* kNotSent = "backscatter medium not_sent unsolicited";
constexpr const char* kNoCoverage = "unknown weak no_coverage";

// `readable` mails of anna@ours.example in clear, `hidden` sessions behind TLS.
void SendSessions(Gateway& gateway, int readable, int hidden) {
  for (int i = 0; i < readable; ++i) {
    gateway.Send(OwnMail("sent-" + std::to_string(i) + "@ours.example"));
  }
  for (int i = 0; i < hidden; ++i) gateway.SendEncrypted();
}

std::string WithCoverage(int readable, int hidden, const std::string& bounce,
                         GatewayOptions options = {}) {
  Gateway gateway(std::move(options));
  SendSessions(gateway, readable, hidden);
  return gateway.Receive(FromNobody(bounce));
}

// ---- the coverage gate --------------------------------------------------------------------------

TEST(MinCoverage, At95PercentNotSentIsBackscatter) {
  EXPECT_EQ(WithCoverage(19, 1, Text(Misdirected())), kNotSent);
}

TEST(MinCoverage, Below95PercentNothingIsConcluded) {
  EXPECT_EQ(WithCoverage(18, 1, Text(Misdirected())), kNoCoverage);
}

TEST(MinCoverage, IsConfigured) {
  EXPECT_EQ(WithCoverage(1, 1, Text(Misdirected()), {.min_coverage = 0.5}), kNotSent);
  EXPECT_EQ(WithCoverage(1, 2, Text(Misdirected()), {.min_coverage = 0.5}), kNoCoverage);
}

TEST(MinCoverage, AMatchNeedsNoCoverage) {
  EXPECT_EQ(WithCoverage(1, 99, Text({.returned = {{.message_id = "sent-0@ours.example"}}})),
            "solicited strong message_id_sent solicited");
}

TEST(MinCoverage, ASessionWithoutAMailHidesNothing) {
  Gateway gateway;
  SendSessions(gateway, 1, 0);
  for (int i = 0; i < 10; ++i) gateway.SendNothing();
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNotSent);
}

TEST(MinCoverage, ASessionThatLostOctetsWasNotRead) {
  Gateway gateway;
  SendSessions(gateway, 1, 0);
  Gateway::Talk talk(gateway, {Ip("192.0.2.25"), 41000}, {Ip("203.0.113.9"), 25});
  talk.S("220 ready\r\n").C("EHLO mx.ours.example\r\n").S("250 ok\r\n");
  talk.C("MAIL FROM:<anna@ours.example>\r\n").S("250 ok\r\n");
  talk.C("RCPT TO:<joe@far.example>\r\n").S("250 ok\r\n").C("DATA\r\n").S("354 go on\r\n");
  talk.C("Subject: lunch\r\n").CLost(500, "\r\n.\r\nQUIT\r\n").S("250 ok\r\n221 bye\r\n").Close();
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNoCoverage);
}

TEST(MinCoverage, AFeedThatTellsAllNeedsNoReadableSession) {
  Gateway gateway({.feed_tells_all = true});
  gateway.SendEncrypted();
  gateway.Feed({.at = gateway.now(),
                .message_id = "<fed-1@ours.example>",
                .sender = "anna@ours.example",
                .recipient = "joe@far.example"});
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNotSent);
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.returned = {{.message_id = "fed-1@ours.example"}}}))),
            "solicited strong message_id_sent solicited");
}

TEST(MinHistory, AfterFiveDaysNotSentIsBackscatter) {
  Gateway gateway({.min_history = 5 * kDay});
  SendSessions(gateway, 1, 0);
  gateway.Pass(5 * kDay);
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNotSent);
}

TEST(MinHistory, BeforeFiveDaysNothingIsConcluded) {
  Gateway gateway({.min_history = 5 * kDay});
  SendSessions(gateway, 1, 0);
  gateway.Pass(5 * kDay - 1);
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNoCoverage);
}

TEST(MinHistory, WithoutAnyMailOfOursNothingIsConcluded) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNoCoverage);
  gateway.SendNothing();
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNoCoverage);
}

// A bounce of sent-0@ours.example, `days` later; there is mail on each of them.
std::string BounceAfter(int days) {
  Gateway gateway;
  SendSessions(gateway, 1, 0);
  for (int day = 1; day <= days; ++day) {
    gateway.Pass(kDay).Send(OwnMail("later@ours.example", "bert@ours.example", "eve@far.example"));
  }
  return gateway.Receive(FromNobody(Text({.returned = {{.message_id = "sent-0@ours.example"}}})));
}

TEST(SentWindow, OnTheEighthDayAMailIsKnown) {
  EXPECT_EQ(BounceAfter(7), "solicited strong message_id_sent solicited");
}

TEST(SentWindow, OnTheNinthDayItIsForgotten) {
  EXPECT_EQ(BounceAfter(8), "backscatter strong target_never_sent unsolicited");
}

// ---- row 17 -------------------------------------------------------------------------------------

Dsn NamingOurRelay() {
  return {.returned = {{.message_id = "unseen@ours.example",
                        .received = {"from pc by mx.ours.example with ESMTP id 9; x"}}}};
}

TEST(Row17, At99AndAHalfPercentARelaysNameIsNotBelieved) {
  EXPECT_EQ(WithCoverage(199, 1, Text(NamingOurRelay())),
            "backscatter medium relay_named_but_not_sent unsolicited");
}

TEST(Row17, Below99AndAHalfPercentNobodyKnows) {
  EXPECT_EQ(WithCoverage(198, 1, Text(NamingOurRelay())), "unknown weak relay_named_but_not_sent");
}

TEST(Row17, At95PercentNobodyKnows) {
  EXPECT_EQ(WithCoverage(19, 1, Text(NamingOurRelay())), "unknown weak relay_named_but_not_sent");
}

TEST(Row17, Below95PercentItIsWeakEvidence) {
  EXPECT_EQ(WithCoverage(18, 1, Text(NamingOurRelay())), "solicited weak relay_named solicited");
}

TEST(Row17, TwoHundredAndFiftySixNamesOfHostsAreLearnt) {
  Gateway gateway({.min_history = kHour});
  for (int i = 0; i < 257; ++i) {
    Letter letter = OwnMail("sent@ours.example");
    letter.helo = "mx" + std::to_string(i) + ".ours.example";
    gateway.Send(letter);
  }
  const auto naming = [](const std::string& host) {
    return FromNobody(Text({.returned = {{.message_id = "unseen@ours.example",
                                          .received = {"from pc by " + host + " id 9; x"}}}}));
  };
  EXPECT_EQ(gateway.Receive(naming("mx255.ours.example")), "solicited weak relay_named solicited");
  EXPECT_EQ(gateway.Receive(naming("mx256.ours.example")), kNoCoverage);
}

// ---- eight look-ups -----------------------------------------------------------------------------

// A DSN that returns one message with `before` Message-IDs that are not ours, then sent-1.
std::string BounceWithIds(int before) {
  CoveredGateway gateway;
  Dsn dsn{.about = {{"other@else.example"}}};
  for (int i = 0; i < before; ++i) {
    dsn.returned.push_back({.message_id = std::to_string(i) + "@else.example"});
  }
  // One level may have several, as what a text quotes has.
  dsn.returned.resize(std::min<std::size_t>(dsn.returned.size(), 6));
  Returned& last = dsn.returned.back();
  for (int i = 6; i < before; ++i) {
    last.more_message_ids.push_back(std::to_string(i) + "@else.example");
  }
  last.more_message_ids.push_back("sent-1@ours.example");
  return gateway.Receive(FromNobody(Text(dsn)));
}

TEST(EightLookUps, TheEighthMessageIdCounts) {
  EXPECT_EQ(BounceWithIds(7), "solicited strong message_id_sent solicited");
}

TEST(EightLookUps, TheNinthMessageIdIsNotLookedUp) { EXPECT_EQ(BounceWithIds(8), kNotSent); }

// A vacation notice with `after` references behind sent-1: they are asked from the last one on.
std::string ReplyWithReferences(int after) {
  CoveredGateway gateway;
  std::string references = "<sent-1@ours.example>";
  for (int i = 0; i < after; ++i) references += " <" + std::to_string(i) + "@else.example>";
  return gateway.Receive(FromNobody(Vacation("", references)));
}

TEST(EightLookUps, TheEighthReferenceCounts) {
  EXPECT_EQ(ReplyWithReferences(7), "autoreply strong reference_sent solicited");
}

TEST(EightLookUps, TheNinthReferenceIsNotLookedUp) {
  EXPECT_EQ(ReplyWithReferences(8), "autoreply medium reference_not_sent unsolicited");
}

// A DSN about `before` strangers, then about joe@far.example.
std::string BounceAbout(int before, std::vector<std::string> to = {"anna@ours.example"}) {
  CoveredGateway gateway;
  Dsn dsn{.about = {}};
  for (int i = 0; i < before; ++i) dsn.about.push_back({std::to_string(i) + "@far.example"});
  dsn.about.push_back({"joe@far.example"});
  return gateway.Receive(FromNobody(Text(dsn), std::move(to)));
}

TEST(EightLookUps, TheEighthPairCounts) {
  EXPECT_EQ(BounceAbout(7), "solicited medium pair_sent solicited");
}

TEST(EightLookUps, TheNinthPairIsNotLookedUp) { EXPECT_EQ(BounceAbout(8), kNotSent); }

TEST(EightLookUps, EachTargetMakesAPairOfItsOwn) {
  EXPECT_EQ(BounceAbout(3, {"bert@ours.example", "anna@ours.example"}),
            "solicited medium pair_sent solicited");
  EXPECT_EQ(BounceAbout(4, {"bert@ours.example", "anna@ours.example"}), kNotSent);
}

// A bounce that returns `above` Received headers of others, then ours with its queue id.
std::string BounceWithHops(int above) {
  CoveredGateway gateway;
  Returned returned{.message_id = "other@else.example"};
  for (int i = 0; i < above; ++i) {
    returned.received.push_back("from a by mta.else.example with SMTP id " + std::to_string(i));
  }
  returned.received.push_back("from pc by mx.ours.example (Postfix) with ESMTP id Qsent-1; x");
  return gateway.Receive(FromNobody(Text({.returned = {returned}})));
}

TEST(EightLookUps, TheEighthReceivedHeaderCounts) {
  EXPECT_EQ(BounceWithHops(7), "solicited strong queue_id_sent solicited");
}

TEST(EightLookUps, TheNinthReceivedHeaderIsNotLookedUp) {
  EXPECT_EQ(BounceWithHops(8), "backscatter medium relay_named_but_not_sent unsolicited");
}

// ---- how much is read ---------------------------------------------------------------------------

// A bounce of sent-1, of which only the first octets are read: up to and with the line of its
// Message-ID, or `less` than that.
std::string BounceReadUpTo(std::size_t less) {
  const std::string text = Text(
      {.about = {{"other@else.example"}}, .returned = {{.message_id = "sent-1@ours.example"}}});
  const std::size_t line = text.find("Message-ID: <sent-1@ours.example>\r\n");
  CoveredGateway gateway({.capture_bytes = line + 35 - less});
  return gateway.Receive(FromNobody(text));
}

TEST(CaptureBytes, WhatStandsWithinThemCounts) {
  EXPECT_EQ(BounceReadUpTo(0), "solicited strong message_id_sent solicited");
}

TEST(CaptureBytes, WithoutItsMessageIdABounceThatWasCutSaysNothing) {
  EXPECT_EQ(BounceReadUpTo(1), "unknown weak truncated");
}

TEST(CaptureBytes, AWholeBounceWithoutAMessageIdIsJudgedByItsRecipient) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text({}))), kNotSent);
}

TEST(CaptureBytes, WhatWasReturnedWhollyDecidesThoughTheRestWasCut) {
  const std::string text = Text(Misdirected());
  CoveredGateway gateway({.capture_bytes = text.size() - 20});
  EXPECT_EQ(gateway.Receive(FromNobody(text)), kNotSent);
}

}  // namespace
}  // namespace backscatter
