// Bodies that pass: of null and daemon senders, and header blocks of our own mail.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"

namespace backscatter::bpf_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMessage = "Subject: a\r\nX-B: c\r\n\r\nZYGOTE\r\n";

class BodyPasses : public KernelTest {
 protected:
  // What passes of a short mail of this sender.
  std::string Short(std::string_view sender, const WireOptions& options = {}) {
    Wire wire(*kernel, options);
    wire.UpToData(sender).S("354 go\r\n").C(kMessage).C(".\r\n").S("250 ok\r\n").C("QUIT\r\n");
    return wire.Client();
  }
  const std::string kWhole = std::string(kMessage) + ".\r\nQUIT\r\n";
  const std::string kNothing = "[30].\r\nQUIT\r\n";
};

TEST_F(BodyPasses, OfANullSenderUpToTheLimit) {
  EXPECT_EQ(Short("<>"), kWhole);
  Wire wire(*kernel);
  wire.UpToData("<>").S("354 go\r\n").Body(5000).C(".\r\n").S("250 ok\r\n");
  const std::string seen = wire.Client();
  EXPECT_THAT(seen, testing::EndsWith("[3000].\r\n"));
  EXPECT_EQ(seen.size(), 2000 + std::string("[3000].\r\n").size());
}

TEST_F(BodyPasses, TheDotIsSeenBehindTheLimitToo) {
  Wire wire(*kernel);
  wire.UpToData("<>").S("354 go\r\n").Body(5000).C("end\r\n.\r\nMAIL FROM:<a@b>\r\n");
  EXPECT_THAT(wire.Client(), testing::EndsWith("[3005].\r\nMAIL FROM:<a@b>\r\n"));
}

TEST_F(BodyPasses, SpellingsOfTheNullSenderThatAreKnownHere) {
  for (const char* const sender : {"<>", " <>", "\t<>", "< >", "<> SIZE=10", "<>\t"}) {
    EXPECT_EQ(Short(sender), kWhole) << sender;
  }
}

TEST_F(BodyPasses, RarerSpellingsPassWithoutTheirBodies) {
  for (const char* const sender : {"", "<\"\">", "<@a:>", "      <>"}) {
    EXPECT_EQ(Short(sender), kNothing) << sender;
  }
}

TEST_F(BodyPasses, TheVerbIsKnownInEitherCase) {
  for (const char* const mail : {"mail from:<>\r\n", "Mail From:<>\r\n"}) {
    Wire wire(*kernel);
    wire.S("220 mx\r\n").C(mail).S("250 ok\r\n").C("RCPT TO:<a@b>\r\n").S("250 ok\r\n");
    wire.C("DATA\r\n").S("354 go\r\n");
    wire.Client();
    EXPECT_EQ(wire.C(kMessage).C(".\r\n").Client(), std::string(kMessage) + ".\r\n") << mail;
  }
}

TEST_F(BodyPasses, OfDaemonSenders) {
  EXPECT_EQ(Short("<mailer-daemon@x.test>"), kWhole);
  EXPECT_EQ(Short("<MAILER-DAEMON@x.test>"), kWhole);
  EXPECT_EQ(Short("<MAILER-DAEMON>"), kWhole);
  EXPECT_EQ(Short("<postmaster@x.test>"), kWhole);
  EXPECT_EQ(Short("<postmaster+2@x.test>"), kWhole);
}

TEST_F(BodyPasses, NotOfThoseWhoseNameOnlyBeginsLikeADaemons) {
  EXPECT_EQ(Short("<postmasterly@x.test>"), kNothing);
  EXPECT_EQ(Short("<mailer@x.test>"), kNothing);
  EXPECT_EQ(Short("<x-postmaster@x.test>"), kNothing);
}

TEST_F(BodyPasses, DaemonSendersCanBeChangedWhileItRuns) {
  CaptureRules rules = DefaultRules();
  rules.daemon_senders = {"bounce"};
  kernel->Apply(rules);
  EXPECT_EQ(Short("<bounce@x.test>"), kWhole);
  EXPECT_EQ(Short("<postmaster@x.test>"), kNothing);
}

TEST_F(BodyPasses, OfDaemonSendersAsLongAsALocalPartCanBe) {
  const std::string longest(64, 'd');
  CaptureRules rules = DefaultRules();
  rules.daemon_senders = {longest, std::string(33, 'e')};
  kernel->Apply(rules);
  EXPECT_EQ(Short("<" + longest + "@x.test>"), kWhole);
  EXPECT_EQ(Short("<" + longest + "d@x.test>"), kNothing);
  EXPECT_EQ(Short("<" + longest.substr(1) + "@x.test>"), kNothing);
  EXPECT_EQ(Short("<" + std::string(33, 'E') + "@x.test>"), kWhole);
}

TEST_F(BodyPasses, DaemonSendersThatCannotBeTakenAreSaid) {
  CaptureRules rules = DefaultRules();
  rules.daemon_senders = {"bounce", std::string(65, 'd')};
  const absl::Status long_one = kernel->program().Apply(rules);
  EXPECT_THAT(std::string(long_one.message()), HasSubstr("1 of bounce.daemon_senders"));
  EXPECT_EQ(Short("<bounce@x.test>"), kWhole);
  rules.daemon_senders.clear();
  for (int i = 0; i < BS_MAX_DAEMONS + 3; ++i) {
    rules.daemon_senders.push_back("word" + std::to_string(i));
  }
  const absl::Status many = kernel->program().Apply(rules);
  EXPECT_TRUE(absl::IsResourceExhausted(many)) << many;
  EXPECT_THAT(std::string(many.message()), HasSubstr("3 of 67 are left out"));
}

