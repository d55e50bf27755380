// The kernel program on interfaces, with real sockets.
#include "agent/source/bpf_source.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/source/bpf_filters.h"
#include "tests/bpf/host.h"
#include "tests/bpf/kernel.h"
#include "tests/support/gateway_test.h"

namespace backscatter::bpf_test {
namespace {

using support::InNamespace;
using support::NetworkNamespace;
using testing::HasSubstr;
using testing::Not;

BpfSourceOptions OptionsFor(BpfAttachMode mode) {
  BpfSourceOptions options;
  options.attach = mode;
  options.program.ring_bytes = std::size_t{1} << 20;
  options.rules = DefaultRules();
  options.rules.capture_bytes = 4096;
  return options;
}

std::string ModeName(const testing::TestParamInfo<BpfAttachMode>& mode) {
  return std::string(BpfAttachName(mode.param));
}

// A gateway, its interface `gw`, and a client behind `cl`.
class LiveBpf : public support::GatewayTest, public testing::WithParamInterface<BpfAttachMode> {
 protected:
  LiveBpf() : GatewayTest({"gw", "203.0.113.1/24", "cl", "203.0.113.9/24"}) {}
  void SetUp() override {
    GatewayTest::SetUp();
    if (ready()) Open(OptionsFor(GetParam()));
  }
  void TearDown() override {
    if (!gateway_) return;
    const InNamespace in(gateway_->fd());  // where its filters are
    source_.reset();
  }

  void Open(const BpfSourceOptions& options) {
    const InNamespace in(gateway_->fd());
    auto source = BpfSource::Open(options);
    if (!source.ok()) GTEST_SKIP() << "the kernel program does not load: " << source.status();
    source_ = *std::move(source);
    ASSERT_TRUE(source_->Start().ok());
  }
  absl::Status Watch(const std::vector<HostInterface>& interfaces) {
    const InNamespace in(gateway_->fd());
    return source_->SetInterfaces(interfaces);
  }
  // Skips where the kernel has no TCX.
  void WatchGateway() {
    const absl::Status status = Watch({InterfaceOf(*gateway_, "gw")});
    if (absl::IsUnimplemented(status)) GTEST_SKIP() << status;
    ASSERT_TRUE(status.ok()) << status;
  }

  const std::optional<NetworkNamespace>& client_ = peer_;
  std::unique_ptr<BpfSource> source_;
  Seen seen_;
};

TEST_P(LiveBpf, AMailIsSeenAndItsBodyIsNot) {
  WatchGateway();
  EXPECT_EQ(source_->attached_by(), GetParam());
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 300000);
  DrainTo(*source_, seen_);
  EXPECT_THAT(
      seen_.client,
      testing::MatchesRegex("EHLO client.test\r\nMAIL FROM:<ann@else.test>\r\n"
                            "RCPT TO:<bob@ours.test>\r\nDATA\r\n(\\[[0-9]+\\])+\\.\r\nQUIT\r\n"));
  EXPECT_THAT(seen_.client, Not(HasSubstr(Conversation::kMarker)));
  EXPECT_EQ(seen_.server,
            "220 mx.test\r\n250-mx.test\r\n250 PIPELINING\r\n"
            "250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n");
  EXPECT_EQ(seen_.starts, 1u);
  EXPECT_EQ(seen_.ends, 2u);
  EXPECT_TRUE(seen_.losses.empty());
  EXPECT_GT(source_->counters()[BS_CUT_BYTES], 299000u);
  const std::int64_t now = std::int64_t{std::time(nullptr)} * kSecond;
  EXPECT_NEAR(static_cast<double>(seen_.first), static_cast<double>(now), 5e9);
}

TEST_P(LiveBpf, TheRunTimeOfItsProgramsIsToldWhereThatWasAsked) {
  EXPECT_TRUE(source_->Stats().programs.empty());
  BpfSourceOptions options = OptionsFor(GetParam());
  options.run_stats = true;
  source_.reset();
  Open(options);
  if (!source_->run_stats_status().ok()) GTEST_SKIP() << source_->run_stats_status();
  WatchGateway();
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 3000);
  DrainTo(*source_, seen_);
  const std::vector<ProgramRuns> programs = source_->Stats().programs;
  ASSERT_EQ(programs.size(), 1u);
  EXPECT_EQ(programs[0].program, "ethernet");
  EXPECT_GT(programs[0].runs, 10u);
  EXPECT_GT(programs[0].nanoseconds, 10 * programs[0].runs);
}

