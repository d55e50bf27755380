// Tagged addresses (DETECTION section 1.1) on their way through the program: BATV (rows 9, 10, 14
// and 16 of the decision table), SRS and VERP.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

// Made by Exim: key `secretkey` of number 0, and `k2` of number 3, for day 788.
constexpr const char* kAlice = "prvs=0788f7674b=alice@example.com";
constexpr const char* kBob = "prvs=37882bd742=Bob+tag@Example.COM";

constexpr const char* kValid = "solicited strong tag_valid solicited";
constexpr const char* kWrong = "backscatter strong tag_wrong unsolicited";
constexpr const char* kExpired = "backscatter strong tag_expired unsolicited";
constexpr const char* kNotSent = "backscatter medium not_sent unsolicited";
constexpr const char* kNoCoverage = "unknown weak no_coverage";

GatewayOptions WithKeys(const std::string& zero = "secretkey", const std::string& three = "k2") {
  GatewayOptions options;
  options.batv_keys.Add(0, zero);
  options.batv_keys.Add(3, three);
  return options;
}

std::string Tagged(int day, const char* address = "alice@example.com") {
  return MakeBatvAddress("secretkey", 0, day, address);
}

// What a bounce to `target` is, to a gateway that knows nothing but its keys.
std::string BounceTo(const std::string& target, PacketTime at = kNoon) {
  Gateway gateway(WithKeys());
  return gateway.At(at).Receive(FromNobody(Text(Misdirected()), {target}));
}

// ---- row 9: a valid tag -------------------------------------------------------------------------

TEST(Row9, TheVectorsOfEximAreSolicited) {
  EXPECT_EQ(BounceTo(kAlice), kValid);
  EXPECT_EQ(BounceTo(kBob), kValid);
}

TEST(Row9, ATagProvesAFreeFormBounceToo) {
  Gateway gateway(WithKeys());
  EXPECT_EQ(gateway.Receive(FromNobody(BareBounce(), {kAlice})), kValid);
}

TEST(Row9, AReportOfSuccessToATagIsAReceipt) {
  for (const char* action : {"delivered", "relayed", "expanded"}) {
    Gateway gateway(WithKeys());
    EXPECT_EQ(gateway.Receive(FromNobody(Text({.action = action}), {kAlice})),
              "dsn_success strong tag_valid solicited");
  }
  Gateway gateway(WithKeys());
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.action = "delayed"}), {kAlice})), kValid);
}

TEST(Row9, ATagIsWorthMoreThanWhatTheBounceReturns) {
  GatewayOptions options = WithKeys();
  CoveredGateway gateway(std::move(options));
  const Dsn forged{.returned = {{.message_id = "forged@spam.example",
                                 .received = {"from mx.ours.example (dsl.spam.example "
                                              "[203.0.113.99]) by mta.far.example with SMTP"}}}};
  EXPECT_EQ(gateway.Receive(FromNobody(Text(forged), {kAlice})), kValid);
}

TEST(Row9, ATagOfARefusedBdatCountsToo) {
  Gateway gateway(WithKeys());
  Letter letter = RefusedBdat(Text(Misdirected()));
  letter.to = {kAlice};
  EXPECT_EQ(gateway.Receive(letter), kValid);
}

TEST(Row9, TheSourceRouteIsNoPartOfWhatWasSigned) {
  EXPECT_EQ(BounceTo("@relay.example:" + std::string(kAlice)), kValid);
}

