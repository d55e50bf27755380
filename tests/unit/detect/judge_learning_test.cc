// What the judge learns from the wire, and what nobody can make it believe.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/detect/judge.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

class JudgeLearning : public testing::Test, public JudgedTransactionSink {
 public:
  void OnTransaction(const JudgedTransaction& judged) override { last_ = judged.judgement; }
  void OnSession(const SessionSummary& /*session*/) override {}

 protected:
  void Use(std::size_t capacity, bool feed_tells_all = false) {
    JudgeOptions options;
    options.evidence.local = LocalNetworks({*IpNetwork::Parse("192.0.2.0/24")});
    options.evidence.feed_tells_all = feed_tells_all;
    options.evidence.hash_key = options.retries.hash_key = options.accepted.hash_key = KeyOf(1);
    ledger_ = std::make_unique<SentLedger>(SentLedgerOptions{.capacity = capacity, .key = {}});
    coverage_ = std::make_unique<SentCoverage>(std::int64_t{8} * 86'400 * kSecond, KeyOf(2));
    judge_ = std::make_unique<Judge>(std::move(options), ledger_.get(), coverage_.get(), this);
  }
  void SetUp() override { Use(100'000); }

  // From anna@ours.example to joe@far.example.
  static Transaction Mail(std::string_view client, std::string_view server, std::uint16_t port,
                          const MessageFacts* facts) {
    Transaction mail = Bounce(client);
    mail.null_sender = false;
    mail.mail_from = mail.Store("anna@ours.example");
    mail.server = {Ip(server), port};
    mail.facts = facts;
    AddRecipient(mail, "joe@far.example");
    return mail;
  }
  void Send(const std::string& message_id) {
    MessageFacts facts;
    facts.message_id = message_id;
    judge_->OnTransaction(Mail("192.0.2.25", "203.0.113.9", 25, &facts));
    SessionSummary session{.server = {Ip("203.0.113.9"), 25}, .messages = 1};
    session.source = Ip("192.0.2.25");
    judge_->OnSession(session);
  }
  // A bounce of `message_id` that comes to bob@ours.example.
  Judgement BounceOf(const std::string& message_id) {
    MessageFacts facts;
    facts.headers_ended = true;
    facts.kind = MessageKind::kDsnFailed;
    facts.looks_bounce = true;
    facts.original_message_ids = {message_id};
    Transaction bounce = BounceTo("bob@ours.example", "198.51.100.1");
    bounce.facts = &facts;
    judge_->OnTransaction(bounce);
    return last_;
  }

  Judgement last_;
  std::unique_ptr<SentLedger> ledger_;
  std::unique_ptr<SentCoverage> coverage_;
  std::unique_ptr<Judge> judge_;
};

TEST_F(JudgeLearning, WhatComesIsJudgedWhateverWasForetold) {
  Send("one@ours.example");
  MessageFacts facts;
  facts.headers_ended = true;
  facts.kind = MessageKind::kDsnFailed;
  facts.looks_bounce = true;
  facts.recipients.emplace_back().final_recipient = "joe@far.example";
  Transaction to_anna = BounceTo("anna@ours.example", "198.51.100.1");
  Transaction to_bob = BounceTo("bob@ours.example", "198.51.100.1");
  to_anna.facts = to_bob.facts = &facts;
  for (const Transaction* foretold :
       {static_cast<const Transaction*>(nullptr), static_cast<const Transaction*>(&to_anna),
        static_cast<const Transaction*>(&to_bob)}) {
    if (foretold != nullptr) judge_->Foretell(*foretold);
    judge_->OnTransaction(to_anna);
    EXPECT_EQ(last_.reason, "pair_sent");
    if (foretold != nullptr) judge_->Foretell(*foretold);
    judge_->OnTransaction(to_bob);
    EXPECT_NE(last_.reason, "pair_sent");
  }
  // The same object, used again for another.
  judge_->Foretell(to_bob);
  judge_->OnTransaction(to_bob);
  to_bob = to_anna;
  judge_->OnTransaction(to_bob);
  EXPECT_EQ(last_.reason, "pair_sent");
}

TEST_F(JudgeLearning, WhatIsNotInAFullLedgerWasNotNecessarilyNotSent) {
  for (const bool feed : {false, true}) {
    Use(256, feed);
    Send("first@ours.example");
    EXPECT_EQ(BounceOf("never@far.example").verdict, Verdict::kBackscatter);
    for (int i = 0; i < 10'000; ++i) Send(std::to_string(i) + "@ours.example");
    ASSERT_GT(ledger_->dropped(), 5'000u);
    EXPECT_EQ(BounceOf("first@ours.example").verdict, Verdict::kSolicited);
    EXPECT_EQ(BounceOf("9999@ours.example").verdict, Verdict::kUnknown);
    EXPECT_EQ(last_.reason, "no_coverage");
  }
}

// Whoever connects to port 587 could teach us Message-IDs, and so make his bounces solicited: all
// commands at once, with a chunk behind them, and away before the server refuses.
TEST_F(JudgeLearning, AStrangerAtTheSubmissionPortTeachesNothing) {
  Send("first@ours.example");
  MessageFacts facts;
  facts.message_id = "forged@ours.example";
  for (const std::uint16_t port : {std::uint16_t{587}, std::uint16_t{465}}) {
    Transaction mail = Mail("198.51.100.66", "192.0.2.25", port, &facts);
    mail.mail_reply = mail.body_reply = mail.recipients[0].reply = 0;
    mail.outcome = Outcome::kUnfinished;
    judge_->OnTransaction(mail);
    mail.outcome = Outcome::kRejected;
    mail.mail_reply = 530;
    judge_->OnTransaction(mail);
    EXPECT_EQ(BounceOf("forged@ours.example").verdict, Verdict::kBackscatter) << port;
  }
}

TEST_F(JudgeLearning, ASubmissionThatWasAcceptedIsWhatWeSend) {
  Send("first@ours.example");
  MessageFacts facts;
  facts.message_id = "submitted@ours.example";
  judge_->OnTransaction(Mail("198.51.100.66", "192.0.2.25", 587, &facts));
  EXPECT_EQ(BounceOf("submitted@ours.example").verdict, Verdict::kSolicited);
  facts.message_id = "with-auth@ours.example";
  Transaction mail = Mail("198.51.100.66", "192.0.2.25", 25, &facts);
  judge_->OnTransaction(mail);
  EXPECT_EQ(BounceOf("with-auth@ours.example").verdict, Verdict::kBackscatter);
  mail.authenticated = true;
  judge_->OnTransaction(mail);
  EXPECT_EQ(BounceOf("with-auth@ours.example").verdict, Verdict::kSolicited);
}

}  // namespace
}  // namespace backscatter
