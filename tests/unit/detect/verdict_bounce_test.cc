// Rows 9, 11 and 15 to 19 of the decision table (DETECTION section 3): whose mail comes back.
#include <gtest/gtest.h>

#include "tests/unit/detect/verdict_messages.h"
#include "tests/unit/detect/verdict_script.h"

namespace backscatter {
namespace {

TEST(Row11, AMessageIdOfOursAtAnyLevelIsProof) {
  for (std::size_t level = 0; level < 4; ++level) {
    CoveredGateway gateway;
    Dsn dsn{.about = {{"other@else.example"}}};
    for (std::size_t i = 0; i < level; ++i) {
      dsn.returned.push_back({.message_id = "bounce-" + std::to_string(i) + "@else.example"});
    }
    dsn.returned.push_back({.message_id = "sent-1@ours.example"});
    EXPECT_EQ(gateway.Receive(FromNobody(Text(dsn))), "solicited strong message_id_sent solicited")
        << level;
  }
}

TEST(Row11, AnEnvelopeIdOfOursIsProof) {
  Gateway gateway;
  Letter sent = OwnMail("sent-1@ours.example");
  sent.mail_parameters = "RET=HDRS ENVID=run+2B7";
  gateway.Send(sent);
  EXPECT_EQ(gateway.Receive(
                FromNobody(Text({.envelope_id = "run+2B7", .about = {{"other@else.example"}}}))),
            "solicited strong envelope_id_sent solicited");
  EXPECT_EQ(
      gateway.Receive(FromNobody(Text({.envelope_id = "run8", .about = {{"other@else.example"}}}))),
      "backscatter medium not_sent unsolicited");
}

TEST(Row11, OurQueueIdWithOurHostIsProof) {
  const auto about = [](const std::string& received) {
    return FromNobody(Text({.about = {{"other@else.example"}},
                            .returned = {{.message_id = "", .received = {received}}}}));
  };
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(about("from pc by mx.ours.example (Postfix) with ESMTP id Qsent-1; x")),
            "solicited strong queue_id_sent solicited");
  // The id of another host, or none of ours.
  EXPECT_EQ(gateway.Receive(about("from pc by mx.else.example (Postfix) with ESMTP id Qsent-1; x")),
            "backscatter medium not_sent unsolicited");
  EXPECT_EQ(gateway.Receive(about("from pc by mx.ours.example (Postfix) with ESMTP id Q4711; x")),
            "backscatter medium relay_named_but_not_sent unsolicited");
}

TEST(Row11, ThePairAloneIsMedium) {
  CoveredGateway gateway;
  const Letter bounce = FromNobody(
      Text({.about = {{"joe@far.example"}}, .returned = {{.message_id = "another@far.example"}}}));
  EXPECT_EQ(gateway.Receive(bounce), "solicited medium pair_sent solicited");
  const Letter by_original =
      FromNobody(Text({.about = {{"box-7@far.example", "joe@far.example"}}}));
  EXPECT_EQ(gateway.Receive(by_original), "solicited medium pair_sent solicited");
  Letter to_other = bounce;
  to_other.to = {"bert@ours.example"};
  EXPECT_EQ(gateway.Receive(to_other), "backscatter strong target_never_sent unsolicited");
}

TEST(Row11, ABounceToAVerpAddressThatSentIsLikelyOurs) {
  Gateway gateway({.verp_patterns = {"list+*@ours.example"}});
  gateway.Send(OwnMail("sent-1@ours.example", "list+joe=far.example@ours.example"));
  const auto bounce_to = [](const char* target) {
    return FromNobody(Text({.about = {{"someone@else.example"}}}), {target});
  };
  EXPECT_EQ(gateway.Receive(bounce_to("list+joe=far.example@ours.example")),
            "solicited medium pair_sent solicited");
  EXPECT_EQ(gateway.Receive(bounce_to("list+eve=far.example@ours.example")),
            "backscatter strong target_never_sent unsolicited");
}

TEST(Row11, TheActionsDecideBetweenABounceAndAReceipt) {
  const auto with = [](const char* action) {
    CoveredGateway gateway;
    return gateway.Receive(
        FromNobody(Text({.action = action, .returned = {{.message_id = "sent-1@ours.example"}}})));
  };
  for (const char* action : {"delivered", "relayed", "expanded"}) {
    EXPECT_EQ(with(action), "dsn_success strong message_id_sent solicited") << action;
  }
  for (const char* action : {"failed", "delayed"}) {
    EXPECT_EQ(with(action), "solicited strong message_id_sent solicited") << action;
  }
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text(
                {.about = {{"a@far.example", "", "delivered"}, {"b@far.example", "", "failed"}},
                 .returned = {{.message_id = "sent-1@ours.example"}}}))),
            "solicited strong message_id_sent solicited");
}

