#include "agent/mail/message_reader.h"

#include <gtest/gtest.h>

#include "tests/unit/mail/message_samples.h"

namespace backscatter {
namespace {

std::string StatusOf(const ReportedRecipient& recipient) {
  return std::to_string(recipient.status.class_digit) + "." +
         std::to_string(recipient.status.subject) + "." + std::to_string(recipient.status.detail);
}

TEST(MessageReader, ReportGivesItsGroupsAndTheReturnedMessage) {
  const MessageFacts facts = FactsOf(Wire(kDsn));
  EXPECT_EQ(facts.read, BodyRead::kWhole);
  EXPECT_TRUE(facts.headers_ended);
  EXPECT_EQ(facts.kind, MessageKind::kDsnFailed);
  EXPECT_TRUE(facts.looks_bounce);
  EXPECT_TRUE(facts.auto_submitted);
  EXPECT_EQ(facts.subject, "Undelivered Mail Returned to Sender");
  EXPECT_EQ(facts.message_id, "report1@mx.far.example");
  EXPECT_EQ(facts.from, "MAILER-DAEMON@mx.far.example");
  EXPECT_EQ(facts.reporting_mta, "mx.far.example");
  EXPECT_EQ(facts.original_envelope_id, "tag+7");
  ASSERT_EQ(facts.recipients.size(), 2U);
  EXPECT_EQ(facts.recipients[0].final_recipient, "bob@far.example");
  EXPECT_EQ(facts.recipients[0].original_recipient, "robert@far.example");
  EXPECT_EQ(facts.recipients[0].action, DsnAction::kFailed);
  EXPECT_EQ(StatusOf(facts.recipients[0]), "5.1.1");
  EXPECT_EQ(facts.recipients[1].action, DsnAction::kDelayed);
  EXPECT_EQ(StatusOf(facts.recipients[1]), "4.4.1");
  EXPECT_EQ(facts.received_count, 1U);
  EXPECT_EQ(facts.last_hop.by_name, "");  // of mail that we send only
  EXPECT_EQ(facts.original_message_ids, std::vector<std::string>{"first1@near.example"});
  EXPECT_EQ(facts.returned_return_path, "ann@near.example");
  EXPECT_EQ(facts.returned_from, "ann@near.example");
  EXPECT_EQ(facts.returned_received_count, 1U);
  ASSERT_EQ(facts.returned_received.size(), 1U);
  EXPECT_EQ(facts.returned_received[0].from_address, IpAddress::Parse("198.51.100.3"));
  EXPECT_EQ(facts.returned_received[0].id, "Q77");
}

TEST(MessageReader, SentMailTellsItsNewestHop) {
  const MessageFacts facts = FactsOf(
      Wire("Received: from a.example by b.example id 2; x\n" + std::string(kDsn)), {.sent = true});
  EXPECT_EQ(facts.received_count, 2U);
  EXPECT_EQ(facts.last_hop.from_name, "a.example");
  EXPECT_EQ(facts.last_hop.by_name, "b.example");
  EXPECT_EQ(facts.last_hop.id, "2");
}

TEST(MessageReader, FactsDoNotDependOnHowTheOctetsAreCut) {
  const std::string message = Wire(kDsn);
  for (std::size_t piece = 1; piece <= message.size(); ++piece) {
    const MessageFacts facts = FactsOf(message, {}, piece);
    ASSERT_EQ(facts.kind, MessageKind::kDsnFailed) << piece;
    ASSERT_EQ(facts.subject, "Undelivered Mail Returned to Sender") << piece;
    ASSERT_EQ(facts.recipients.size(), 2U) << piece;
    ASSERT_EQ(facts.recipients[1].final_recipient, "eve@far.example") << piece;
    ASSERT_EQ(facts.original_message_ids.size(), 1U) << piece;
    ASSERT_EQ(facts.returned_received.size(), 1U) << piece;
  }
}

TEST(MessageReader, ReusedReaderForgetsTheMessageBefore) {
  MessageReader reader;
  reader.Read(Wire(kDsn));
  reader.Finish(true);
  reader.Reset({});
  reader.Read("Subject: lunch\r\nFrom: ann@near.example\r\n\r\nNoon?\r\n");
  const MessageFacts& facts = reader.Finish(true);
  EXPECT_EQ(facts.kind, MessageKind::kOther);
  EXPECT_FALSE(facts.looks_bounce);
  EXPECT_EQ(facts.subject, "lunch");
  EXPECT_TRUE(facts.recipients.empty());
  EXPECT_TRUE(facts.original_message_ids.empty());
  EXPECT_TRUE(facts.returned_received.empty());
}

TEST(MessageReader, ReadSaysHowMuchWasSeen) {
  const std::string message = Wire(kDsn);
  ReaderOptions options;
  options.capture_bytes = message.size();
  EXPECT_EQ(FactsOf(message, options).read, BodyRead::kWhole);
  options.capture_bytes = message.size() - 1;
  EXPECT_EQ(FactsOf(message, options).read, BodyRead::kHead);
  options.headers_only = true;
  EXPECT_EQ(FactsOf(message, options).read, BodyRead::kHeaders);

  MessageReader reader;
  reader.Read(message);
  EXPECT_EQ(reader.Finish(false).read, BodyRead::kHead);
}

TEST(MessageReader, HeadersOnlyStopsBehindTheHeaderBlock) {
  ReaderOptions options;
  options.headers_only = true;
  options.capture_bytes = kMaxHeaderBytes;
  const MessageFacts facts = FactsOf(Wire(kDsn), options);
  EXPECT_TRUE(facts.headers_ended);
  EXPECT_EQ(facts.message_id, "report1@mx.far.example");
  EXPECT_TRUE(facts.recipients.empty());
  EXPECT_TRUE(facts.original_message_ids.empty());
}

TEST(MessageReader, LineThatTheLimitCutIsNotKept) {
  ReaderOptions options;
  options.capture_bytes = 30;
  const MessageFacts facts =
      FactsOf("From: a@b.example\r\nMessage-ID: <long.long@b.example>\r\n\r\nx\r\n", options);
  EXPECT_EQ(facts.message_id, "");
  EXPECT_EQ(facts.from, "a@b.example");
  EXPECT_FALSE(facts.headers_ended);
}

TEST(MessageReader, GapLosesTheLineAroundItOnly) {
  MessageReader reader;
  reader.Read("Subject: one\r\nMessage-ID: <cut");
  reader.OnGap();
  reader.Read("ted@b.example>\r\nFrom: a@b.example\r\n\r\n");
  const MessageFacts& facts = reader.Finish(true);
  EXPECT_TRUE(facts.has_gap);
  EXPECT_EQ(facts.read, BodyRead::kHead);
  EXPECT_EQ(facts.subject, "one");
  EXPECT_EQ(facts.message_id, "");
  EXPECT_EQ(facts.from, "a@b.example");
}

TEST(MessageReader, EnclosedMessageCountsAlsoWhenItIsABounceItself) {
  const std::string inner(kDsn);
  const std::string outer =
      "From: Mail Delivery System <mailer-daemon@third.example>\n"
      "Subject: Mail delivery failed\n"
      "Content-Type: multipart/report; report-type=delivery-status; boundary=out\n\n"
      "--out\nContent-Type: message/delivery-status\n\n"
      "Reporting-MTA: dns; third.example\n\n"
      "Final-Recipient: rfc822;list@third.example\nAction: failed\nStatus: 5.7.1\n\n"
      "--out\nContent-Type: message/rfc822\n\n" +
      inner + "--out--\n";
  const MessageFacts facts = FactsOf(Wire(outer));
  EXPECT_EQ(facts.kind, MessageKind::kDsnFailed);
  ASSERT_EQ(facts.recipients.size(), 3U);
  EXPECT_EQ(facts.recipients[0].final_recipient, "list@third.example");
  const std::vector<std::string> ids = {"report1@mx.far.example", "first1@near.example"};
  EXPECT_EQ(facts.original_message_ids, ids);
  EXPECT_EQ(facts.returned_received_count, 2U);
}

TEST(MessageReader, EncodedReportIsDecoded) {
  const std::string message =
      "From: mailer-daemon@x.example\nSubject: Delivery failure\n"
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
      "--b\nContent-Type: message/delivery-status\n"
      "Content-Transfer-Encoding: base64\n\n"
      "UmVwb3J0aW5nLU1UQTogZG5zOyB4LmV4YW1wbGUKCkZpbmFsLVJlY2lwaWVudDogcmZjODIyOyBx\n"
      "QHguZXhhbXBsZQpBY3Rpb246IGZhaWxlZApTdGF0dXM6IDUuMi4yCg==\n"
      "--b--\n";
  const MessageFacts facts = FactsOf(Wire(message));
  ASSERT_EQ(facts.recipients.size(), 1U);
  EXPECT_EQ(facts.recipients[0].final_recipient, "q@x.example");
  EXPECT_EQ(StatusOf(facts.recipients[0]), "5.2.2");
}

TEST(MessageReader, QuotedPrintableMaySplitFieldNames) {
  const std::string message =
      "From: mailer-daemon@x.example\nSubject: Delivery failure\n"
      "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n"
      "Action: failed\nFinal-=\nRecipient: rfc822; q@x.example\nS=\ntatus: 5.2.2\n";
  const MessageFacts facts = FactsOf(Wire(message));
  EXPECT_EQ(facts.kind, MessageKind::kDsnFailed);
  ASSERT_EQ(facts.recipients.size(), 1U);
  EXPECT_EQ(facts.recipients[0].final_recipient, "q@x.example");
  EXPECT_EQ(StatusOf(facts.recipients[0]), "5.2.2");
}

TEST(MessageReader, ContinuationsMayHaveLostTheirIndentation) {
  const std::string message =
      "From: postmaster@x.example\nSubject: Undeliverable: hi\n"
      "Content-Type: multipart/mixed; boundary=b\n\n"
      "--b\n\nyour mail was not delivered\n"
      "--b\nContent-Type: message/rfc822\n\n"
      "Received: from a.example (192.0.2.1)\nby b.example with SMTP id 9\n"
      "Message-ID:\n<kept@a.example>\n\nbody\n--b--\n";
  const MessageFacts facts = FactsOf(Wire(message));
  ASSERT_EQ(facts.original_message_ids.size(), 1U);
  EXPECT_EQ(facts.original_message_ids[0], "kept@a.example");
  ASSERT_EQ(facts.returned_received.size(), 1U);
  EXPECT_EQ(facts.returned_received[0].by_name, "b.example");
}

}  // namespace
}  // namespace backscatter