TEST(Row9, AnExpiredTagIsTheOtherSide) {
  EXPECT_EQ(BounceTo(Tagged(781), 20'781 * kDay), kValid);
  EXPECT_EQ(BounceTo(Tagged(781), 20'782 * kDay - 1), kValid);
  EXPECT_EQ(BounceTo(Tagged(781), 20'782 * kDay), kExpired);
}

TEST(Row9, ATagOfTheFutureIsTheOtherSide) {
  EXPECT_EQ(BounceTo(Tagged(788), 20'781 * kDay), kValid);
  EXPECT_EQ(BounceTo(Tagged(788), 20'781 * kDay - 1), kExpired);
}

TEST(Row9, DaysAreComparedModuloAThousand) {
  EXPECT_EQ(BounceTo(Tagged(3), 20'995 * kDay), kExpired);
  EXPECT_EQ(BounceTo(Tagged(3), 20'996 * kDay), kValid);
  EXPECT_EQ(BounceTo(Tagged(3), 21'004 * kDay - 1), kValid);
  EXPECT_EQ(BounceTo(Tagged(3), 21'004 * kDay), kExpired);
  EXPECT_EQ(BounceTo(Tagged(900), 21'100 * kDay), kExpired);  // a plain comparison takes it
}

TEST(Row9, TheCaseOfTagAndHashDoesNotMatter) {
  EXPECT_EQ(BounceTo("PRVS=0788F7674B=alice@example.com"), kValid);
  EXPECT_EQ(BounceTo("pRvS=37882Bd742=Bob+tag@Example.COM"), kValid);
}

TEST(Row9, TheAddressCountsAsSeenOrInLowerCase) {
  EXPECT_EQ(BounceTo("prvs=0788f7674b=Alice@EXAMPLE.com"), kValid);
  // It was signed with capitals, and these are not known any more.
  EXPECT_EQ(BounceTo("prvs=37882bd742=bob+tag@example.com"), kWrong);
}

TEST(Row9, OneValidTagOfSeveralRecipientsIsEnough) {
  Gateway gateway(WithKeys());
  const std::string wrong = "prvs=0788000000=alice@example.com";
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {wrong, kBob})), kValid);
}

TEST(Row9, TagsOf64RecipientsAreLookedAt) {
  const auto tag_behind = [](std::size_t others) {
    Gateway gateway(WithKeys());
    std::vector<std::string> to(others, "anna@ours.example");
    to.push_back(kAlice);
    return gateway.Receive(FromNobody(Text(Misdirected()), to));
  };
  EXPECT_EQ(tag_behind(63), kValid);
  EXPECT_EQ(tag_behind(64), kNoCoverage);
}

TEST(Row9, OldAndNewKeyOfANumberAreBothGood) {
  GatewayOptions options = WithKeys();
  options.batv_keys.Add(0, "newer");
  Gateway gateway(std::move(options));
  const std::string newer = MakeBatvAddress("newer", 0, 788, "alice@example.com");
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {kAlice})), kValid);
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {newer})), kValid);
}

// ---- row 10: automatic mail to a valid tag ------------------------------------------------------

TEST(Row10, AutomaticMailToAValidTagIsSolicited) {
  Gateway gateway(WithKeys());
  EXPECT_EQ(gateway.Receive(FromNobody(Vacation(), {kAlice})),
            "autoreply strong tag_valid solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Challenge(), {kAlice})),
            "challenge_response medium tag_valid solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Mdn("x@else.example"), {kAlice})),
            "mdn strong tag_valid solicited");
}

TEST(Row10, AutomaticMailToABadTagIsJudgedWithoutIt) {
  CoveredGateway gateway(WithKeys());
  EXPECT_EQ(gateway.Receive(FromNobody(Vacation(), {"prvs=0788000000=alice@example.com"})),
            "autoreply medium reference_not_sent unsolicited");
}

// ---- row 14: a bad tag --------------------------------------------------------------------------

TEST(Row14, AWrongKeyIsBackscatter) {
  Gateway gateway(WithKeys("another key"));
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {kAlice})), kWrong);
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {kBob})), kValid);
}

TEST(Row14, AHashOfAnotherAddressIsBackscatter) {
  EXPECT_EQ(BounceTo("prvs=0788f7674b=malice@example.com"), kWrong);
  EXPECT_EQ(BounceTo("prvs=0789f7674b=alice@example.com"), kWrong);
}

TEST(Row14, AKeyNumberOfWhichWeHaveNoneIsNotBad) {
  EXPECT_EQ(BounceTo("prvs=5788f7674b=alice@example.com"), kNoCoverage);
}

TEST(Row14, WithoutKeysNoTagIsBad) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {kAlice})), kNoCoverage);
}

TEST(Row14, ProofOfAMailOfOursComesFirst) {
  CoveredGateway gateway(WithKeys());
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.returned = {{.message_id = "sent-1@ours.example"}}}),
                                       {"prvs=0788000000=alice@example.com"})),
            "solicited strong message_id_sent solicited");
}

TEST(Row14, OnlyTheNullSenderWritesToTags) {
  CoveredGateway gateway(WithKeys());
  gateway.Send(OwnMail("sent-2@ours.example", "alice@example.com"));
  EXPECT_EQ(gateway.Receive({.from = "mailer-daemon@far.example",
                             .to = {"prvs=0788000000=alice@example.com"},
                             .text = Text(Misdirected())}),
            kNotSent);
}

TEST(Row14, WhateverTheNullSenderWritesToABadTag) {
  Gateway gateway(WithKeys());
  EXPECT_EQ(gateway.Receive(FromNobody(Ticket(), {"prvs=0788000000=alice@example.com"})), kWrong);
  EXPECT_EQ(gateway.Receive(FromNobody(Ticket(), {Tagged(700)})), kExpired);
  EXPECT_EQ(gateway.Receive(FromNobody(Ticket(), {kAlice})), "null_other medium no_bounce");
}

