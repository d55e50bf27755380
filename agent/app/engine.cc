#include "agent/app/engine.h"

#include <cstring>

namespace backscatter {

Engine::Engine(const EngineOptions& options, Ledger* ledger, TransactionSink* sink,
               BodyReaders* readers)
    : decoder_(ledger),
      sessions_(options.trusted_proxies, ledger, sink, readers),
      reassembler_(options.tcp, ledger, &sessions_),
      waiting_(kBatch) {
  sessions_.SetHeldBudget(options.dialogue_bytes);
}

void Engine::OnPacket(const Packet& packet) {
  Waiting& waiting = waiting_[count_];
  if (decoder_.Decode(packet, waiting.segment)) Take(waiting);
}

void Engine::OnSegment(const Segment& segment) {
  Waiting& waiting = waiting_[count_];
  waiting.segment = segment;
  Take(waiting);
}

void Engine::Take(Waiting& waiting) {
  Segment& segment = waiting.segment;
  if (!reassembler_.Wants(segment)) return;
  waiting.hash = reassembler_.Hash(segment);
  if (segment.payload.size() > kMaxCopied) {
    const Segment whole = segment;
    const std::uint64_t hash = waiting.hash;
    Flush();
    reassembler_.OnSegment(whole, hash);
    return;
  }
  reassembler_.PrefetchSlot(segment, waiting.hash);
  if (!segment.payload.empty()) {
    std::memcpy(waiting.payload.data(), segment.payload.data(), segment.payload.size());
    segment.payload = {waiting.payload.data(), segment.payload.size()};
  }
  if (++count_ == kBatch) Flush();
}

void Engine::Flush() {
  std::array<const Connection*, kBatch> connections;
  for (std::size_t i = 0; i < count_; ++i) {
    connections[i] = reassembler_.PrefetchConnection(waiting_[i].hash);
  }
  for (std::size_t i = 0; i < count_; ++i) reassembler_.PrefetchConsumer(connections[i]);
  for (std::size_t i = 0; i < count_; ++i) {
    reassembler_.OnSegment(waiting_[i].segment, waiting_[i].hash);
  }
  count_ = 0;
}

void Engine::Reconfigure(const EngineOptions& options) {
  Flush();
  reassembler_.SetPorts(options.tcp.ports);
  reassembler_.SetSamplingRatio(options.tcp.sampling_ratio);
  sessions_.SetTrustedProxies(options.trusted_proxies);
}

void Engine::AdvanceTo(PacketTime now) {
  Flush();
  decoder_.AdvanceTo(now);
  reassembler_.AdvanceTo(now);
}

void Engine::Finish() {
  Flush();
  decoder_.Finish();
  reassembler_.Finish();
}

}  // namespace backscatter
