#include "agent/app/memory_plan.h"

#include <cstdint>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/batch_queue.h"
#include "agent/app/pipeline.h"
#include "tests/support/dialogue_capture.h"

namespace backscatter {
namespace {

using testing::HasSubstr;

absl::StatusOr<MemoryPlan> PlanOf(const std::vector<std::string>& sets) {
  const absl::StatusOr<LoadedConfig> loaded = LoadConfig({.file = "/dev/null", .sets = sets});
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return PlanMemory(*loaded);
}

TEST(MemoryPlan, EveryMaximumThatIsAllowedIsKept) {
  for (const std::string max : {"64MiB", "100MiB", "256MiB", "1GiB", "8GiB"}) {
    const absl::StatusOr<MemoryPlan> plan = PlanOf({"memory.max=" + max});
    ASSERT_TRUE(plan.ok()) << max << plan.status();
    EXPECT_LE(plan->total, plan->config.memory_max) << max;
    std::uint64_t sum = 0;
    for (const MemoryPart& part : plan->parts) sum += part.bytes;
    EXPECT_LE(sum, plan->total);
  }
}

TEST(MemoryPlan, TooLittleIsRefusedWithWhatWouldDo) {
  const absl::StatusOr<MemoryPlan> plan = PlanOf({"memory.max=32MiB"});
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(
      std::string(plan.status().message()),
      testing::AllOf(HasSubstr("memory.max 32MiB is too small"), HasSubstr("set memory.max to ")));
}

TEST(MemoryPlan, WithEnoughMemoryEachTableHasItsDefault) {
  const absl::StatusOr<MemoryPlan> plan = PlanOf({"memory.max=8GiB"});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->config.targets_capacity, 1'000'000u);
  EXPECT_EQ(plan->config.tables.connections, TableCaps().connections);
}

TEST(MemoryPlan, ACapacityThatWasGivenIsKeptOrRefused) {
  const absl::StatusOr<MemoryPlan> kept = PlanOf({"memory.max=256MiB", "targets.capacity=100000"});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->config.targets_capacity, 100'000u);
  const absl::StatusOr<MemoryPlan> refused =
      PlanOf({"memory.max=256MiB", "targets.capacity=2000000"});
  ASSERT_FALSE(refused.ok());
  const std::string message(refused.status().message());
  EXPECT_THAT(message, HasSubstr("memory.max 256MiB is too small"));
  EXPECT_THAT(message, HasSubstr("given as 2000000"));
  EXPECT_THAT(message, HasSubstr("set memory.max to "));
}

// A pipeline with the bounds of 64 MiB.
class Flood : public testing::Test {
 protected:
  Flood() {
    absl::StatusOr<MemoryPlan> plan = PlanOf({"memory.max=64MiB", "sent.capacity=10000"});
    EXPECT_TRUE(plan.ok()) << plan.status();
    config_ = plan->config;
    absl::StatusOr<KeptLedger> kept = KeptLedger::Open("", {.capacity = config_.sent_capacity});
    pipeline_ = std::make_unique<Pipeline>(
        Pipeline::Options{.config = config_, .batv_keys = {}, .hash_key = HashKey::Random()},
        std::make_unique<KeptLedger>(*std::move(kept)));
  }

  // One direction of a flow of its own, `i`.
  Segment From(std::uint32_t i, bool client, std::uint8_t flags, std::string_view payload,
               std::uint32_t sequence, std::uint32_t acknowledgment) {
    const std::uint8_t address[4] = {10, static_cast<std::uint8_t>(i >> 22),
                                     static_cast<std::uint8_t>(i >> 14),
                                     static_cast<std::uint8_t>(i >> 6)};
    const Endpoint a{IpAddress::V4(address), static_cast<std::uint16_t>(1024 + (i & 63))};
    const Endpoint b{*IpAddress::Parse("192.0.2.25"), 25};
    Segment segment;
    segment.source = client ? a : b;
    segment.destination = client ? b : a;
    segment.flags = flags;
    segment.payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()};
    segment.payload_wire_length = static_cast<std::uint32_t>(payload.size());
    segment.sequence = sequence;
    segment.acknowledgment = acknowledgment;
    segment.captured_at = 1'790'000'000 * kSecond + i * kMicrosecond;
    return segment;
  }
  // A session that stays open.
  void Say(std::uint32_t i, const std::string& text) {
    pipeline_->OnSegment(From(i, false, tcp_flags::kAck, "220 mx ESMTP\r\n", 1000, 1));
    pipeline_->OnSegment(From(i, true, tcp_flags::kAck, text, 1, 1014));
  }
  void ExpectUnderTheCap() {
    pipeline_->Flush();
    EXPECT_LE(pipeline_->MemoryBytes() + BatchQueue::MemoryBytes(config_.tables.queue_batches),
              config_.memory_max);
  }

  Config config_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(Flood, HalfOpenConnectionsStayUnderTheCap) {
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    pipeline_->OnSegment(From(i, true, tcp_flags::kSyn, "", 0, 0));
  }
  ExpectUnderTheCap();
  EXPECT_EQ(pipeline_->open_connections(), 0u) << "a handshake has no state";
}

TEST_F(Flood, OpenSessionsStayUnderTheCapAndEvictionsAreCounted) {
  for (std::uint32_t i = 0; i < 100'000; ++i) Say(i, "EHLO flood.test\r\n");
  ExpectUnderTheCap();
  EXPECT_LE(pipeline_->open_connections(), config_.tables.connections);
  EXPECT_EQ(pipeline_->Losses().Get(Loss::kTcpConnectionsEvicted),
            100'000 - config_.tables.connections);
}

TEST_F(Flood, SessionsThatHoardCommandsAreGivenUp) {
  const std::string line = "RCPT TO:<" + std::string(480, 'x') + "@y.test>\r\n";
  std::string many;
  for (int i = 0; i < 100; ++i) many += line;  // none is answered
  for (std::uint32_t i = 0; i < 1500; ++i) Say(i, many);
  ExpectUnderTheCap();
  EXPECT_GT(pipeline_->Losses().Get(Loss::kSmtpSessionsGivenUp), 0u);
}

TEST_F(Flood, DistinctTargetsAndSourcesStayUnderTheCap) {
  const std::string domain = std::string(60, 'd') + ".test";
  for (std::uint32_t i = 0; i < 40'000; ++i) {
    const std::string target = std::string(60, 't') + std::to_string(i) + "@" + domain;
    pipeline_->OnSegment(From(i, false, tcp_flags::kAck, "220 mx\r\n", 1000, 1));
    const std::string commands = "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<" + target + ">\r\nQUIT\r\n";
    pipeline_->OnSegment(From(i, true, tcp_flags::kAck, commands, 1, 1008));
    const auto next = static_cast<std::uint32_t>(1 + commands.size());
    pipeline_->OnSegment(From(i, false, tcp_flags::kAck | tcp_flags::kFin,
                              "250 mx\r\n250 ok\r\n550 no\r\n221 bye\r\n", 1008, next));
    pipeline_->OnSegment(From(i, true, tcp_flags::kAck | tcp_flags::kFin, "", next, 1042));
  }
  ExpectUnderTheCap();
  const Report report = pipeline_->Snapshot({}, {}, 1);
  EXPECT_EQ(report.transactions.null_sender, 40'000u) << "totals are exact";
  EXPECT_GT(report.ledger.Get(Loss::kTallyTargetsEvicted), 0u);
}

}  // namespace
}  // namespace backscatter