TEST_F(BodyPasses, AFullTableOfDaemonSendersIsReplacedByAnother) {
  for (const char* const name : {"first", "second"}) {
    CaptureRules rules = DefaultRules();
    rules.daemon_senders.clear();
    for (int i = 0; i < BS_MAX_DAEMONS; ++i) {
      rules.daemon_senders.push_back(name + std::to_string(i) + "word");
    }
    kernel->Apply(rules);  // takes all of them
    for (int i = 0; i < BS_MAX_DAEMONS; ++i) {
      EXPECT_EQ(Short("<" + rules.daemon_senders[static_cast<std::size_t>(i)] + "@x>"), kWhole);
    }
  }
  EXPECT_EQ(Short("<first1word@x>"), kNothing);
}

TEST_F(BodyPasses, TheLimitCanBeChangedWhileItRuns) {
  CaptureRules rules = DefaultRules();
  rules.capture_bytes = 12;
  kernel->Apply(rules);
  EXPECT_EQ(Short("<>"), "Subject: a\r\n[18].\r\nQUIT\r\n");
}

TEST_F(BodyPasses, OfOurOwnMailTheHeaderBlock) {
  const WireOptions outbound = {.client = "203.0.113.7", .server = "192.0.2.1"};
  EXPECT_EQ(Short("<a@b>", outbound), "Subject: a\r\nX-B: c\r\n\r\n[8].\r\nQUIT\r\n");
  EXPECT_EQ(Short("<a@b>", {.client = "2001:db8:5::7", .server = "2001:db8:9::1"}),
            "Subject: a\r\nX-B: c\r\n\r\n[8].\r\nQUIT\r\n");
}

TEST_F(BodyPasses, NotOfMailToUsOrAmongUs) {
  EXPECT_EQ(Short("<a@b>"), kNothing);
  EXPECT_EQ(Short("<a@b>", {.client = "203.0.113.7", .server = "203.0.113.8"}), kNothing);
}

TEST_F(BodyPasses, OfASubmissionTheHeaderBlock) {
  EXPECT_EQ(Short("<a@b>", {.server_port = 587}), "Subject: a\r\nX-B: c\r\n\r\n[8].\r\nQUIT\r\n");
}

TEST_F(BodyPasses, AfterAuthTheHeaderBlock) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("AUTH PLAIN AGEAYg==\r\n").S("235 ok\r\n");
  wire.C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n").S("250 ok\r\n250 ok\r\n354 go\r\n");
  wire.Client();
  EXPECT_EQ(wire.C(kMessage).C(".\r\n").Client(), "Subject: a\r\nX-B: c\r\n\r\n[8].\r\n");
}

TEST_F(BodyPasses, AHeaderBlockOverSeveralSegmentsHoweverItIsSplit) {
  const std::string message = kMessage;
  for (std::size_t split = 1; split < message.size() - 1; ++split) {
    Wire wire(*kernel, {.client = "203.0.113.7", .server = "192.0.2.1"});
    wire.UpToData("<a@b>").S("354 go\r\n");
    wire.C(message.substr(0, split)).C(message.substr(split)).C(".\r\n").S("250 ok\r\n");
    EXPECT_THAT(wire.Client(), testing::StartsWith("Subject: a\r\nX-B: c\r\n\r\n[")) << split;
    EXPECT_THAT(wire.client(), Not(HasSubstr("ZYG"))) << split;
  }
}

TEST_F(BodyPasses, AnEndlessHeaderBlockUpToItsLimit) {
  Wire wire(*kernel, {.client = "203.0.113.7", .server = "192.0.2.1"});
  wire.UpToData("<a@b>").S("354 go\r\n").Body(30000).C(".\r\n").S("250 ok\r\n");
  const std::string seen = wire.Client();
  EXPECT_THAT(seen, testing::EndsWith("[13616].\r\n"));  // 30000 - 16384
}

TEST_F(BodyPasses, ABodyWithoutAMailBeforeItStays) {
  // The one before was of a null sender, and a reply ended it.
  Wire wire(*kernel);
  wire.UpToData("<>").S("354 go\r\n").C("x\r\n").S("451 no\r\n");
  wire.C("RCPT TO:<c@d>\r\n").S("250 ok\r\n").C("DATA\r\n").S("354 go\r\n").Body(500);
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
}

TEST_F(BodyPasses, AMailBehindALostBeginningPassesNoBody) {
  // The MAIL of an ordinary sender was not seen; the one before was of a null sender.
  Wire wire(*kernel);
  wire.UpToData("<>").S("354 go\r\n").C("x\r\n").S("250 ok\r\n");
  wire.MissC("RSET\r\n").C("MAIL FROM:<a@b>\r\n").S("250 ok\r\n250 ok\r\n").C("RCPT TO:<c@d>\r\n");
  wire.S("250 ok\r\n").C("DATA\r\n").S("354 go\r\n").Body(500).C(".\r\n");
  EXPECT_THAT(wire.client(), Not(HasSubstr(Wire::kMarker)));
}

}  // namespace
}  // namespace backscatter::bpf_test
