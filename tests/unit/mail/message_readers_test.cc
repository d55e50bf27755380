#include "agent/mail/message_readers.h"

#include <gtest/gtest.h>

namespace backscatter {
namespace {

MessageReadersOptions Options() {
  MessageReadersOptions options;
  options.daemon_senders = {"mailer-daemon", "postmaster", "double-bounce"};
  options.local = LocalNetworks({*IpNetwork::Parse("192.0.2.0/24")});
  return options;
}

BodyRequest Request(std::string_view from, std::string_view source, std::string_view server) {
  BodyRequest request;
  request.has_mail_from = true;
  request.null_sender = from.empty();
  request.mail_from = from;
  request.source = *IpAddress::Parse(source);
  request.client = {request.source, 40000};
  request.server = {*IpAddress::Parse(server), 25};
  return request;
}

constexpr std::string_view kMail =
    "Subject: Undelivered\r\nFrom: mailer-daemon@a.example\r\n\r\n<q@a.example>: unknown\r\n";

BodyRead HowRead(MessageReaders* readers, const BodyRequest& request) {
  const std::shared_ptr<BodyReader> reader = readers->Open(request);
  if (reader == nullptr) return BodyRead::kNone;
  reader->Read(kMail);
  return reader->Finish(true).read;
}

TEST(MessageReaders, NullAndDaemonSendersAreReadOthersOnlyWhereWeSend) {
  MessageReaders readers(Options());
  const auto inbound = [&](std::string_view from) {
    return HowRead(&readers, Request(from, "198.51.100.1", "192.0.2.9"));
  };
  EXPECT_EQ(inbound(""), BodyRead::kWhole);
  EXPECT_EQ(inbound("MAILER-DAEMON@a.example"), BodyRead::kWhole);
  EXPECT_EQ(inbound("double-bounce5L03@a.example"), BodyRead::kWhole);
  EXPECT_EQ(inbound("postmasterly@a.example"), BodyRead::kNone);
  EXPECT_EQ(inbound("ann@a.example"), BodyRead::kNone);
  EXPECT_EQ(HowRead(&readers, Request("ann@near.example", "192.0.2.9", "198.51.100.1")),
            BodyRead::kHeaders);
  EXPECT_EQ(HowRead(&readers, Request("", "192.0.2.9", "198.51.100.1")), BodyRead::kWhole);
}

TEST(MessageReaders, SubmissionIsSentMailWhereverItComesFrom) {
  MessageReaders readers(Options());
  BodyRequest request = Request("ann@near.example", "198.51.100.1", "192.0.2.9");
  request.server.port = 587;
  EXPECT_EQ(HowRead(&readers, request), BodyRead::kHeaders);
  request.server.port = 25;
  request.authenticated = true;
  EXPECT_EQ(HowRead(&readers, request), BodyRead::kHeaders);
}

TEST(MessageReaders, NoCaptureLeavesTheHeadersOfWhatWeSend) {
  MessageReadersOptions options = Options();
  options.capture_bytes = 0;
  options.read_all = true;
  MessageReaders readers(options);
  EXPECT_EQ(HowRead(&readers, Request("", "198.51.100.1", "192.0.2.9")), BodyRead::kNone);
  EXPECT_EQ(HowRead(&readers, Request("ann@near.example", "192.0.2.9", "198.51.100.1")),
            BodyRead::kHeaders);
}

TEST(MessageReaders, AllReadsEveryHead) {
  MessageReadersOptions options = Options();
  options.read_all = true;
  MessageReaders readers(options);
  EXPECT_EQ(HowRead(&readers, Request("ann@a.example", "198.51.100.1", "192.0.2.9")),
            BodyRead::kWhole);
}

TEST(MessageReaders, BoundedAndReadersMayOutliveIt) {
  auto readers = std::make_unique<MessageReaders>(Options());
  const BodyRequest request = Request("", "198.51.100.1", "192.0.2.9");
  std::vector<std::shared_ptr<BodyReader>> out;
  for (std::size_t i = 0; i < MessageReadersOptions().max_open; ++i) {
    out.push_back(readers->Open(request));
    ASSERT_NE(out.back(), nullptr);
  }
  EXPECT_EQ(readers->Open(request), nullptr);
  EXPECT_EQ(readers->refused(), 1U);
  out.pop_back();
  EXPECT_EQ(readers->open(), MessageReadersOptions().max_open - 1);
  EXPECT_NE(readers->Open(request), nullptr);
  readers.reset();
  out[0]->Read(kMail);
  EXPECT_TRUE(out[0]->Finish(true).looks_bounce);
}

}  // namespace
}  // namespace backscatter