TEST(Row14, ATagIsBadOnlyIfEveryTaggedRecipientsIs) {
  Gateway gateway(WithKeys());
  const std::string wrong = "prvs=0788000000=alice@example.com";
  const auto to = [&](std::vector<std::string> recipients) {
    return gateway.Receive(FromNobody(Text(Misdirected()), std::move(recipients)));
  };
  EXPECT_EQ(to({wrong, "anna@ours.example"}), kWrong);
  EXPECT_EQ(to({"anna@ours.example", wrong}), kWrong);
  EXPECT_EQ(to({wrong, "prvs=0788000001=carl@example.com"}), kWrong);
  EXPECT_EQ(to({wrong, "prvs=joe=123ABCDEFG@ours.example"}), kNoCoverage);
}

TEST(Row14, ForeignDialectsAreNeverCalledBad) {
  for (const char* target :
       {"prvs=anna=123ABCDEFG@ours.example", "prvs=anna/123ABCDEFG@ours.example",
        "btv1==0788f7674b==anna@ours.example", "msprvs1=18234abc=anna@ours.example"}) {
    EXPECT_EQ(BounceTo(target), kNoCoverage) << target;
    CoveredGateway gateway(WithKeys());
    EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {target})), kNotSent) << target;
    EXPECT_EQ(gateway.Receive(FromNobody(Text({.about = {{"joe@far.example"}}}), {target})),
              "solicited medium pair_sent solicited")
        << target;
  }
}

// ---- row 16: the tag is missing -----------------------------------------------------------------

std::string UntaggedAfter(int tagged, int untagged, const char* target = "anna@ours.example") {
  Gateway gateway(WithKeys());
  const std::string sender = Tagged(788, "anna@ours.example");
  for (int i = 0; i < tagged; ++i) {
    gateway.Send(OwnMail("sent-" + std::to_string(i) + "@ours.example", sender));
  }
  for (int i = 0; i < untagged; ++i) gateway.Send(OwnMail("plain@ours.example"));
  return gateway.Receive(FromNobody(Text(Misdirected()), {target}));
}

TEST(Row16, After20TaggedMailsATagIsMissing) {
  EXPECT_EQ(UntaggedAfter(20, 0), "backscatter strong tag_missing unsolicited");
}

TEST(Row16, After19NothingIsConcluded) { EXPECT_EQ(UntaggedAfter(19, 0), kNotSent); }

TEST(Row16, OneUntaggedMailAndNothingIsConcluded) { EXPECT_EQ(UntaggedAfter(20, 1), kNotSent); }

TEST(Row16, OnlyTheDomainThatTagsIsMeant) {
  EXPECT_EQ(UntaggedAfter(20, 0, "anna@other.example"),
            "backscatter strong target_never_sent unsolicited");
}

TEST(Row16, AForeignDialectIsNoMissingTag) {
  EXPECT_EQ(UntaggedAfter(20, 0, "prvs=anna=123ABCDEFG@ours.example"), kNotSent);
}

TEST(Row16, AllRecipientsMustBeOfDomainsThatTag) {
  Gateway gateway(WithKeys());
  const std::string sender = Tagged(788, "anna@ours.example");
  for (int i = 0; i < 20; ++i) gateway.Send(OwnMail("sent@ours.example", sender));
  gateway.Send(OwnMail("plain@other.example", "carl@other.example"));
  EXPECT_EQ(
      gateway.Receive(FromNobody(Text(Misdirected()), {"anna@ours.example", "carl@other.example"})),
      kNotSent);
}

TEST(Row16, WithoutCoverageNothingIsConcluded) {
  Gateway gateway(WithKeys());
  const std::string sender = Tagged(788, "anna@ours.example");
  for (int i = 0; i < 20; ++i) gateway.Send(OwnMail("sent@ours.example", sender));
  for (int i = 0; i < 2; ++i) gateway.SendEncrypted();
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))), kNoCoverage);
}

TEST(Row16, AVacationNoticeWithoutTagLeftBefore) {
  Gateway gateway(WithKeys());
  const std::string sender = Tagged(788, "anna@ours.example");
  for (int i = 0; i < 20; ++i) gateway.Send(OwnMail("sent@ours.example", sender));
  EXPECT_EQ(gateway.Receive(FromNobody(Vacation("sent@ours.example"))),
            "autoreply strong reference_sent solicited");
}

TEST(Row16, FourThousandAndNinetySixDomainsAreRemembered) {
  const auto behind = [](int domains) {
    Gateway gateway(WithKeys());
    for (int i = 0; i < domains; ++i) {
      gateway.Send(OwnMail("sent@ours.example", "a@d" + std::to_string(i) + ".example"));
    }
    const std::string sender = Tagged(788, "anna@ours.example");
    for (int i = 0; i < 20; ++i) gateway.Send(OwnMail("sent@ours.example", sender));
    return gateway.Receive(FromNobody(Text(Misdirected())));
  };
  EXPECT_EQ(behind(4095), "backscatter strong tag_missing unsolicited");
  EXPECT_EQ(behind(4096), kNotSent);
}