TEST_P(LiveBpf, TheBodyOfANullSenderIsSeenUpToItsLimit) {
  WatchGateway();
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<>", 300000);
  DrainTo(*source_, seen_);
  EXPECT_THAT(seen_.client, HasSubstr("DATA\r\nSubject: ZYGOTE\r\n\r\n"));
  EXPECT_GT(seen_.client.size(), 4096u);
  EXPECT_LT(seen_.client.size(), 4500u);
}

TEST_P(LiveBpf, ThePacketsOfTheLoopbackInterfaceAreSeenOnce) {
  const absl::Status status = Watch({InterfaceOf(*gateway_, "lo")});
  if (absl::IsUnimplemented(status)) GTEST_SKIP() << status;
  ASSERT_TRUE(status.ok()) << status;
  Conversation(*gateway_, *gateway_, "127.0.0.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, seen_);
  EXPECT_EQ(seen_.starts, 1u);
  EXPECT_THAT(seen_.server, testing::EndsWith("250 queued\r\n221 bye\r\n"));
  EXPECT_EQ(seen_.server.find("250 queued"), seen_.server.rfind("250 queued"));
}

TEST_P(LiveBpf, AnInterfaceThatIsLetGoIsSeenNoMoreAndCanBeTakenUpAgain) {
  WatchGateway();
  ASSERT_TRUE(Watch({}).ok());
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, seen_);
  EXPECT_EQ(seen_.starts, 0u);
  WatchGateway();
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, seen_);
  EXPECT_EQ(seen_.starts, 1u);
}

TEST_P(LiveBpf, AnInterfaceThatGoesAwayIsNoError) {
  WatchGateway();
  ASSERT_TRUE(gateway_->Ip("link del gw"));
  ASSERT_TRUE(Watch(InterfacesOf(*gateway_)).ok());
  ASSERT_TRUE(gateway_->JoinTo(*client_, "gw", "203.0.113.1/24", "cl", "203.0.113.9/24"));
  WatchGateway();
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, seen_);
  EXPECT_EQ(seen_.starts, 1u);
}

TEST_P(LiveBpf, AnInterfaceThatCannotBeTakenUpIsNamed) {
  HostInterface gone = InterfaceOf(*gateway_, "gw");
  gone.index = 4711;
  gone.name = "gone0";
  const absl::Status status = Watch({gone, InterfaceOf(*gateway_, "gw")});
  if (absl::IsUnimplemented(status)) GTEST_SKIP() << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("gone0"));
  EXPECT_NE(source_->attached_by(), BpfAttachMode::kAuto);
}

TEST_P(LiveBpf, RecordsThatFoundNoRoomAreCountedAndThenAllIsRightAgain) {
  TearDown();
  BpfSourceOptions options = OptionsFor(GetParam());
  options.program.ring_bytes = 65536;
  Open(options);
  WatchGateway();
  for (int i = 0; i < 60; ++i) {
    Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  }
  DrainTo(*source_, seen_);
  EXPECT_LT(seen_.starts, 60u);
  const BpfCounters& counted = source_->counters();
  EXPECT_GT(counted[BS_RING_FULL], 0u);
  EXPECT_EQ(seen_.losses[Loss::kKernelRingFull], counted[BS_RING_FULL]);
  EXPECT_EQ(seen_.losses[Loss::kKernelRingFullBytes], counted[BS_RING_FULL_BYTES]);
  Seen later;
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, later);
  EXPECT_EQ(later.starts, 1u);
  EXPECT_THAT(later.client, testing::EndsWith("QUIT\r\n"));
  EXPECT_TRUE(later.losses.empty());
}

