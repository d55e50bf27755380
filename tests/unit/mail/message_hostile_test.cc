#include <gtest/gtest.h>

#include "tests/unit/mail/message_samples.h"

namespace backscatter {
namespace {

TEST(HostileMessages, LineOfTenMegabytesIsCut) {
  MessageReader reader;
  ReaderOptions options;
  options.capture_bytes = 16 << 20;
  reader.Reset(options);
  reader.Read("Subject: ");
  const std::string part(1 << 16, 'x');
  for (int i = 0; i < 160; ++i) reader.Read(part);
  reader.Read("\r\nMessage-ID: <after@a.example>\r\n\r\n");
  const MessageFacts& facts = reader.Finish(true);
  EXPECT_TRUE(facts.cut);
  EXPECT_LE(facts.subject.size(), kMaxFactText);
  EXPECT_EQ(facts.message_id, "after@a.example");
}

TEST(HostileMessages, DecodedLineThatIsTooLongIsCut) {
  const auto facts_of = [](std::size_t pieces) {
    std::string message = "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
    for (std::size_t i = 0; i < pieces; ++i) message += std::string(70, 'x') + "=\r\n";
    return FactsOf(message + "\r\n");
  };
  EXPECT_FALSE(facts_of(kMaxLineBytes / 70).cut);
  EXPECT_TRUE(facts_of(kMaxLineBytes / 70 + 1).cut);
}

TEST(HostileMessages, NestingHasAnEnd) {
  std::string message;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "b" + std::to_string(i);
    message += "Content-Type: multipart/mixed; boundary=" + name + "\r\n\r\n--" + name + "\r\n";
  }
  message += "Content-Type: text/plain\r\n\r\nend\r\n";
  EXPECT_TRUE(FactsOf(message).cut);

  std::string messages;
  for (int i = 0; i < 200; ++i) messages += "Content-Type: message/rfc822\r\n\r\n";
  EXPECT_TRUE(FactsOf(messages).cut);
}

TEST(HostileMessages, FloodsMeetTheLimitsOfTheFacts) {
  std::string message = "Content-Type: multipart/report; boundary=b\r\n\r\n";
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    message += "--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;u" + n +
               "@a.example\r\nAction: failed\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" +
               "Message-ID: <" + n + "@a.example>\r\nReceived: from a by b; x\r\n\r\n";
  }
  const MessageFacts facts = FactsOf(message);
  EXPECT_TRUE(facts.cut);
  EXPECT_LE(facts.recipients.size(), kMaxReportedRecipients);
  EXPECT_LE(facts.original_message_ids.size(), kMaxMessageIds);
  EXPECT_LE(facts.returned_received.size(), kMaxReceivedHops);
  EXPECT_GT(facts.returned_received_count, 0U);
}

TEST(HostileMessages, AnAddressIsLookedForInTheFirstSixteenBracketsOfAReceived) {
  const auto address_behind = [](std::size_t brackets) {
    const MessageFacts facts = FactsOf("Received: from a.example (" + std::string(brackets, '(') +
                                           " [192.0.2.7]) by b.example; x\r\n\r\n",
                                       {.sent = true});
    return facts.last_hop.from_address;
  };
  EXPECT_EQ(address_behind(3), IpAddress::Parse("192.0.2.7"));
  EXPECT_EQ(address_behind(20), std::nullopt);
}

// A soft line break, or a piece of base64, cuts the line that ends the part in two.
TEST(HostileMessages, ADamagedBoundaryWithinAnEncodedReportEndsItOnce) {
  const auto facts_of = [](std::string_view encoding, std::string_view body) {
    return FactsOf(
        "Content-Type: multipart/report; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n"
        "Content-Transfer-Encoding: " +
        std::string(encoding) + "\r\n\r\n" + std::string(body) +
        "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        "Message-ID: <1@a.example>\r\n\r\n");
  };
  const MessageFacts soft = facts_of("quoted-printable",
                                     "Final-Recipient: rfc822; u@a.example\r\n"
                                     "Action: failed\r\n--dam=\r\naged\r\nrest");
  ASSERT_EQ(soft.recipients.size(), 1U);
  EXPECT_EQ(soft.recipients[0].final_recipient, "u@a.example");
  EXPECT_EQ(soft.original_message_ids, std::vector<std::string>{"1@a.example"});
  // "--dam", then "aged" and a line end
  EXPECT_EQ(facts_of("base64", "LS1kYW0=\r\nYWdlZAo=").original_message_ids,
            std::vector<std::string>{"1@a.example"});
}

TEST(HostileMessages, AnythingAtAllIsRead) {
  const std::string zeros("\0\0: \0\r\n\0\r\n\r\n\0--\0\r\n", 19);
  EXPECT_EQ(FactsOf(zeros).kind, MessageKind::kOther);
  EXPECT_EQ(FactsOf("").read, BodyRead::kWhole);
  EXPECT_EQ(FactsOf("\n\n\n").kind, MessageKind::kOther);
  EXPECT_EQ(FactsOf("Subject: =?utf-8?B?").subject, "=?utf-8?B?");
  EXPECT_EQ(FactsOf("Subject: =?nonsense?Q?a_b?=\r\n\r\n").subject, "a b");
  EXPECT_EQ(FactsOf("Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n").kind,
            MessageKind::kOther);
}

TEST(HostileMessages, EveryTruncationIsReadToItsEnd) {
  const std::string message = Wire(kDsn);
  for (std::size_t size = 0; size < message.size(); ++size) {
    ReaderOptions options;
    options.capture_bytes = size;
    const MessageFacts facts = FactsOf(message, options);
    ASSERT_EQ(facts.read, BodyRead::kHead) << size;
    for (const ReportedRecipient& recipient : facts.recipients) {
      ASSERT_NE(recipient.final_recipient.find("@far.example"), std::string::npos) << size;
    }
    for (const std::string& id : facts.original_message_ids) {
      ASSERT_EQ(id, "first1@near.example") << size;
    }
  }
}

}  // namespace
}  // namespace backscatter
