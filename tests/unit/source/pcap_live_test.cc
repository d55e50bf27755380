// Live capture in network namespaces of the test's own, with real TCP over veth pairs.
#include "agent/source/pcap_live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/net/decoder.h"
#include "agent/source/interface_watcher.h"
#include "tests/support/gateway_test.h"
#include "tests/support/packet_builder.h"
#include "tests/support/tcp_talk.h"

namespace backscatter {
namespace {

using support::InNamespace;
using support::PacketBuilder;
using support::Talk;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// Keeps what came: the payload by port of the sender, without retransmissions, and the losses.
class Collector final : public PacketSink {
 public:
  void OnPacket(const Packet& packet) override {
    ++packets;
    EXPECT_GE(packet.wire_length, packet.bytes.size());
    longest = std::max(longest, packet.bytes.size());
    if (packet.captured_at < last_at) ++inversions;
    last_at = packet.captured_at;
    ++origins[packet.origin];
    Segment segment;
    if (!decoder_.Decode(packet, segment)) return;
    Keep(segment);
    fins += segment.has(tcp_flags::kFin);
  }
  void OnLoss(Loss loss, std::uint64_t count) override { ledger.Add(loss, count); }

  Ledger ledger;
  std::uint64_t packets = 0;
  std::uint64_t inversions = 0;
  std::uint64_t payload_bytes = 0;
  int fins = 0;
  std::size_t longest = 0;
  PacketTime last_at = 0;
  std::map<std::uint32_t, std::uint64_t> origins;
  std::map<std::uint16_t, std::string> payload;

 private:
  void Keep(const Segment& segment) {
    if (segment.payload.empty()) return;
    std::string_view text(reinterpret_cast<const char*>(segment.payload.data()),
                          segment.payload.size());
    const auto [known, is_new] =
        next_.emplace(std::pair(segment.source, segment.destination), segment.sequence);
    const auto again = static_cast<std::int32_t>(known->second - segment.sequence);
    if (again > 0) text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(again)));
    if (text.empty()) return;
    known->second = segment.sequence + segment.payload_wire_length;
    payload[segment.source.port] += text;
    payload_bytes += text.size();
  }

  Decoder decoder_{&ledger};
  std::map<std::pair<Endpoint, Endpoint>, std::uint32_t> next_;  // sequence
};

class PcapLive : public support::GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    if (ready()) Open({.program = false});
  }

  void Open(PcapLiveOptions options) {
    options.rules.ports = {25, 465, 587, 2525};
    absl::StatusOr<std::unique_ptr<PcapLiveSource>> source = PcapLiveSource::Open(options);
    ASSERT_TRUE(source.ok()) << source.status();
    source_ = *std::move(source);
    ASSERT_TRUE(source_->Start().ok());
  }

  std::vector<HostInterface> Interfaces(std::vector<std::string> names) const {
    const InNamespace in(gateway_->fd());
    const auto watcher = InterfaceWatcher::Open();
    EXPECT_TRUE(watcher.ok()) << watcher.status();
    std::vector<HostInterface> list;
    for (const HostInterface& interface : (*watcher)->interfaces()) {
      if (std::ranges::find(names, interface.name) != names.end()) list.push_back(interface);
    }
    EXPECT_EQ(list.size(), names.size());
    return list;
  }
  absl::Status Watch(std::vector<std::string> names) {
    const InNamespace in(gateway_->fd());
    return source_->SetInterfaces(Interfaces(std::move(names)));
  }

  // Until nothing came for a while.
  void Drain() {
    for (int idle = 0; idle < 2;) {
      const absl::StatusOr<PollResult> result = source_->Poll(got_, 60 * kMillisecond);
      ASSERT_TRUE(result.ok()) << result.status();
      ASSERT_NE(*result, PollResult::kEnded);
      idle = *result == PollResult::kIdle ? idle + 1 : 0;
    }
  }
  bool Say(const std::string& text, std::uint16_t port = 25,
           const std::string& address = "10.77.0.1") {
    return support::Hold({address, port, {"220 mx\r\n", text}}, *gateway_, *peer_);
  }

  std::unique_ptr<PcapLiveSource> source_;
  Collector got_;
};