TEST_P(LiveBpf, ANewRingReaderIsWokenBeforeTheRingIsFull) {
  WatchGateway();
  for (int i = 0; i < 100; ++i) {
    Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<>", 4000);
  }
  const auto polled = source_->Poll(seen_, 10 * kSecond);
  ASSERT_TRUE(polled.ok());
  EXPECT_EQ(*polled, PollResult::kProgressed);
}

TEST_P(LiveBpf, WhatAKilledAgentLeftIsGoneOrRemovedAtTheNextStart) {
  WatchGateway();
  const int interface = InterfaceOf(*gateway_, "gw").index;
  ASSERT_TRUE(Watch({}).ok());
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const absl::Status status = Watch({InterfaceOf(*gateway_, "gw")});
    const char word = status.ok() ? 'y' : 'n';
    if (write(ready[1], &word, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char word = 0;
  ASSERT_EQ(read(ready[0], &word, 1), 1);
  EXPECT_EQ(word, 'y');
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(ready[0]);
  close(ready[1]);
  const InNamespace in(gateway_->fd());
  if (GetParam() == BpfAttachMode::kTcx) {
    EXPECT_EQ(TcxPrograms(*gateway_, interface), 0);
    BpfFilterLock lock;
    ASSERT_TRUE(lock.Take().ok());
    EXPECT_EQ(*RemoveStaleBpfFilters(lock), 0u);
    return;
  }
  EXPECT_EQ(ListTcFilters(interface, TcDirection::kIngress)->size(), 1u);
  ASSERT_TRUE(source_->Start().ok());
  EXPECT_EQ(source_->stale_filters(), 2u);
  EXPECT_TRUE(ListTcFilters(interface, TcDirection::kIngress)->empty());
  EXPECT_TRUE(ListTcFilters(interface, TcDirection::kEgress)->empty());
}

INSTANTIATE_TEST_SUITE_P(By, LiveBpf, testing::Values(BpfAttachMode::kTcx, BpfAttachMode::kClsact),
                         ModeName);

class LiveTcx : public LiveBpf {};
TEST_P(LiveTcx, AnEarlierProgramThatAcceptsHidesNothing) {
  const int interface = InterfaceOf(*gateway_, "gw").index;
  const FileDescriptor other = AttachAcceptAll(*gateway_, interface);
  if (!other.valid()) GTEST_SKIP() << "this kernel has no TCX";
  WatchGateway();
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, seen_);
  EXPECT_THAT(seen_.client, testing::EndsWith("QUIT\r\n"));
  ASSERT_TRUE(Watch({}).ok());
  EXPECT_EQ(TcxPrograms(*gateway_, interface), 1);
}
INSTANTIATE_TEST_SUITE_P(By, LiveTcx, testing::Values(BpfAttachMode::kTcx), ModeName);

class LiveClsact : public LiveBpf {};
TEST_P(LiveClsact, AQdiscOfOursGoesWithUs) {
  WatchGateway();
  EXPECT_THAT(OutputOf(*gateway_, "tc qdisc show dev gw"), HasSubstr("clsact"));
  ASSERT_TRUE(Watch({}).ok());
  EXPECT_THAT(OutputOf(*gateway_, "tc qdisc show dev gw"), Not(HasSubstr("clsact")));
}

TEST_P(LiveClsact, AQdiscThatWasThereStaysWithTheFiltersOfOthers) {
  OutputOf(*gateway_, "tc qdisc add dev gw clsact");
  const std::string added = OutputOf(
      *gateway_,
      "tc filter add dev gw ingress prio 7 protocol all bpf bytecode '1,6 0 0 4294967295'");
  if (!added.empty()) GTEST_SKIP() << "tc cannot add a filter here: " << added;
  WatchGateway();
  const int interface = InterfaceOf(*gateway_, "gw").index;
  {
    const InNamespace in(gateway_->fd());
    EXPECT_EQ(ListTcFilters(interface, TcDirection::kIngress)->size(), 2u);
  }
  ASSERT_TRUE(Watch({}).ok());
  EXPECT_THAT(OutputOf(*gateway_, "tc qdisc show dev gw"), HasSubstr("clsact"));
  const InNamespace in(gateway_->fd());
  const auto left = ListTcFilters(interface, TcDirection::kIngress);
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().priority, 7);
}