// ---- SRS ----------------------------------------------------------------------------------------

constexpr const char* kSrs0 = "SRS0=HHHH=TT=orig.example=carl@fwd.example";
constexpr const char* kSrs1 = "SRS1=GGGG=hop.example==HHHH=TT=orig.example=carl@fwd.example";

GatewayOptions Forwarding(PacketTime min_history = 0) {
  return {.srs_domains = {"fwd.example"}, .min_history = min_history};
}

TEST(Srs, ABounceToAnAddressOfOursIsOneOfForwardedMail) {
  for (const char* target : {kSrs0, kSrs1, "srs0+HHHH=TT=orig.example=carl@FWD.example",
                             "SRS0-HHHH=TT=orig.example=carl@fwd.example"}) {
    Gateway gateway(Forwarding());
    EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {target})),
              "solicited weak srs_address solicited")
        << target;
  }
}

TEST(Srs, TheAddressOfAnotherForwarderSaysNothing) {
  for (const char* target :
       {"SRS0=HHHH=TT=orig.example=carl@else.example",
        "SRS0=HHHH=TT=orig.example=carl@a.fwd.example", "SRS0=HHHH=carl@fwd.example",
        "SRS2=HHHH=TT=orig.example=carl@fwd.example", "carl@fwd.example"}) {
    Gateway gateway(Forwarding());
    EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {target})), kNoCoverage) << target;
  }
}

TEST(Srs, WithoutSrsDomainsNoAddressIsOfOurs) {
  Gateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {kSrs0})), kNoCoverage);
}

TEST(Srs, WhatWasForwardedProvesIt) {
  Gateway gateway(Forwarding(kDay));
  gateway.Send(OwnMail("orig-1@orig.example", kSrs0, "box@next.example"));
  EXPECT_EQ(gateway.Receive(
                FromNobody(Text({.returned = {{.message_id = "orig-1@orig.example"}}}), {kSrs0})),
            "solicited strong message_id_sent solicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.about = {{"box@next.example"}}}), {kSrs0})),
            "solicited medium pair_sent solicited");
}

TEST(Srs, WithCoverageAnybodysSrsAddressProvesNothing) {
  Gateway gateway(Forwarding());
  gateway.Send(OwnMail("orig-1@orig.example", kSrs0, "box@next.example"));
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {kSrs0})), kNotSent);
  EXPECT_EQ(gateway.Receive(
                FromNobody(Text(Misdirected()), {"SRS0=XXXX=TT=spam.example=eve@fwd.example"})),
            "backscatter strong target_never_sent unsolicited");
}

TEST(Srs, OnlyTheNullSenderBouncesToIt) {
  Gateway gateway(Forwarding());
  EXPECT_EQ(gateway.Receive(
                {.from = "mailer-daemon@far.example", .to = {kSrs0}, .text = Text(Misdirected())}),
            kNoCoverage);
}

// ---- VERP ---------------------------------------------------------------------------------------

// The list has sent one mail, from `sender`, and another mail was bounced to `target`.
std::string ListBounce(const std::string& pattern, const std::string& sender,
                       const std::string& target) {
  Gateway gateway({.verp_patterns = {pattern}});
  gateway.Send(OwnMail("list-1@ours.example", sender));
  return gateway.Receive(FromNobody(Text({.about = {{"someone@else.example"}}}), {target}));
}

TEST(Verp, ABounceToTheSenderOfOneMailOfTheListIsLikelyOurs) {
  constexpr const char* kLikely = "solicited medium pair_sent solicited";
  EXPECT_EQ(ListBounce("list-return-*@ours.example", "list-return-7-joe=far.example@ours.example",
                       "list-return-7-joe=far.example@ours.example"),
            kLikely);
  EXPECT_EQ(ListBounce("bounces+*@ours.example", "bounces+4711@ours.example",
                       "Bounces+4711@OURS.example"),
            kLikely);
  EXPECT_EQ(ListBounce("bounces+*", "bounces+4711@ours.example", "bounces+4711@ours.example"),
            kLikely);
}

TEST(Verp, AnAddressOfTheSameShapeThatNeverSentIsNot) {
  EXPECT_EQ(ListBounce("bounces+*@ours.example", "bounces+4711@ours.example",
                       "bounces+4712@ours.example"),
            "backscatter strong target_never_sent unsolicited");
}

TEST(Verp, ASenderThatNoPatternNamesIsNot) {
  for (const char* pattern : {"bounce+*@ours.example", "bounces+*@other.example", "bounces",
                              "bounces+47*12@ours.example", ""}) {
    EXPECT_EQ(ListBounce(pattern, "bounces+4711@ours.example", "bounces+4711@ours.example"),
              kNotSent)
        << pattern;
  }
}

}  // namespace
}  // namespace backscatter
