// A capture of a gateway among real mail servers, frame by frame past the kernel program: what the
// agent makes of the records is what it makes of the whole frames.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/engine.h"
#include "agent/source/capture_file.h"
#include "tests/bpf/host.h"
#include "tests/bpf/kernel.h"

namespace backscatter::bpf_test {
namespace {

// One line for each transaction and session, sorted.
class Lines final : public TransactionSink {
 public:
  void OnTransaction(const Transaction& t) override {
    std::string line = t.client.ToString() + " " + t.server.ToString() + " " +
                       (t.null_sender ? "<>" : std::string(t.Text(t.mail_from))) + " " +
                       std::to_string(t.mail_reply);
    for (const Recipient& r : t.recipients) {
      line += " " + std::string(t.Text(r.address)) + "=" + std::to_string(r.reply);
    }
    line += " tls" + std::to_string(static_cast<int>(t.tls)) + " body" +
            std::to_string(static_cast<int>(t.body_command)) + ":" +
            std::to_string(t.body_started) + ":" + std::to_string(t.body_bytes) + ":" +
            std::to_string(t.body_reply) + " " + std::to_string(static_cast<int>(t.outcome)) + " " +
            std::to_string(static_cast<int>(t.completeness));
    transactions.push_back(std::move(line));
  }
  void OnSession(const SessionSummary& s) override {
    sessions.push_back(s.client.ToString() + " " + s.server.ToString() +
                       (s.encrypted ? " encrypted" : "") + (s.one_sided ? " one-sided" : "") +
                       (s.mid_stream ? " mid-stream" : "") + (s.with_gaps ? " gaps" : "") + " " +
                       std::to_string(s.messages));
  }
  void Sort() {
    std::sort(transactions.begin(), transactions.end());
    std::sort(sessions.begin(), sessions.end());
  }
  std::vector<std::string> transactions;
  std::vector<std::string> sessions;
};

// Two engines side by side, one fed with frames, one with what the kernel program makes of them.
class Twins final : public PacketSink {
 public:
  Twins(BpfSource* source, int wire, int wire_interface)
      : source_(source), wire_(wire), interface_(wire_interface) {}

  void OnPacket(const Packet& packet) override {
    whole_.OnPacket(packet);
    now_ = packet.captured_at;
    sockaddr_ll to = {};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = interface_;
    const auto* const at = reinterpret_cast<const sockaddr*>(&to);
    if (sendto(wire_, packet.bytes.data(), packet.bytes.size(), 0, at, sizeof to) < 0) ++not_sent;
    Poll();
  }
  void OnSegment(const Segment& segment) override {
    Segment timed = segment;
    timed.captured_at = now_;
    cut_.OnSegment(timed);
    if (!segment.cut) passed += segment.payload.size();
  }
  void OnLoss(Loss loss, std::uint64_t count) override { losses[loss] += count; }

  void Finish() {
    for (int i = 0; i < 3; ++i) Poll();
    for (Engine* const engine : {&whole_, &cut_}) {
      engine->Flush();
      engine->Finish();
    }
    whole.Sort();
    cut.Sort();
  }

  Lines whole;
  Lines cut;
  std::map<Loss, std::uint64_t> losses;
  std::size_t not_sent = 0;
  std::uint64_t passed = 0;

 private:
  void Poll() {
    while (true) {
      const auto polled = source_->Poll(*this, 0);
      if (!polled.ok() || *polled != PollResult::kProgressed) break;
    }
    cut_.Flush();
  }
  static EngineOptions Options() {
    EngineOptions options;
    options.tcp.any_port = false;
    return options;
  }

  BpfSource* source_;
  int wire_;
  int interface_;
  PacketTime now_ = 0;
  Ledger ledgers_[2];
  Engine whole_{Options(), &ledgers_[0], &whole};
  Engine cut_{Options(), &ledgers_[1], &cut};
};

std::vector<std::string> OnlyIn(const std::vector<std::string>& a,
                                const std::vector<std::string>& b) {
  std::vector<std::string> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

TEST(SameAsReplay, TheGatewayOfTheLaboratory) {
  std::string why;
  auto gateway = support::NetworkNamespace::Make(why);
  if (!gateway) GTEST_SKIP() << why;
  ASSERT_TRUE(gateway->JoinTo(*gateway, "gw", "10.77.0.1/24", "wire", "10.77.0.2/24"));
  ASSERT_TRUE(gateway->Ip("link set gw mtu 9000") && gateway->Ip("link set wire mtu 9000"));
  const support::InNamespace in(gateway->fd());
  BpfSourceOptions options;
  options.rules = DefaultRules();
  auto source = BpfSource::Open(options);
  if (!source.ok()) GTEST_SKIP() << "the kernel program does not load: " << source.status();
  ASSERT_TRUE((*source)->Start().ok());
  ASSERT_TRUE((*source)->SetInterfaces({InterfaceOf(*gateway, "gw")}).ok());
  const FileDescriptor wire(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(wire.valid());

  auto capture =
      OpenCaptureFile(std::string(BACKSCATTER_SOURCE_DIR) + "/tests/replay/lab/gateway.pcap.gz", 0);
  ASSERT_TRUE(capture.ok()) << capture.status();
  Twins twins(source->get(), wire.get(), static_cast<int>(if_nametoindex("wire")));
  while (true) {
    const auto polled = (*capture)->Poll(twins, 0);
    ASSERT_TRUE(polled.ok()) << polled.status();
    if (*polled == PollResult::kEnded) break;
  }
  twins.Finish();
  EXPECT_EQ(twins.not_sent, 0u);
  EXPECT_GT(twins.whole.transactions.size(), 3000u);
  EXPECT_EQ(twins.cut.transactions.size(), twins.whole.transactions.size());
  EXPECT_THAT(OnlyIn(twins.whole.transactions, twins.cut.transactions), testing::IsEmpty());
  EXPECT_THAT(OnlyIn(twins.cut.transactions, twins.whole.transactions), testing::IsEmpty());
  EXPECT_THAT(OnlyIn(twins.whole.sessions, twins.cut.sessions), testing::IsEmpty());
  EXPECT_THAT(OnlyIn(twins.cut.sessions, twins.whole.sessions), testing::IsEmpty());
  EXPECT_THAT(twins.losses, testing::IsEmpty());
  // And it was not told everything.
  EXPECT_GT((*source)->counters()[BS_CUT_BYTES], twins.passed);
}

}  // namespace
}  // namespace backscatter::bpf_test