TEST_F(PcapLive, ASessionComesWholeWithBothDirectionsAndItsInterface) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say("EHLO client.test\r\nMAIL FROM:<>\r\n"));
  Drain();
  EXPECT_EQ(got_.payload[25], "220 mx\r\n");
  got_.payload.erase(25);
  ASSERT_EQ(got_.payload.size(), 1u);
  EXPECT_EQ(got_.payload.begin()->second, "EHLO client.test\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(got_.fins, 2);
  ASSERT_EQ(got_.origins.size(), 1u);
  EXPECT_EQ(got_.origins.begin()->first, static_cast<std::uint32_t>(Interfaces({"mx0"})[0].index));
  const SourceStats stats = source_->Stats();
  EXPECT_EQ(stats.packets, got_.packets);
  EXPECT_THAT(stats.link_types, testing::ElementsAre(1u));
  EXPECT_LE(stats.first, stats.last);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(static_cast<double>(stats.last), static_cast<double>(now.count()), 5e9)
      << "nanoseconds of the wall clock";
}

TEST_F(PcapLive, Ipv6IsSeenToo) {
  ASSERT_TRUE(gateway_->Ip("addr add 2001:db8::1/64 dev mx0 nodad"));
  ASSERT_TRUE(peer_->Ip("addr add 2001:db8::2/64 dev out0 nodad"));
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say("QUIT\r\n", 25, "2001:db8::1"));
  Drain();
  EXPECT_EQ(got_.payload[25], "220 mx\r\n");
  EXPECT_EQ(got_.payload_bytes, std::string_view("220 mx\r\nQUIT\r\n").size());
}

TEST_F(PcapLive, OnLoopbackEachPacketComesOnce) {
  ASSERT_TRUE(Watch({"lo"}).ok());
  ASSERT_TRUE(support::Hold({"127.0.0.1", 25, {"220 mx\r\n", "QUIT\r\n"}}, *gateway_, *gateway_));
  Drain();
  EXPECT_EQ(got_.payload[25], "220 mx\r\n");
  EXPECT_EQ(got_.fins, 2);
}

TEST_F(PcapLive, OtherPortsAreNotCapturedUntilTheRulesNameThem) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say("QUIT\r\n", 8025));
  Drain();
  EXPECT_EQ(got_.packets, 0u);
  CaptureRules rules;
  rules.ports = {25, 8025};
  source_->Apply(rules);
  ASSERT_TRUE(Say("QUIT\r\n", 8025));
  Drain();
  EXPECT_EQ(got_.payload[8025], "220 mx\r\n");
}

TEST_F(PcapLive, SuperpacketsOfSegmentationOffloadComeWhole) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  const std::string body(2'000'000, 'x');
  ASSERT_TRUE(Say(body));
  Drain();
  EXPECT_EQ(got_.ledger.Get(Loss::kSourceTruncatedPackets), 0u);
  EXPECT_EQ(got_.ledger.Get(Loss::kSourceRingFull), 0u);
  EXPECT_EQ(got_.payload_bytes, body.size() + 8);
  EXPECT_GT(got_.longest, 9000u) << "no superpacket was seen: the test shows nothing";
}

TEST_F(PcapLive, TagsInTheFrameDoNotHideTheTraffic) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  const InNamespace in(peer_->fd());
  const FileDescriptor raw(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(raw.valid());
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex("out0"));
  auto inject = [&, sequence = 1U](PacketBuilder frame, const std::string& text) mutable {
    const std::string bytes = frame.Ipv4("10.77.0.2", "10.77.0.1")
                                  .Tcp(40000, 25, {.sequence = sequence})
                                  .Payload(text)
                                  .Build();
    sequence += static_cast<std::uint32_t>(text.size());
    EXPECT_EQ(sendto(raw.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to),
                     sizeof to),
              static_cast<ssize_t>(bytes.size()));
  };
  inject(PacketBuilder().Ethernet(), "bare");
  inject(PacketBuilder().Ethernet().Vlan(7), "+one");
  inject(PacketBuilder().Ethernet().Vlan(7, 0x88a8).Vlan(8), "+two");
  Drain();
  EXPECT_EQ(got_.payload[40000], "bare+one+two");
}