TEST(Row11, AFreeFormBounceOfOursIsSolicited) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(
                BareBounceWith("from pc by mx.ours.example (Postfix) with ESMTP id Qsent-1; x"))),
            "solicited strong queue_id_sent solicited");
}

TEST(Row11, WhatUsersHandInIsOurs) {
  for (const std::uint16_t port : {std::uint16_t{587}, std::uint16_t{465}}) {
    Gateway gateway;
    gateway.Submit(OwnMail("sent-1@ours.example"), port);
    EXPECT_EQ(
        gateway.Receive(FromNobody(Text({.returned = {{.message_id = "sent-1@ours.example"}}}))),
        "solicited strong message_id_sent solicited")
        << port;
    EXPECT_EQ(gateway.Receive(FromNobody(Text({.about = {{"joe@far.example"}}}))),
              "solicited medium pair_sent solicited")
        << port;
  }
}

TEST(Row11, WhatAStrangerSendsUsIsNotOurs) {
  CoveredGateway gateway({.read_all = true});
  EXPECT_EQ(gateway.Submit(OwnMail("planted@spam.example"), 25), "normal strong has_sender");
  EXPECT_EQ(
      gateway.Receive(FromNobody(Text(
          {.about = {{"x@far.example"}}, .returned = {{.message_id = "planted@spam.example"}}}))),
      "backscatter medium not_sent unsolicited");
}

TEST(Row11, OnPort25OnlyAnAuthenticatedUserIsOneOfOurs) {
  Gateway gateway;
  Gateway::Talk talk(gateway);
  talk.S("220 ready\r\n").C("EHLO pc.far.example\r\n").S("250 AUTH PLAIN\r\n");
  talk.C("AUTH PLAIN AGFubmEAeA==\r\n").S("235 2.7.0 ok\r\n");
  talk.C("MAIL FROM:<anna@ours.example>\r\n").S("250 ok\r\n");
  talk.C("RCPT TO:<joe@far.example>\r\n").S("250 ok\r\n").C("DATA\r\n").S("354 go on\r\n");
  talk.C(Mail("sent-1@ours.example") + ".\r\n").S("250 taken\r\n");
  EXPECT_EQ(talk.Close(), "normal strong submission");
  EXPECT_EQ(
      gateway.Receive(FromNobody(Text({.returned = {{.message_id = "sent-1@ours.example"}}}))),
      "solicited strong message_id_sent solicited");
}

TEST(Row11, ARecipientThatWasRefusedAtOnceIsNoPair) {
  CoveredGateway gateway;
  Letter refused = OwnMail("sent-2@ours.example", "anna@ours.example", "no@far.example");
  refused.rcpt_replies = {"550 5.1.1 no such user"};
  gateway.Send(refused);
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.about = {{"no@far.example"}}}))),
            "backscatter medium not_sent unsolicited");
}

// Our gateway's name, from an address that is not ours.
Letter Feigned() {
  return FromNobody(
      Text({.returned = {{.message_id = "forged@spam.example",
                          .received = {"from mx.ours.example (dsl.spam.example [203.0.113.99]) by "
                                       "mta.far.example with SMTP id 7; x"}}}}));
}

TEST(Row15, OurNameFromAForeignAddressIsForged) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(Feigned()), "backscatter strong forged_received unsolicited");
}

TEST(Row15, WhatIsForgedSpeaksForNobodyWithoutCoverage) {
  Gateway gateway({.min_history = kHour});
  gateway.Send(OwnMail("sent-1@ours.example"));
  EXPECT_EQ(gateway.Receive(Feigned()), "unknown weak no_coverage");
}

TEST(Row15, OurNameFromOurAddressIsNotForged) {
  CoveredGateway gateway;
  const Dsn dsn{.returned = {{.message_id = "forged@spam.example",
                              .received = {"from mx.ours.example (mx.ours.example [192.0.2.25]) by "
                                           "mta.far.example with SMTP id 7; x"}}}};
  EXPECT_EQ(gateway.Receive(FromNobody(Text(dsn))),
            "backscatter medium relay_named_but_not_sent unsolicited");
}

TEST(Row15, BehindNatNobodyKnowsTheAddressThatOthersSaw) {
  Gateway gateway({.networks = {"10.0.0.0/8", "192.0.2.0/24"}});
  gateway.Between({Ip("10.0.0.5"), 41000}, {Ip("203.0.113.9"), 25}, OwnMail("sent-1@ours.example"));
  EXPECT_EQ(gateway.Receive(Feigned()), "backscatter medium relay_named_but_not_sent unsolicited");
}

