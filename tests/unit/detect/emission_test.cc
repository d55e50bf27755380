// Why we send reports to others, through the judge that learns from the mail before.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "agent/detect/judge.h"
#include "tests/support/make_transaction.h"

namespace backscatter {
namespace {

constexpr std::string_view kOurs = "192.0.2.25";
constexpr std::string_view kOther = "198.51.100.1";

class Gateway : public JudgedTransactionSink {
 public:
  // A mail with a sender; from outside where `client` is not ours.
  void Pass(std::string_view client, std::string_view sender, std::string_view recipient,
            std::uint16_t reply = 250) {
    Transaction mail = To(client, recipient, reply);
    mail.null_sender = false;
    mail.mail_from = mail.Store(sender);
    if (reply != 250) {
      mail.body_started = false;
      mail.outcome = Outcome::kRejected;
    }
    judge_.OnTransaction(mail);
  }

  // The cause of a failure report of ours, and the host that had sent what it is about.
  std::string Report(std::string_view target, std::string_view failed) {
    MessageFacts facts;
    facts.headers_ended = true;
    facts.looks_bounce = true;
    facts.kind = MessageKind::kDsnFailed;
    facts.recipients.emplace_back().final_recipient = failed;
    Transaction report = To(kOurs, target, 250);
    report.facts = &facts;
    judge_.OnTransaction(report);
    return last_;
  }

  void OnTransaction(const JudgedTransaction& judged) override {
    last_ = judged.judgement.reason;
    if (judged.judgement.received_from) {
      last_ += " from " + judged.judgement.received_from->ToString();
    }
  }
  void OnSession(const SessionSummary&) override {}

 private:
  static Transaction To(std::string_view client, std::string_view recipient, std::uint16_t reply) {
    Transaction mail = BounceTo(recipient, client, reply);
    if (client == kOurs) mail.server.address = Ip(kOther);
    return mail;
  }

  static JudgeOptions Options() {
    JudgeOptions options;
    options.evidence.local = LocalNetworks({IpNetwork::Parse("192.0.2.0/24").value()});
    return options;
  }

  SentLedger ledger_{SentLedgerOptions{}};
  SentCoverage coverage_{PacketTime{8} * 24 * 3600 * 1'000'000'000, KeyOf(2)};
  Judge judge_{Options(), &ledger_, &coverage_, this};
  std::string last_;
};

TEST(Emission, AForwardedMailThatTheNextHostRefusedIsNoAcceptThenBounce) {
  for (const std::uint16_t reply : std::vector<std::uint16_t>{550, 450}) {
    Gateway gateway;
    gateway.Pass(kOther, "carol@far.example", "moved@ours.example");
    gateway.Pass(kOurs, "carol@far.example", "gone@next.example", reply);
    EXPECT_EQ(gateway.Report("carol@far.example", "gone@next.example"),
              "forward from 198.51.100.1");
  }
}

TEST(Emission, WhatWasAcceptedAndNeverSentOnIsAcceptThenBounce) {
  Gateway gateway;
  gateway.Pass(kOther, "carol@far.example", "nobody@ours.example");
  gateway.Pass(kOurs, "dave@far.example", "nobody@ours.example", 550);
  EXPECT_EQ(gateway.Report("carol@far.example", "nobody@ours.example"),
            "accept_then_bounce from 198.51.100.1");
}

}  // namespace
}  // namespace backscatter
