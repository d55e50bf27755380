// Packet sockets with the kernel program as their filter, in namespaces with real TCP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "agent/app/engine.h"
#include "agent/base/ledger.h"
#include "agent/source/interface_watcher.h"
#include "agent/source/pcap_live.h"
#include "tests/support/gateway_test.h"
#include "tests/support/tcp_talk.h"

namespace backscatter {
namespace {

using support::InNamespace;
using support::NetworkNamespace;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr std::string_view kMarker = "never to be seen";

// Feeds an engine, and keeps all that crossed.
class Agent final : public PacketSink, public TransactionSink {
 public:
  void OnPacket(const Packet& packet) override {
    crossed.append(reinterpret_cast<const char*>(packet.bytes.data()), packet.bytes.size());
    weights.push_back(packet.weight);
    engine_.OnPacket(packet);
  }
  void OnLoss(Loss loss, std::uint64_t count) override { ledger.Add(loss, count); }
  void OnTransaction(const Transaction& t) override {
    bodies.push_back(t.body_bytes);
    completeness.push_back(t.completeness);
    outcomes.push_back(t.outcome);
  }
  void OnSession(const SessionSummary& session) override {
    ++sessions;
    session_weights.push_back(session.weight);
  }
  void Finish() { engine_.Finish(); }

  Ledger ledger;
  std::string crossed;
  std::vector<double> weights;
  std::vector<std::uint64_t> bodies;
  std::vector<Completeness> completeness;
  std::vector<Outcome> outcomes;
  std::vector<double> session_weights;
  int sessions = 0;

 private:
  Engine engine_{{}, &ledger, this};
};

class PcapProgram : public support::GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    if (!ready()) return;
    PcapLiveOptions options;
    options.rules.ports = {25};
    absl::StatusOr<std::unique_ptr<PcapLiveSource>> source = PcapLiveSource::Open(options);
    ASSERT_TRUE(source.ok()) << source.status();
    source_ = *std::move(source);
    if (!source_->program_status().ok()) GTEST_SKIP() << source_->program_status();
    EXPECT_TRUE(source_->samples());
    const InNamespace in(gateway_->fd());
    const auto watcher = InterfaceWatcher::Open();
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    ASSERT_TRUE(source_->SetInterfaces((*watcher)->interfaces()).ok());
  }

  bool Mail(const std::string& sender, const std::string& body) {
    return MailTo("10.77.0.1", *peer_, sender, body);
  }
  bool MailTo(const std::string& server, const NetworkNamespace& client, const std::string& sender,
              const std::string& body) {
    return support::Hold(
        {server,
         25,
         {"220 mx\r\n", "EHLO out.test\r\n", "250 mx\r\n", "MAIL FROM:<" + sender + ">\r\n",
          "250 ok\r\n", "RCPT TO:<v@v.test>\r\n", "250 ok\r\n", "DATA\r\n", "354 go\r\n",
          body + "\r\n.\r\n", "250 queued\r\n", "QUIT\r\n", "221 bye\r\n"}},
        *gateway_, client);
  }
  void Drain() {
    for (int idle = 0; idle < 2;) {
      const absl::StatusOr<PollResult> result = source_->Poll(agent_, 60 * kMillisecond);
      ASSERT_TRUE(result.ok()) << result.status();
      idle = *result == PollResult::kIdle ? idle + 1 : 0;
    }
  }

  std::unique_ptr<PcapLiveSource> source_;
  Agent agent_;
};

std::string Body(std::size_t length) {
  std::string body = "Subject: x\r\n\r\n";
  while (body.size() < length) body += std::string(kMarker) + "\r\n";
  return body;
}

