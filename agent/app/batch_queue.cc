#include "agent/app/batch_queue.h"

#include <cstring>
#include <utility>

namespace backscatter {

Batch::Batch() : bytes_(new std::uint8_t[kBytes]) { records_.reserve(64); }

std::span<const std::uint8_t> Batch::Copy(std::span<const std::uint8_t> bytes) {
  std::uint8_t* const at = bytes_.get() + used_;
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  used_ += bytes.size();
  return {at, bytes.size()};
}

bool Batch::Add(const Packet& packet) {
  if (!HasRoom(packet.bytes.size())) return false;
  Packet copy = packet;
  copy.bytes = Copy(packet.bytes);
  records_.emplace_back(copy);
  return true;
}

bool Batch::Add(const Segment& segment) {
  if (!HasRoom(segment.payload.size())) return false;
  Segment copy = segment;
  copy.payload = Copy(segment.payload);
  records_.emplace_back(copy);
  return true;
}

bool Batch::Add(Loss loss, std::uint64_t count) {
  if (!HasRoom(0)) return false;
  records_.emplace_back(LossCount{loss, count});
  return true;
}

void Batch::DeliverTo(PacketSink& sink) const {
  for (const auto& record : records_) {
    if (const auto* packet = std::get_if<Packet>(&record)) {
      sink.OnPacket(*packet);
    } else if (const auto* segment = std::get_if<Segment>(&record)) {
      sink.OnSegment(*segment);
    } else {
      const LossCount& lost = std::get<LossCount>(record);
      sink.OnLoss(lost.loss, lost.count);
    }
  }
}

void Batch::Clear() {
  records_.clear();
  used_ = 0;
}

BatchQueue::BatchQueue(std::size_t batches) {
  for (std::size_t i = 0; i < batches; ++i) {
    batches_.push_back(std::make_unique<Batch>());
    free_.push_back(batches_.back().get());
  }
}

Batch* BatchQueue::TakeFree() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return nullptr;
  Batch* const batch = free_.back();  // the one used last: it is in the cache
  free_.pop_back();
  return batch;
}

void BatchQueue::Push(Batch* batch) {
  {
    const std::lock_guard lock(mutex_);
    full_.push_back(batch);
  }
  ready_.notify_one();
}

void BatchQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  ready_.notify_one();
}

void BatchQueue::MarkCaughtUp(PacketTime at) {
  const std::lock_guard lock(mutex_);
  caught_up_at_ = at;
}

bool BatchQueue::HasWaiting() const {
  const std::lock_guard lock(mutex_);
  return !full_.empty();
}

std::optional<PacketTime> BatchQueue::CaughtUpAt() const {
  const std::lock_guard lock(mutex_);
  if (!full_.empty() || caught_up_at_ == 0) return std::nullopt;
  return caught_up_at_;
}

Batch* BatchQueue::Pop(std::chrono::nanoseconds wait) {
  std::unique_lock lock(mutex_);
  ready_.wait_for(lock, wait, [this] { return !full_.empty() || closed_ || woken_; });
  woken_ = false;
  if (full_.empty()) return nullptr;
  Batch* const batch = full_.front();
  full_.pop_front();
  return batch;
}

void BatchQueue::Return(Batch* batch) {
  batch->Clear();
  const std::lock_guard lock(mutex_);
  free_.push_back(batch);
}

void BatchQueue::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  ready_.notify_one();
}

bool BatchQueue::ended() const {
  const std::lock_guard lock(mutex_);
  return closed_ && full_.empty();
}

bool BatchWriter::TakeBatch() {
  batch_ = queue_.TakeFree();
  if (batch_ == nullptr) return false;
  WriteLosses();
  return true;
}

void BatchWriter::WriteLosses() {
  if (!any_losses_) return;
  any_losses_ = false;
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    if (losses_[i] == 0) continue;
    if (batch_->Add(static_cast<Loss>(i), losses_[i])) {
      losses_[i] = 0;
    } else {
      any_losses_ = true;
    }
  }
}

template <typename Record>
void BatchWriter::Write(const Record& record) {
  if (batch_ == nullptr && !TakeBatch()) {
    OnLoss(Loss::kQueueFullPackets, 1);
    return;
  }
  if (batch_->Add(record)) return;
  queue_.Push(std::exchange(batch_, nullptr));
  // A record that an empty batch has no room for is larger than any source makes; it is lost too.
  if (!TakeBatch() || !batch_->Add(record)) OnLoss(Loss::kQueueFullPackets, 1);
}

void BatchWriter::OnPacket(const Packet& packet) { Write(packet); }

void BatchWriter::OnSegment(const Segment& segment) { Write(segment); }

void BatchWriter::OnLoss(Loss loss, std::uint64_t count) {
  losses_[static_cast<std::size_t>(loss)] += count;
  any_losses_ = true;
}

bool BatchWriter::Flush() {
  if (batch_ != nullptr && queue_.HasWaiting()) return false;
  FlushAll();
  return true;
}

void BatchWriter::FlushAll() {
  if (any_losses_ && batch_ == nullptr) TakeBatch();
  if (batch_ == nullptr) return;
  WriteLosses();
  if (!batch_->empty()) queue_.Push(std::exchange(batch_, nullptr));
}

}  // namespace backscatter