TEST_F(PcapLive, APollWithoutTrafficEndsInTime) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  Drain();
  for (const std::int64_t wait : {std::int64_t{0}, 20 * kMillisecond, 150 * kMillisecond}) {
    const auto begin = Clock::now();
    const absl::StatusOr<PollResult> result = source_->Poll(got_, wait);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(*result, PollResult::kIdle);
    const auto took = std::chrono::nanoseconds(Clock::now() - begin).count();
    EXPECT_LT(took, wait + 100 * kMillisecond) << wait;
    EXPECT_GE(took, wait - 2 * kMillisecond) << wait;
  }
}

TEST_F(PcapLive, WhoeverWaitsForItsDescriptorIsNotKeptBusyByAPacketThatIsHeldBack) {
  ASSERT_TRUE(Watch({"mx0", "lo"}).ok());
  ASSERT_TRUE(Say("QUIT\r\n"));
  int wakes = 0;
  const auto end = Clock::now() + std::chrono::milliseconds(300);
  while (Clock::now() < end) {
    pollfd poller{.fd = source_->fd(), .events = POLLIN, .revents = 0};
    if (poll(&poller, 1, 50) == 0) continue;
    ++wakes;
    ASSERT_TRUE(source_->Poll(got_, 0).ok());
  }
  EXPECT_EQ(got_.payload[25], "220 mx\r\n");
  EXPECT_LT(wakes, 30);
}

TEST_F(PcapLive, PacketsOfSeveralInterfacesComeInOrderOfTime) {
  ASSERT_TRUE(gateway_->JoinTo(*peer_, "mx1", "10.78.0.1/24", "out1", "10.78.0.2/24"));
  ASSERT_TRUE(Watch({"mx0", "mx1", "lo"}).ok());
  EXPECT_EQ(source_->open_interfaces(), 3u);
  std::atomic<bool> done = false;
  std::thread talking([&] {
    for (int i = 0; i < 40; ++i) {
      Say(std::string(10, 'a'), 25, i % 2 == 0 ? "10.77.0.1" : "10.78.0.1");
    }
    done = true;
  });
  while (!done) ASSERT_TRUE(source_->Poll(got_, 10 * kMillisecond).ok());
  talking.join();
  Drain();
  EXPECT_EQ(got_.payload_bytes, 40u * 18);
  EXPECT_EQ(got_.origins.size(), 2u);
  EXPECT_EQ(got_.inversions, 0u);
}

TEST_F(PcapLive, AnInterfaceThatGoesAwayIsLetGoAndItsSuccessorTakenUp) {
  ASSERT_TRUE(Watch({"mx0", "lo"}).ok());
  ASSERT_TRUE(gateway_->Ip("link del mx0"));
  Drain();
  EXPECT_EQ(source_->open_interfaces(), 1u);
  ASSERT_TRUE(gateway_->JoinTo(*peer_, "mx0", "10.77.0.1/24", "out0", "10.77.0.2/24"));
  ASSERT_TRUE(Watch({"mx0", "lo"}).ok());
  EXPECT_EQ(source_->open_interfaces(), 2u);
  ASSERT_TRUE(Say("QUIT\r\n"));
  Drain();
  EXPECT_EQ(got_.payload[25], "220 mx\r\n");
}

TEST_F(PcapLive, AnInterfaceThatIsDownIsLeftOutUntilItIsUp) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(gateway_->Ip("link set mx0 down"));
  Drain();
  ASSERT_TRUE(Watch({"mx0"}).ok());
  EXPECT_EQ(source_->open_interfaces(), 0u);
  ASSERT_TRUE(gateway_->Ip("link set mx0 up"));
  ASSERT_TRUE(Watch({"mx0"}).ok());
  EXPECT_EQ(source_->open_interfaces(), 1u);
  ASSERT_TRUE(Say("QUIT\r\n"));
  Drain();
  EXPECT_EQ(got_.payload[25], "220 mx\r\n");
}

TEST_F(PcapLive, WhatWasCapturedBeforeAnInterfaceIsLetGoStillComes) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say("QUIT\r\n"));
  ASSERT_TRUE(Watch({}).ok());  // the block of the ring is not handed over yet
  EXPECT_EQ(source_->open_interfaces(), 0u);
  ASSERT_TRUE(Say("NOOP\r\n"));  // of this nothing comes
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(source_->Poll(got_, 10 * kMillisecond).ok());
  EXPECT_EQ(got_.payload_bytes, std::string_view("220 mx\r\nQUIT\r\n").size());
  EXPECT_EQ(got_.fins, 2);
}

