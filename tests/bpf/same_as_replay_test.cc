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
#include "tests/support/packet_builder.h"

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

// One session, each of its frames past two engines: as it is, and as what the program makes of it.
class OneSession final : public PacketSink {
 public:
  OneSession(Kernel& kernel, std::uint16_t server_port) : kernel_(kernel), port_(server_port) {
    static std::uint16_t client_port = 30000;
    client_port_ = client_port++;
    records_.Begin(this, 0);
    Send(true, "", tcp_flags::kSyn);
    Send(false, "", tcp_flags::kSyn | tcp_flags::kAck);
  }
  OneSession& C(const std::string& text) { return Send(true, text, 0x18); }
  OneSession& S(const std::string& text) { return Send(false, text, 0x18); }
  void Finish() {
    Send(true, "", 0x11);
    Send(false, "", 0x11);
    for (Engine* const engine : {&whole_, &cut_}) {
      engine->Flush();
      engine->Finish();
    }
  }

  void OnPacket(const Packet&) override {}
  void OnSegment(const Segment& segment) override {
    Segment timed = segment;
    timed.captured_at = now_;
    cut_.OnSegment(timed);
    cut_.Flush();
  }
  void OnLoss(Loss, std::uint64_t) override {}

  Lines whole;
  Lines cut;
  Ledger ledgers[2];

 private:
  OneSession& Send(bool from_client, const std::string& text, std::uint8_t flags) {
    now_ += kMillisecond;
    support::PacketBuilder frame;
    frame.Ethernet();
    frame.Ipv4(from_client ? "192.0.2.9" : "203.0.113.5",
               from_client ? "203.0.113.5" : "192.0.2.9");
    frame.Tcp(from_client ? client_port_ : port_, from_client ? port_ : client_port_,
              {.sequence = next_[from_client ? 0 : 1],
               .acknowledgment = next_[from_client ? 1 : 0],
               .flags = flags});
    const std::string bytes = frame.Payload(text).Build();
    Packet packet;
    packet.bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
    packet.wire_length = static_cast<std::uint32_t>(bytes.size());
    packet.link_type = LinkType::kEthernet;
    packet.captured_at = now_;
    whole_.OnPacket(packet);
    EXPECT_TRUE(kernel_.Run(bytes));
    for (const RecordCopy& copy : kernel_.Records()) {
      records_.OnRecord(copy.header, {reinterpret_cast<const std::uint8_t*>(copy.payload.data()),
                                      copy.payload.size()});
    }
    next_[from_client ? 0 : 1] += static_cast<std::uint32_t>(text.size()) +
                                  ((flags & (tcp_flags::kSyn | tcp_flags::kFin)) != 0 ? 1 : 0);
    return *this;
  }
  static EngineOptions Options() {
    EngineOptions options;
    options.tcp.any_port = false;
    return options;
  }

  Kernel& kernel_;
  std::uint16_t port_;
  std::uint16_t client_port_ = 0;
  std::uint32_t next_[2] = {0xfffffff0, 0x80000000};
  PacketTime now_ = 1'790'000'000 * kSecond;
  BpfRecords records_;
  Engine whole_{Options(), &ledgers[0], &whole};
  Engine cut_{Options(), &ledgers[1], &cut};
};

class SameAsReplayOf : public KernelTest {
 protected:
  // What both make of it.
  std::vector<std::string> Same(OneSession& session) {
    session.Finish();
    EXPECT_EQ(session.whole.transactions, session.cut.transactions);
    EXPECT_EQ(session.whole.sessions, session.cut.sessions);
    for (const Ledger& ledger : session.ledgers) EXPECT_EQ(ledger.Get(Loss::kTcpGaps), 0u);
    std::vector<std::string> all = session.whole.sessions;
    all.insert(all.end(), session.whole.transactions.begin(), session.whole.transactions.end());
    return all;
  }
  const std::string kHello =
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8) + std::string(500, 'h');
  const std::string kRecord = std::string("\x16\x03\x03\x01\x00", 5) + std::string(256, 't');
};

TEST_F(SameAsReplayOf, ImplicitTls) {
  OneSession session(*kernel, 465);
  session.C(kHello).S(kRecord).C(kRecord).S(kRecord).C(kRecord);
  EXPECT_THAT(Same(session), testing::ElementsAre(testing::HasSubstr("encrypted 0")));
}

TEST_F(SameAsReplayOf, Starttls) {
  OneSession session(*kernel, 25);
  session.S("220 mx\r\n").C("EHLO a\r\n").S("250-mx\r\n250 STARTTLS\r\n").C("STARTTLS\r\n");
  session.S("220 go\r\n").C(kHello).S(kRecord).C(kRecord).S(kRecord);
  EXPECT_THAT(Same(session), testing::ElementsAre(testing::HasSubstr("encrypted 0")));
}

TEST_F(SameAsReplayOf, TwoHostileBytesBehindTheGreeting) {
  OneSession session(*kernel, 25);
  session.S("220 mx\r\n").C("\x16\x03\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n");
  session.S("500 what?\r\n250 ok\r\n250 ok\r\n354 go\r\n").C("text\r\n.\r\n").S("250 ok\r\n");
  EXPECT_THAT(Same(session), testing::ElementsAre(testing::EndsWith(" 1"),
                                                  testing::HasSubstr("<> 250 a@b.test=250 tls0")));
}

TEST_F(SameAsReplayOf, AHelloThatTheServerAnswersInTheClear) {
  OneSession session(*kernel, 25);
  session.C(std::string("\x16\x03\x01\x02\x03\x01\r\n", 8)).S("220 mx\r\n500 what?\r\n");
  session.C("EHLO a\r\n").S("250 mx\r\n").C("MAIL FROM:<>\r\n").S("250 ok\r\n");
  session.C("RCPT TO:<a@b.test>\r\n").S("550 no\r\n").C("QUIT\r\n").S("221 bye\r\n");
  EXPECT_THAT(Same(session), testing::ElementsAre(testing::EndsWith(" 0"),
                                                  testing::HasSubstr("<> 250 a@b.test=550 tls0")));
}

}  // namespace
}  // namespace backscatter::bpf_test
