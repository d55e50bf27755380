// From packets to floods: what a postmaster is told of, and what he is not woken by.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/config.h"
#include "agent/app/pipeline.h"
#include "agent/detect/distinct_counter.h"
#include "tests/support/dialogue_capture.h"
#include "tests/support/prng.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PacketTime kStart = 20'780 * kDay + 9 * kHour;  // a Monday
constexpr char kOurs[] = "192.0.2.25";

// A host of the network number `network`, one /24 each.
std::string Far(std::uint32_t network, std::uint32_t host = 7) {
  return "10." + std::to_string(network / 256 % 256) + "." + std::to_string(network % 256) + "." +
         std::to_string(1 + host % 250);
}

std::string Report(const std::string& recipient, const std::string& message_id) {
  return "From: MAILER-DAEMON@far.example\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
         "--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
         "Reporting-MTA: dns; far.example\r\n\r\nFinal-Recipient: rfc822; " +
         recipient + "\r\nAction: failed\r\nStatus: 5.1.1\r\n--b\r\nContent-Type: " +
         "text/rfc822-headers\r\n\r\nMessage-ID: <" + message_id + ">\r\n--b--";
}

// The gateway of ours.example, which sees everything that it sends.
class Alarms : public testing::Test, public FloodListener {
 protected:
  Alarms() {
    const absl::StatusOr<LoadedConfig> loaded =
        LoadConfig({.file = "/dev/null",
                    .sets = {"local.networks=[192.0.2.0/24]", "local.domains=[ours.example]",
                             "sent.min_history=0s"}});
    absl::StatusOr<KeptLedger> sent = KeptLedger::Open("", {.capacity = 100'000});
    pipeline_ = std::make_unique<Pipeline>(Pipeline::Options{.config = loaded->config,
                                                             .batv_keys = {},
                                                             .hash_key = HashKey::Random(),
                                                             .flood_listener = this},
                                           std::make_unique<KeptLedger>(*std::move(sent)));
  }

  void OnRaised(const Flood& flood) override { raised_.push_back(flood); }
  void OnUpdated(const Flood& /*flood*/) override {}
  void OnCleared(const Flood& flood) override { cleared_.push_back(flood); }

  // `content` empty: the client leaves after RCPT. `refused`: the user is unknown.
  void Session(PacketTime at, const std::string& client, const std::string& server,
               const std::string& sender, const std::string& recipient, const std::string& content,
               bool refused = false) {
    support::DialogueOptions options;
    options.client = client;
    options.server = server;
    options.client_port = static_cast<std::uint16_t>(20'000 + sessions_++ % 40'000);
    options.start = at;
    support::DialogueCapture capture(options);
    capture.Server("220 mx ESMTP\r\n").Client("EHLO out.example\r\n").Server("250 mx\r\n");
    capture.Client("MAIL FROM:<" + sender + ">\r\n").Server("250 2.1.0 ok\r\n");
    capture.Client("RCPT TO:<" + recipient + ">\r\n");
    capture.Server(refused ? "550 5.1.1 no such user\r\n" : "250 2.1.5 ok\r\n");
    if (!content.empty() && !refused) {
      capture.Client("DATA\r\n").Server("354 go\r\n").Client(content + "\r\n.\r\n");
      capture.Server("250 2.0.0 ok\r\n");
    }
    capture.Client("QUIT\r\n").Server("221 bye\r\n");
    for (const support::TimedFrame& frame : capture.Frames()) {
      pipeline_->OnPacket(
          {.bytes = {reinterpret_cast<const std::uint8_t*>(frame.bytes.data()), frame.bytes.size()},
           .captured_at = frame.at,
           .wire_length = static_cast<std::uint32_t>(frame.bytes.size())});
      now_ = std::max(now_, frame.at);
    }
  }
  void Send(PacketTime at, const std::string& sender, const std::string& recipient,
            const std::string& message_id) {
    Session(at, kOurs, Far(random_.Below(500)), sender, recipient,
            "Message-ID: <" + message_id + ">\r\nSubject: news\r\n\r\nnews");
  }
  void Bounce(PacketTime at, const std::string& from, const std::string& target,
              const std::string& message_id) {
    Session(at, from, kOurs, "", target, Report("gone@far.example", message_id));
  }
  // Backscatter: of a mail that nobody here sent.
  void Stray(PacketTime at, const std::string& from, const std::string& target) {
    Bounce(at, from, target, std::to_string(sessions_) + "@forged.example");
  }
  // Of the time when traffic is as usual, so that it is known what we send.
  void Ordinary() {
    for (int i = 0; i < 100; ++i) {
      Send(kStart - kHour + i * kSecond, "ceo@ours.example", "r@far.example",
           "o" + std::to_string(i) + "@ours.example");
    }
  }
  void LetPass(PacketTime time) {
    pipeline_->Flush();
    pipeline_->AdvanceTo(now_ + kMinute);
    for (PacketTime passed = kMinute; passed < time; passed += 10 * kSecond) {
      pipeline_->AdvanceTo(now_ + passed);
    }
    now_ += time;
  }
  // What was told, in the order of time, and is over now.
  std::vector<std::string> Told() {
    LetPass(4 * kHour);
    EXPECT_EQ(raised_.size(), cleared_.size()) << "nothing stays on";
    std::vector<std::string> told;
    for (const Flood& flood : raised_) {
      told.push_back(std::string(FloodKindName(flood.kind)) + " " +
                     std::string(ConfidenceName(flood.confidence)));
    }
    return told;
  }
  void ExpectSpan(const Flood& flood, PacketTime start, PacketTime end,
                  PacketTime trickle = kMinute) {
    const auto seconds = [](PacketTime time) { return static_cast<double>(time / kSecond); };
    EXPECT_NEAR(seconds(flood.start), seconds(start), 60);
    ASSERT_TRUE(flood.end.has_value());
    EXPECT_NEAR(seconds(*flood.end), seconds(end), seconds(trickle));
  }

  std::unique_ptr<Pipeline> pipeline_;
  support::Prng random_{20'261'130};
  std::uint32_t sessions_ = 0;
  PacketTime now_ = 0;
  std::vector<Flood> raised_;
  std::vector<Flood> cleared_;
};

// ---- what is told -------------------------------------------------------------------------------

TEST_F(Alarms, AJoeJob) {
  Ordinary();
  for (int i = 0; i < 3000; ++i) {
    Stray(kStart + i * 200 * kMillisecond, Far(random_.Below(900), random_.Below(9)),
          "anna@ours.example");
  }
  EXPECT_THAT(Told(), ElementsAre("joe_job strong"));
  ExpectSpan(cleared_[0], kStart, kStart + 10 * kMinute);
  EXPECT_EQ(cleared_[0].target, "anna@ours.example");
  EXPECT_EQ(cleared_[0].recipients, 3000U);
  const auto sources = static_cast<double>(pipeline_->Snapshot({}, {}, 0).sources_known);
  EXPECT_NEAR(cleared_[0].sources, sources, kSketchErrorBound * sources);
}

TEST_F(Alarms, MadeUpRecipients) {
  Ordinary();
  for (int i = 0; i < 600; ++i) {
    Session(kStart + i * kSecond, Far(random_.Below(300)), kOurs, "",
            "x" + std::to_string(i) + "@ours.example", "", true);
  }
  EXPECT_THAT(Told(), ElementsAre("random_recipients medium"));
  ExpectSpan(cleared_[0], kStart, kStart + 10 * kMinute);
  EXPECT_EQ(cleared_[0].domain, "ours.example");
}

TEST_F(Alarms, AnEmitter) {
  Ordinary();
  for (int i = 0; i < 60; ++i) {
    Stray(kStart + i * kMinute, Far(77, random_.Below(9)),
          "user" + std::to_string(i % 12) + "@ours.example");
  }
  EXPECT_THAT(Told(), ElementsAre("emitter medium"));
  // Of one a minute the last few are what a trickle would be.
  ExpectSpan(cleared_[0], kStart, kStart + kHour, 5 * kMinute);
  EXPECT_EQ(cleared_[0].network, "10.0.77.0/24");
}

TEST_F(Alarms, AStormOfCallouts) {
  for (int i = 0; i < 2000; ++i) {
    Session(kStart + i * 500 * kMillisecond, Far(random_.Below(400)), kOurs, "",
            "user" + std::to_string(random_.Below(300)) + "@ours.example", "");
  }
  EXPECT_THAT(Told(), ElementsAre("callout_storm strong"));
  ExpectSpan(cleared_[0], kStart, kStart + 1000 * kSecond);
}

TEST_F(Alarms, OurOwnBackscatter) {
  for (int i = 0; i < 20; ++i) {
    const PacketTime at = kStart + i * kMinute;
    const std::string id = "in" + std::to_string(i) + "@far.example";
    Session(at, Far(3), kOurs, "somebody@far.example", "nobody@ours.example",
            "Message-ID: <" + id + ">\r\n\r\nspam");
    Session(at + 10 * kSecond, kOurs, Far(900), "", "somebody@far.example",
            Report("nobody@ours.example", id));
  }
  EXPECT_THAT(Told(), ElementsAre("own_emission strong"));
  ExpectSpan(cleared_[0], kStart, kStart + 20 * kMinute);
}

TEST_F(Alarms, ManyAtOnce) {
  Ordinary();
  for (int i = 0; i < 3000; ++i) {
    Stray(kStart + i * 200 * kMillisecond, Far(random_.Below(900)),
          "user" + std::to_string(i % 6) + "@ours.example");
  }
  const std::vector<std::string> told = Told();
  EXPECT_EQ(std::count(told.begin(), told.end(), "joe_job strong"), 6);
  EXPECT_EQ(std::count_if(raised_.begin(), raised_.end(),
                          [](const Flood& flood) { return flood.kind == FloodKind::kWidespread; }),
            1);
}

// ---- what is not --------------------------------------------------------------------------------

constexpr int kNewsletter = 20'000;

TEST_F(Alarms, ANewsletterThatWeSentWakesNobody) {
  for (int i = 0; i < kNewsletter; ++i) {
    Send(kStart + i * 100 * kMillisecond, "news@ours.example",
         "gone" + std::to_string(i) + "@far.example", "n" + std::to_string(i) + "@ours.example");
  }
  for (int i = 0; i < kNewsletter; ++i) {
    Bounce(kStart + kHour + i * 100 * kMillisecond, Far(random_.Below(2000), random_.Below(9)),
           "news@ours.example", "n" + std::to_string(i) + "@ours.example");
  }
  EXPECT_THAT(Told(), IsEmpty());
  const ::backscatter::Report report = pipeline_->Snapshot({}, {}, 0);
  EXPECT_EQ(report.verdicts[static_cast<std::size_t>(Verdict::kSolicited)],
            std::uint64_t{kNewsletter});
}

TEST_F(Alarms, ANewsletterWhoseSendingWasNotSeenIsWeak) {
  for (int i = 0; i < 2000; ++i) {
    Bounce(kStart + kHour + i * 100 * kMillisecond, Far(random_.Below(2000), random_.Below(9)),
           "news@ours.example", "n" + std::to_string(i) + "@ours.example");
  }
  EXPECT_THAT(Told(), ElementsAre("joe_job weak"));
}

TEST_F(Alarms, AMailingListsBouncesWakeNobody) {
  const auto verp = [](int i) {
    return "list-bounces+gone" + std::to_string(i % 1000) + "=far.example@ours.example";
  };
  for (int i = 0; i < 2000; ++i) {
    Send(kStart + i * 100 * kMillisecond, verp(i),
         "gone" + std::to_string(i % 1000) + "@far.example",
         "l" + std::to_string(i / 1000) + "@ours.example");
  }
  for (int i = 0; i < 2000; ++i) {
    Bounce(kStart + 10 * kMinute + i * 100 * kMillisecond, Far(random_.Below(800)), verp(i),
           "l" + std::to_string(i / 1000) + "@ours.example");
  }
  EXPECT_THAT(Told(), IsEmpty());
}

// Five hundred call-outs an hour, and a probe of our own monitoring every second.
TEST_F(Alarms, CalloutsAndProbesWakeNobody) {
  for (int i = 0; i < 2 * 3600; ++i) {
    const PacketTime at = kStart + i * kSecond;
    Session(at, "198.51.100.9", kOurs, "", "probe@ours.example", "");
    if (i * 500 / 3600 == (i + 1) * 500 / 3600) continue;
    Session(at + 300 * kMillisecond, Far(random_.Below(200)), kOurs, "",
            "user" + std::to_string(random_.Below(300)) + "@ours.example", "");
  }
  EXPECT_THAT(Told(), IsEmpty());
}

}  // namespace
}  // namespace backscatter