TEST_F(PcapProgram, ABodyOfOrdinaryMailDoesNotCrossAndNothingIsLost) {
  const std::string body = Body(300'000);
  ASSERT_TRUE(Mail("a@a.test", body));
  Drain();
  agent_.Finish();
  EXPECT_EQ(agent_.sessions, 1);
  EXPECT_THAT(agent_.crossed, HasSubstr("MAIL FROM:<a@a.test>"));
  EXPECT_THAT(agent_.crossed, HasSubstr("RCPT TO:<v@v.test>"));
  EXPECT_THAT(agent_.crossed, HasSubstr("250 queued"));
  EXPECT_THAT(agent_.crossed, Not(HasSubstr(std::string(kMarker))));
  EXPECT_THAT(agent_.completeness, testing::ElementsAre(Completeness::kComplete));
  EXPECT_THAT(agent_.outcomes, testing::ElementsAre(Outcome::kAccepted));
  EXPECT_EQ(agent_.ledger.Get(Loss::kTcpGaps), 0u);
  EXPECT_EQ(agent_.ledger.Get(Loss::kSourceTruncatedPackets), 0u);
}

// There a packet socket sees each packet twice, and libpcap drops one.
TEST_F(PcapProgram, OnLoopbackToo) {
  ASSERT_TRUE(MailTo("127.0.0.1", *gateway_, "a@a.test", Body(300'000)));
  ASSERT_TRUE(MailTo("127.0.0.1", *gateway_, "", Body(300)));
  Drain();
  agent_.Finish();
  EXPECT_EQ(agent_.sessions, 2);
  EXPECT_THAT(agent_.outcomes, testing::ElementsAre(Outcome::kAccepted, Outcome::kAccepted));
  EXPECT_THAT(agent_.completeness, Each(Completeness::kComplete));
  EXPECT_LT(agent_.crossed.size(), 20'000u);
  EXPECT_EQ(agent_.ledger.Get(Loss::kTcpGaps), 0u);
}

// As on a bridge and its port.
TEST_F(PcapProgram, SeenOnTwoInterfacesABodyIsCutAndASessionCountsOnce) {
  ASSERT_TRUE(gateway_->Ip("addr del 10.77.0.1/24 dev mx0"));
  ASSERT_TRUE(gateway_->Ip("link add br0 type bridge"));
  ASSERT_TRUE(gateway_->Ip("link set mx0 master br0"));
  ASSERT_TRUE(gateway_->Ip("link set br0 up"));
  ASSERT_TRUE(gateway_->Ip("addr add 10.77.0.1/24 dev br0"));
  {
    const InNamespace in(gateway_->fd());
    const auto watcher = InterfaceWatcher::Open();
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    ASSERT_TRUE(source_->SetInterfaces((*watcher)->interfaces()).ok());
  }
  ASSERT_EQ(source_->open_interfaces(), 3u);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Mail(i % 2 == 0 ? "a@a.test" : "", Body(2'000)));
  Drain();
  agent_.Finish();
  EXPECT_EQ(agent_.sessions, 20);
  EXPECT_THAT(agent_.outcomes, SizeIs(20));
  EXPECT_THAT(agent_.outcomes, Each(Outcome::kAccepted));
  EXPECT_THAT(agent_.completeness, Each(Completeness::kComplete));
  EXPECT_EQ(agent_.ledger.Get(Loss::kTcpGaps), 0u);
}

TEST_F(PcapProgram, ABodyOfABounceCrosses) {
  ASSERT_TRUE(Mail("", Body(3'000)));
  Drain();
  agent_.Finish();
  EXPECT_THAT(agent_.crossed, HasSubstr(std::string(kMarker)));
  EXPECT_THAT(agent_.completeness, testing::ElementsAre(Completeness::kComplete));
}

TEST_F(PcapProgram, SampledSessionsComeWholeWithTheirWeight) {
  CaptureRules rules;
  rules.ports = {25};
  rules.sampling_ratio = 0.5;
  rules.seed = 1;
  source_->Apply(rules);
  ASSERT_TRUE(source_->program_status().ok()) << source_->program_status();
  constexpr int kSessions = 60;
  for (int i = 0; i < kSessions; ++i) ASSERT_TRUE(Mail("", Body(100)));
  Drain();
  agent_.Finish();
  EXPECT_THAT(agent_.session_weights, Each(2.0));
  EXPECT_THAT(agent_.completeness, SizeIs(static_cast<std::size_t>(agent_.sessions)));
  EXPECT_THAT(agent_.completeness, Each(Completeness::kComplete));
  // Five standard deviations to each side.
  EXPECT_NEAR(agent_.sessions, kSessions / 2, 20);
}

}  // namespace
}  // namespace backscatter