TEST_F(PcapLive, WhatWasCapturedBeforeAnInterfaceWentAwayStillComes) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say("QUIT\r\n"));
  ASSERT_TRUE(gateway_->Ip("link del mx0"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(source_->Poll(got_, 10 * kMillisecond).ok());
  EXPECT_EQ(got_.payload_bytes, std::string_view("220 mx\r\nQUIT\r\n").size());
  EXPECT_EQ(source_->open_interfaces(), 0u);
}

TEST_F(PcapLive, AConsumerThatIsTooLateForAnInterfaceThatWasLetGoIsToldWhatItLost) {
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say("QUIT\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(Watch({}).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(source_->Poll(got_, 10 * kMillisecond).ok());
  EXPECT_EQ(got_.packets, 0u);
  EXPECT_GE(got_.ledger.Get(Loss::kSourceRingFull), 6u) << "a handshake, two lines and two ends";
}

TEST_F(PcapLive, RingsTakeNoMoreThanTheirBoundAndWhatIsBeyondIsTold) {
  std::vector<std::string> names = {"mx0"};
  for (const std::string i : {"1", "2", "3"}) {
    names.insert(names.end(), {"a" + i, "b" + i});
    ASSERT_TRUE(gateway_->Ip("link add a" + i + " type veth peer name b" + i));
    ASSERT_TRUE(gateway_->Ip("link set a" + i + " up") && gateway_->Ip("link set b" + i + " up"));
  }
  Open({.ring_bytes = 1U << 20, .most_ring_bytes = 2U << 20, .program = false});
  const absl::Status status = Watch(names);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::StartsWith("3 interfaces are not watched"));
  EXPECT_EQ(source_->open_interfaces(), 4u);
  std::size_t watched = 0;
  for (const HostInterface& each : Interfaces(names)) watched += source_->IsWatched(each.index);
  EXPECT_EQ(watched, 4u);
}

TEST_F(PcapLive, AnInterfaceThatIsNotThereIsNamedAndTheOthersAreWatched) {
  std::vector<HostInterface> list = Interfaces({"mx0"});
  list.insert(list.begin(), {.index = 9999, .name = "mx9", .up = true});
  const InNamespace in(gateway_->fd());
  const absl::Status status = source_->SetInterfaces(list);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("mx9: there is no such interface"));
  EXPECT_EQ(source_->open_interfaces(), 1u);
}

TEST_F(PcapLive, WhatAConsumerIsTooSlowForIsCountedAndLaterCountsAreRight) {
  Open({.ring_bytes = 1U << 20, .program = false});
  ASSERT_TRUE(Watch({"mx0"}).ok());
  ASSERT_TRUE(Say(std::string(30'000'000, 'x')));  // nobody polls meanwhile
  Drain();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  Drain();
  const std::uint64_t lost = got_.ledger.Get(Loss::kSourceRingFull);
  EXPECT_GT(lost, 0u);
  EXPECT_LT(got_.payload_bytes, 30'000'000u);
  const std::uint64_t before = got_.payload_bytes;
  ASSERT_TRUE(Say("QUIT\r\n"));
  Drain();
  EXPECT_EQ(got_.payload_bytes, before + 14);
  EXPECT_EQ(got_.ledger.Get(Loss::kSourceRingFull), lost);
}

TEST_F(PcapLive, WithoutTheRightItSaysWhichOneAndWhatToDo) {
  const std::vector<HostInterface> list = Interfaces({"mx0"});
  std::thread unprivileged([&] {
    const InNamespace in(gateway_->fd());  // needs a right of its own
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct held[2];
    ASSERT_EQ(syscall(SYS_capget, &header, held), 0);
    __user_cap_data_struct none[2] = {held[0], held[1]};
    none[0].effective &= ~(1U << CAP_NET_RAW);
    ASSERT_EQ(syscall(SYS_capset, &header, none), 0);  // of this thread alone
    const absl::Status start = source_->Start();
    const absl::Status add = source_->SetInterfaces(list);
    ASSERT_EQ(syscall(SYS_capset, &header, held), 0);
    for (const absl::Status& status : {start, add}) {
      EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("CAP_NET_RAW"));
      EXPECT_THAT(std::string(status.message()), HasSubstr("setcap"));
    }
    EXPECT_THAT(std::string(add.message()), HasSubstr("mx0: "));
  });
  unprivileged.join();
}

}  // namespace
}  // namespace backscatter