TEST_P(LiveClsact, AFilterThatSomebodyAddedToOurQdiscKeepsIt) {
  WatchGateway();
  const std::string added =
      OutputOf(*gateway_,
               "tc filter add dev gw egress prio 7 protocol all bpf bytecode '1,6 0 0 4294967295'");
  if (!added.empty()) GTEST_SKIP() << "tc cannot add a filter here: " << added;
  ASSERT_TRUE(Watch({}).ok());
  EXPECT_THAT(OutputOf(*gateway_, "tc filter show dev gw egress"), HasSubstr("pref 7"));
}

TEST_P(LiveClsact, AnotherAgentLeavesTheFiltersOfOneThatLives) {
  WatchGateway();
  const int interface = InterfaceOf(*gateway_, "gw").index;
  const std::vector<HostInterface> wanted = {InterfaceOf(*gateway_, "gw"),
                                             InterfaceOf(*gateway_, "lo")};
  const InNamespace in(gateway_->fd());
  {
    auto second = BpfSource::Open(OptionsFor(BpfAttachMode::kClsact));
    ASSERT_TRUE(second.ok()) << second.status();
    ASSERT_TRUE((*second)->Start().ok());
    EXPECT_EQ((*second)->stale_filters(), 0u);
    const absl::Status refused = (*second)->SetInterfaces(wanted);
    EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("gw: "));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("another backscatterd"));
    EXPECT_EQ((*second)->attached_by(), BpfAttachMode::kAuto);
  }
  EXPECT_EQ(ListTcFilters(interface, TcDirection::kIngress)->size(), 1u);
  EXPECT_EQ(ListTcFilters(interface, TcDirection::kEgress)->size(), 1u);
  Conversation(*client_, *gateway_, "203.0.113.1").WholeMail("<ann@else.test>", 1000);
  DrainTo(*source_, seen_);
  EXPECT_EQ(seen_.starts, 1u);
  // And when it is gone the place is free.
  ASSERT_TRUE(source_->SetInterfaces({}).ok());
  auto third = BpfSource::Open(OptionsFor(BpfAttachMode::kClsact));
  ASSERT_TRUE(third.ok()) << third.status();
  ASSERT_TRUE((*third)->Start().ok());
  EXPECT_TRUE((*third)->SetInterfaces(wanted).ok());
}

TEST_P(LiveClsact, AFilterOfAnotherInOurPlaceIsLeftAsItIs) {
  OutputOf(*gateway_, "tc qdisc add dev gw clsact");
  const std::string added =
      OutputOf(*gateway_,
               "tc filter add dev gw egress prio 25203 handle 25203 protocol all bpf bytecode "
               "'1,6 0 0 4294967295'");
  if (!added.empty()) GTEST_SKIP() << "tc cannot add a filter here: " << added;
  const absl::Status refused = Watch({InterfaceOf(*gateway_, "gw")});
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("0x6273"));
  const int interface = InterfaceOf(*gateway_, "gw").index;
  const InNamespace in(gateway_->fd());
  EXPECT_EQ(ListTcFilters(interface, TcDirection::kEgress)->size(), 1u);
  EXPECT_TRUE(ListTcFilters(interface, TcDirection::kIngress)->empty());  // ours was taken back
}

TEST_P(LiveClsact, AFilterThatTookThePlaceOfOursIsLeftAsItIs) {
  WatchGateway();
  const std::string replaced =
      OutputOf(*gateway_,
               "tc filter replace dev gw egress prio 25203 handle 25203 protocol all bpf bytecode "
               "'1,6 0 0 4294967295'");
  if (!replaced.empty()) GTEST_SKIP() << "tc cannot replace a filter here: " << replaced;
  ASSERT_TRUE(Watch({}).ok());
  EXPECT_THAT(OutputOf(*gateway_, "tc filter show dev gw egress"), HasSubstr("pref 25203"));
  EXPECT_EQ(OutputOf(*gateway_, "tc filter show dev gw ingress"), "");
}

INSTANTIATE_TEST_SUITE_P(By, LiveClsact, testing::Values(BpfAttachMode::kClsact), ModeName);

}  // namespace
}  // namespace backscatter::bpf_test