TEST(Row15, WithoutAPublicAddressTheNameIsNotForged) {
  for (const char* from : {"mx.ours.example", "mx.ours.example (x [10.1.2.3])"}) {
    CoveredGateway gateway;
    const Dsn dsn{.returned = {{.message_id = "forged@spam.example",
                                .received = {std::string("from ") + from +
                                             " by mta.far.example with SMTP id 7; x"}}}};
    EXPECT_EQ(gateway.Receive(FromNobody(Text(dsn))),
              "backscatter medium relay_named_but_not_sent unsolicited")
        << from;
  }
}

TEST(Row15, ProofOfAMailOfOursComesFirst) {
  CoveredGateway gateway;
  Dsn dsn{.returned = {{.message_id = "sent-1@ours.example",
                        .received = {"from mx.ours.example (dsl.spam.example [203.0.113.99]) by "
                                     "mta.far.example with SMTP id 7; x"}}}};
  EXPECT_EQ(gateway.Receive(FromNobody(Text(dsn))), "solicited strong message_id_sent solicited");
}

TEST(Row17, OurRelaysNameIsWeakEvidenceWithoutCoverage) {
  Gateway gateway({.relays = {"mx.ours.example"}});
  const Dsn dsn{.returned = {{.message_id = "unseen@ours.example",
                              .received = {"from pc by mx.ours.example with ESMTP id 9; x"}}}};
  EXPECT_EQ(gateway.Receive(FromNobody(Text(dsn))), "solicited weak relay_named solicited");
  const Dsn by_address{.returned = {{.message_id = "unseen@ours.example",
                                     .received = {"from x (x [192.0.2.80]) by mta.far.example "
                                                  "with ESMTP id 9; x"}}}};
  EXPECT_EQ(gateway.Receive(FromNobody(Text(by_address))), "solicited weak relay_named solicited");
}

TEST(Row18, WhatWeDidNotSendIsBackscatter) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))),
            "backscatter medium not_sent unsolicited");
  // Either of the two is enough: a Message-ID, or a failed recipient.
  EXPECT_EQ(gateway.Receive(FromNobody(Text({.about = {{"x@far.example"}}}))),
            "backscatter medium not_sent unsolicited");
  EXPECT_EQ(gateway.Receive(FromNobody(
                Text({.about = {}, .returned = {{.message_id = "forged@spam.example"}}}))),
            "backscatter medium not_sent unsolicited");
  Gateway blind;
  EXPECT_EQ(blind.Receive(FromNobody(Text(Misdirected()))), "unknown weak no_coverage");
}

TEST(Row18, ATargetThatNeverSentMakesItStrong) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {"trap@ours.example"})),
            "backscatter strong target_never_sent unsolicited");
}

TEST(Row18, AnAddressThatSendsButTakesNoMailHasSent) {
  CoveredGateway gateway;
  gateway.Send(OwnMail("sent-2@ours.example", "nobody@ours.example"));
  EXPECT_EQ(gateway.Receive(RefusedBdat(Text(Misdirected()))),
            "backscatter medium not_sent unsolicited");
}

TEST(Row18, AFloodOnTheSameTargetRaisesIt) {
  CoveredGateway gateway;
  gateway.Send(OwnMail("sent-2@ours.example", "bert@ours.example"));
  const FloodsOf floods({"anna@ours.example"});
  gateway.SetFloods(&floods);
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()))),
            "backscatter strong not_sent unsolicited");
  EXPECT_EQ(gateway.Receive(FromNobody(Text(Misdirected()), {"bert@ours.example"})),
            "backscatter medium not_sent unsolicited");
  // A flood is no evidence by itself.
  EXPECT_EQ(
      gateway.Receive(FromNobody(Text({.returned = {{.message_id = "sent-1@ours.example"}}}))),
      "solicited strong message_id_sent solicited");
}

TEST(Row19, ABounceThatReturnsNothingIsJudgedByTheFloodAlone) {
  CoveredGateway gateway;
  EXPECT_EQ(gateway.Receive(FromNobody(BareBounce())), "unknown weak no_evidence");
  const FloodsOf floods({"anna@ours.example"});
  gateway.SetFloods(&floods);
  EXPECT_EQ(gateway.Receive(FromNobody(BareBounce())),
            "backscatter medium no_evidence_in_flood unsolicited");
  Gateway blind;
  blind.SetFloods(&floods);
  EXPECT_EQ(blind.Receive(FromNobody(BareBounce())), "unknown weak no_evidence");
}

}  // namespace
}  // namespace backscatter
