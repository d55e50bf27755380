#include "agent/app/batch_queue.h"

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

using std::chrono::milliseconds;

Packet PacketOf(const std::string& bytes) {
  return {.bytes = {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
          .wire_length = static_cast<std::uint32_t>(bytes.size())};
}

class Seen final : public PacketSink {
 public:
  void OnPacket(const Packet& packet) override {
    text += "p:" + std::string(packet.bytes.begin(), packet.bytes.end()) + " ";
  }
  void OnSegment(const Segment& segment) override {
    text += "s:" + std::string(segment.payload.begin(), segment.payload.end()) + " ";
  }
  void OnLoss(Loss loss, std::uint64_t count) override {
    losses[static_cast<std::size_t>(loss)] += count;
  }
  std::string text;
  std::array<std::uint64_t, kLossCount> losses{};
  std::uint64_t queue_full() const {
    return losses[static_cast<std::size_t>(Loss::kQueueFullPackets)];
  }
};

// Everything that is in the queue now.
void TakeAll(BatchQueue& queue, Seen& seen) {
  while (Batch* const batch = queue.Pop(milliseconds(0))) {
    batch->DeliverTo(seen);
    queue.Return(batch);
  }
}

TEST(BatchQueue, KeepsTheOrderAndCopiesTheBytes) {
  BatchQueue queue(2);
  BatchWriter writer(&queue);
  {
    std::string bytes = "one";
    writer.OnPacket(PacketOf(bytes));
    bytes = "XXX";  // the source reuses its buffer
    const std::string payload = "two";
    Segment segment;
    segment.payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()};
    writer.OnSegment(segment);
  }
  writer.OnPacket(PacketOf("three"));
  writer.FlushAll();
  Seen seen;
  TakeAll(queue, seen);
  EXPECT_EQ(seen.text, "p:one s:two p:three ");
}

TEST(BatchQueue, AFullQueueLosesAndCountsAndNeverWaits) {
  BatchQueue queue(2);
  BatchWriter writer(&queue);
  const std::string large(Batch::kBytes / 2 + 1, 'x');  // one a batch
  for (int i = 0; i < 10; ++i) writer.OnPacket(PacketOf(large));
  writer.OnLoss(Loss::kSourceTruncatedPackets, 3);
  writer.FlushAll();
  EXPECT_TRUE(writer.HasLosses());
  Seen seen;
  TakeAll(queue, seen);
  EXPECT_FALSE(seen.text.empty());
  writer.FlushAll();
  EXPECT_FALSE(writer.HasLosses());
  TakeAll(queue, seen);
  EXPECT_EQ(seen.queue_full(), 8u) << "two batches were taken";
  EXPECT_EQ(seen.losses[static_cast<std::size_t>(Loss::kSourceTruncatedPackets)], 3u);

  writer.OnPacket(PacketOf("again"));
  writer.FlushAll();
  seen.text.clear();
  TakeAll(queue, seen);
  EXPECT_EQ(seen.text, "p:again ") << "counts are right again afterwards";
  EXPECT_EQ(seen.queue_full(), 8u);
}

TEST(BatchQueue, ASlowReaderGetsFewLargeBatches) {
  BatchQueue queue(2);
  BatchWriter writer(&queue);
  for (int i = 0; i < 1000; ++i) {
    writer.OnPacket(PacketOf("x"));
    EXPECT_EQ(writer.Flush(), i == 0);
  }
  writer.FlushAll();
  Seen seen;
  TakeAll(queue, seen);
  EXPECT_EQ(seen.text.size(), 1000 * std::string("p:x ").size());
  EXPECT_EQ(seen.queue_full(), 0u);
}

TEST(BatchQueue, APacketLargerThanABatchIsALoss) {
  BatchQueue queue(2);
  BatchWriter writer(&queue);
  writer.OnPacket(PacketOf(std::string(Batch::kBytes + 1, 'x')));
  writer.FlushAll();
  Seen seen;
  TakeAll(queue, seen);
  EXPECT_EQ(seen.queue_full(), 1u);
}

TEST(BatchQueue, PopWaitsNoLongerThanItIsTold) {
  BatchQueue queue(1);
  EXPECT_EQ(queue.Pop(milliseconds(20)), nullptr);
  queue.Wake();
  EXPECT_EQ(queue.Pop(std::chrono::hours(1)), nullptr);
  queue.Close();
  EXPECT_EQ(queue.Pop(std::chrono::hours(1)), nullptr);
  EXPECT_TRUE(queue.ended());
}

TEST(BatchQueue, ItIsCaughtUpOnlyWhereNothingWaits) {
  BatchQueue queue(2);
  BatchWriter writer(&queue);
  EXPECT_FALSE(queue.CaughtUpAt().has_value()) << "nothing is known yet";
  queue.MarkCaughtUp(7);
  EXPECT_EQ(queue.CaughtUpAt(), 7);
  writer.OnPacket(PacketOf("x"));
  writer.FlushAll();
  EXPECT_FALSE(queue.CaughtUpAt().has_value());
  Seen seen;
  TakeAll(queue, seen);
  EXPECT_EQ(queue.CaughtUpAt(), 7);
}

TEST(BatchQueue, EveryPacketOfAThreadArrivesOrIsCounted) {
  constexpr int kPackets = 200'000;
  BatchQueue queue(4);
  std::thread capture([&queue] {
    BatchWriter writer(&queue);
    for (int i = 0; i < kPackets; ++i) {
      writer.OnPacket(PacketOf("0123456789"));
      if (i % 64 == 0) writer.FlushAll();
    }
    while (writer.HasLosses()) writer.FlushAll();
    writer.FlushAll();
    queue.Close();
  });
  Seen seen;
  while (!queue.ended()) {
    Batch* const batch = queue.Pop(milliseconds(10));
    if (batch == nullptr) continue;
    batch->DeliverTo(seen);
    queue.Return(batch);
  }
  capture.join();
  EXPECT_EQ(seen.text.size() / std::string("p:0123456789 ").size() + seen.queue_full(), kPackets);
}

}  // namespace
}  // namespace backscatter
