#include <gtest/gtest.h>

#include "tests/unit/mail/message_samples.h"

namespace backscatter {
namespace {

MessageFacts Read(std::string_view text, bool null_sender = true) {
  ReaderOptions options;
  options.null_sender = null_sender;
  return FactsOf(Wire(text), options);
}

TEST(MessageKinds, PlainTextBounceNamesItsRecipientAndReturnsTheMessage) {
  const MessageFacts facts = Read(
      "From: Mail Delivery Subsystem <mailer-daemon@a.example>\nTo: ann@near.example\n"
      "Subject: failure notice\n\n"
      "We were unable to deliver your message.\n\n"
      "<bob@a.example>:\n550 5.1.1 no such user here\n\n"
      "--- Below this line is a copy of the message.\n\n"
      "Return-Path: <ann@near.example>\n"
      "Received: from p (p.near.example [192.0.2.4]) by a.example; now\n"
      "Message-ID: <orig@near.example>\n\nHello\n");
  EXPECT_EQ(facts.kind, MessageKind::kNonstandardBounce);
  EXPECT_TRUE(facts.looks_bounce);
  ASSERT_EQ(facts.recipients.size(), 1U);
  EXPECT_EQ(facts.recipients[0].final_recipient, "bob@a.example");
  EXPECT_EQ(facts.recipients[0].status.class_digit, 5);
  EXPECT_EQ(facts.original_message_ids, std::vector<std::string>{"orig@near.example"});
  EXPECT_EQ(facts.returned_return_path, "ann@near.example");
}

TEST(MessageKinds, FailedRecipientsHeaderIsEnough) {
  const MessageFacts facts = Read(
      "From: x@a.example\nSubject: hm\nX-Failed-Recipients: b@c.example,\n d@e.example\n\nText\n");
  EXPECT_EQ(facts.kind, MessageKind::kNonstandardBounce);
  ASSERT_EQ(facts.recipients.size(), 2U);
  EXPECT_EQ(facts.recipients[1].final_recipient, "d@e.example");
}

TEST(MessageKinds, SubjectsInOtherLanguagesAndCharsets) {
  for (const std::string_view subject :
       {"Unzustellbar: Hallo",
        "=?iso-8859-1?Q?=C9chec_de_la_remise?=", "=?koi8-r?B?7sUg1sHF0w==?= Недоставлено: a",
        "=?iso-2022-jp?B?GyRCRzs/LklUR0obKEI=?= 配信不能: a", "未送达: a"}) {
    const MessageFacts facts = Read("From: postmaster@a.example\nSubject: " + std::string(subject) +
                                    "\n\n<q@b.example>\n");
    EXPECT_EQ(facts.kind, MessageKind::kNonstandardBounce) << subject;
  }
}

TEST(MessageKinds, JapaneseTextIsReadInItsCharset) {
  const MessageFacts facts = Read(
      "From: info@a.example\nSubject: notice\nContent-Type: text/plain; charset=shift_jis\n\n"
      "\x94\x7a\x90\x4d\x82\xc5\x82\xab\x82\xdc\x82\xb9\x82\xf1\n"  // could not be delivered
      "q@b.example\n\nMessage-ID: <o@near.example>\n");
  EXPECT_EQ(facts.kind, MessageKind::kNonstandardBounce);
  ASSERT_EQ(facts.recipients.size(), 1U);
  EXPECT_EQ(facts.recipients[0].final_recipient, "q@b.example");
}

TEST(MessageKinds, DelayWarningIsADelay) {
  const MessageFacts facts = Read(
      "From: mailer-daemon@a.example\nSubject: Warning: message x delayed 4 hours\n\n"
      "A message has not been delivered yet. You do not need to resend it.\n\n  q@b.example\n");
  EXPECT_EQ(facts.kind, MessageKind::kDsnDelayed);
}

TEST(MessageKinds, ActionsOfAReport) {
  struct Case {
    std::string_view action;
    MessageKind kind;
  };
  for (const Case& c :
       {Case{"failure", MessageKind::kDsnFailed}, Case{"expired", MessageKind::kDsnFailed},
        Case{"DELAYED", MessageKind::kDsnDelayed}, Case{"delivered", MessageKind::kDsnDelivered},
        Case{"deliverable", MessageKind::kDsnDelivered},
        Case{"relayed (to non-DSN-aware mailer)", MessageKind::kDsnRelayed},
        Case{"expanded (to a list)", MessageKind::kDsnExpanded}}) {
    const MessageFacts facts = Read(
        "From: mailer-daemon@a.example\nSubject: Report\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;a.example\n\n"
        "Final-Recipient: rfc822;q@b.example\nAction: " +
        std::string(c.action) + "\nStatus: 4.0.0\n--b--\n");
    EXPECT_EQ(facts.kind, c.kind) << c.action;
  }
}

TEST(MessageKinds, AutoRepliesAreNoBounces) {
  EXPECT_EQ(Read("From: bob@b.example\nSubject: Automatic reply: hi\n\nAway.\n").kind,
            MessageKind::kAutoReply);
  EXPECT_EQ(Read("From: bob@b.example\nSubject: Re: hi\nAuto-Submitted: auto-replied\n"
                 "In-Reply-To: <o@near.example>\n\nI am on vacation.\n")
                .kind,
            MessageKind::kAutoReply);
}

TEST(MessageKinds, ReceiptsAndOtherReports) {
  const auto report = [](std::string_view type, std::string_view part, std::string_view extra) {
    return "From: bob@b.example\nSubject: Read: hi\n" + std::string(extra) +
           "Content-Type: multipart/report; report-type=" + std::string(type) +
           "; boundary=b\n\n--b\n\nText\n--b\nContent-Type: " + std::string(part) +
           "\n\nOriginal-Message-ID: <o@near.example>\n--b--\n";
  };
  const MessageFacts mdn =
      Read(report("disposition-notification", "message/disposition-notification", ""));
  EXPECT_EQ(mdn.kind, MessageKind::kMdn);
  EXPECT_FALSE(mdn.looks_bounce);
  EXPECT_EQ(mdn.original_message_ids, std::vector<std::string>{"o@near.example"});
  EXPECT_EQ(Read(report("disposition-notification", "message/disposition-notification",
                        "Auto-Submitted: auto-replied (rejected)\n"))
                .kind,
            MessageKind::kNonstandardBounce);
  EXPECT_EQ(Read(report("feedback-report", "message/feedback-report", "")).kind, MessageKind::kArf);
  EXPECT_EQ(Read(report("tlsrpt", "application/tlsrpt+gzip", "")).kind, MessageKind::kTlsReport);
  EXPECT_EQ(Read("From: n@b.example\nSubject: Report Domain: a.example Submitter: b Report-ID: 1\n"
                 "Content-Type: application/gzip\n\nx\n")
                .kind,
            MessageKind::kDmarcReport);
}

// Some programs put the subject of what they return behind their own words: a spammer's subject
// must not turn the bounces of his mail into reports, which nobody counts.
TEST(MessageKinds, TheSubjectOfWhatIsReturnedMakesNoReportOfABounce) {
  for (const std::string subject :
       {"Report Domain: near.example Submitter: x Report-ID: 1", "Spam complaint"}) {
    const MessageFacts facts = FactsOf(
        Wire("From: MicrosoftExchange329e@far.example\nSubject: Undeliverable: " + subject +
             "\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
             "\nSorry.\n--b\nContent-Type: message/delivery-status\n\n"
             "Reporting-MTA: dns; far.example\n\nFinal-Recipient: rfc822; joe@far.example\n"
             "Action: failed\nStatus: 5.1.1\n\n--b--\n"));
    EXPECT_EQ(facts.kind, MessageKind::kDsnFailed) << subject;
  }
}

TEST(MessageKinds, ChallengeAsksForProof) {
  EXPECT_EQ(Read("From: bob@b.example\nSubject: Please verify your message\n\n"
                 "To have your message delivered, confirm that you are a person.\n")
                .kind,
            MessageKind::kChallengeResponse);
  EXPECT_EQ(Read("From: bob@b.example\nSubject: Please confirm your message\n"
                 "Auto-Submitted: auto-replied\n\nTo prove that it was\n"
                 "sent by a person, please reply to this message.\n")
                .kind,
            MessageKind::kChallengeResponse);
}

TEST(MessageKinds, RefusalByAGroupIsAListBounce) {
  EXPECT_EQ(Read("From: mailer-daemon@a.example\nSubject: Delivery Status Notification (Failure)\n"
                 "X-Failed-Recipients: team@groups.b.example\n\n"
                 "You do not have permission to post messages to the group.\n")
                .kind,
            MessageKind::kListBounce);
}

TEST(MessageKinds, PeopleWhoTalkAboutBouncesAreNotBounces) {
  const MessageFacts forward = Read(
      "From: ann@near.example\nSubject: Fwd: Returned mail: user unknown\n"
      "Content-Type: multipart/mixed; boundary=m\n\n--m\n\nlook at this failure\n"
      "--m\nContent-Type: message/rfc822\n\n" +
          std::string(kDsn) + "--m--\n",
      false);
  EXPECT_EQ(forward.kind, MessageKind::kOther);
  EXPECT_FALSE(forward.looks_bounce);
  EXPECT_EQ(
      Read("From: ann@near.example\nSubject: your virus scanner\n\nIs it rejected?\n", false).kind,
      MessageKind::kOther);
}

TEST(MessageKinds, NullSenderAloneIsNoBounce) {
  const MessageFacts facts =
      Read("From: tickets@shop.example\nSubject: Ticket 12 was opened\n\nThanks.\n");
  EXPECT_EQ(facts.kind, MessageKind::kOther);
  EXPECT_FALSE(facts.looks_bounce);
}

}  // namespace
}  // namespace backscatter
