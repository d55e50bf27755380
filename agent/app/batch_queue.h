// Between a capture thread and the engine: packets in batches, in a bounded queue.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/net/packet.h"
#include "agent/net/segment.h"
#include "agent/source/source.h"

namespace backscatter {

// Copies of what a source handed out, in order. One thread at a time.
class Batch {
  struct LossCount {
    Loss loss;
    std::uint64_t count;
  };
  using Record = std::variant<Packet, Segment, LossCount>;

 public:
  static constexpr std::size_t kBytes = 512 << 10;  // more than any snap length
  static constexpr std::size_t kRecords = 4096;
  static constexpr std::size_t kRecordBytes = 128;
  static_assert(sizeof(Record) <= kRecordBytes, "memory.max counts on it");

  Batch();

  // False: there is no room; nothing was taken.
  bool Add(const Packet& packet);
  bool Add(const Segment& segment);
  bool Add(Loss loss, std::uint64_t count);

  void DeliverTo(PacketSink& sink) const;
  void Clear();
  bool empty() const { return records_.empty(); }

 private:
  bool HasRoom(std::size_t bytes) const {
    return records_.size() < kRecords && used_ + bytes <= kBytes;
  }
  std::span<const std::uint8_t> Copy(std::span<const std::uint8_t> bytes);

  std::unique_ptr<std::uint8_t[]> bytes_;  // kBytes; memory only for what is used
  std::size_t used_ = 0;
  std::vector<Record> records_;
};

// A fixed number of batches that go round between one writer and one reader. Thread-safe; nothing
// ever waits but Pop.
class BatchQueue {
 public:
  explicit BatchQueue(std::size_t batches);

  // The writer's side. Null: all are under way.
  Batch* TakeFree();
  void Push(Batch* batch);
  void Close();
  // Everything that was captured before `at` (wall clock) was pushed.
  void MarkCaughtUp(PacketTime at);
  // Batches wait for the reader.
  bool HasWaiting() const;

  // The reader's side: the oldest batch, or null after `wait`, or at once after Wake, or when the
  // queue is closed and empty.
  Batch* Pop(std::chrono::nanoseconds wait);
  void Return(Batch* batch);

  // From any thread: ends the Pop that waits, or the next one that would.
  void Wake();
  bool ended() const;  // closed and empty
  // What MarkCaughtUp said last, where nothing waits; nullopt: the reader is behind.
  std::optional<PacketTime> CaughtUpAt() const;

  static std::size_t MemoryBytes(std::size_t batches) {
    return batches * (Batch::kBytes + Batch::kRecords * Batch::kRecordBytes);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<Batch*> free_;
  std::deque<Batch*> full_;
  PacketTime caught_up_at_ = 0;
  bool closed_ = false;
  bool woken_ = false;
};

// What a source writes to. Never waits: what finds no free batch is counted as
// Loss::kQueueFullPackets, and the count goes out with the next batch that is free.
class BatchWriter final : public PacketSink {
 public:
  explicit BatchWriter(BatchQueue* queue) : queue_(*queue) {}

  void OnPacket(const Packet& packet) override;
  void OnSegment(const Segment& segment) override;
  void OnLoss(Loss loss, std::uint64_t count) override;

  // Hands over what there is, or, while the reader still has a batch before it, keeps it to fill it
  // further: a slow reader gets few large batches, so the queue holds its full size in bytes. To be
  // called when the source has nothing more for now. False: something was kept.
  bool Flush();
  // Hands over whatever there is.
  void FlushAll();
  // Counts that no batch has taken yet.
  bool HasLosses() const { return any_losses_; }

 private:
  template <typename Record>
  void Write(const Record& record);
  bool TakeBatch();
  void WriteLosses();

  BatchQueue& queue_;
  Batch* batch_ = nullptr;
  std::array<std::uint64_t, kLossCount> losses_{};  // not handed over yet
  bool any_losses_ = false;
};

}  // namespace backscatter
