// The stages between a source and the tallies, driven in one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/net/decoder.h"
#include "agent/net/packet.h"
#include "agent/net/segment.h"
#include "agent/smtp/body_reader.h"
#include "agent/smtp/sessions.h"
#include "agent/smtp/transaction.h"
#include "agent/tcp/reassembler.h"

namespace backscatter {

struct EngineOptions {
  ReassemblerOptions tcp;
  std::uint64_t dialogue_bytes = ~std::uint64_t{0};  // see Sessions::SetHeldBudget
  std::vector<IpNetwork> trusted_proxies;
};

// Packet -> segment -> stream chunk -> dialogue -> transaction. Owns every connection and dialogue;
// no locks. The only clock is packet time. `ledger`, `sink` and `readers` (null: bodies are not
// read) must outlive it.
//
// Segments wait in a short batch while the memory of their connections is asked for: with
// thousands of open connections every packet would else stand still for main memory. Long payloads
// are not copied; they empty the batch first, so the order is always that of the packets.
class Engine {
 public:
  Engine(const EngineOptions& options, Ledger* ledger, TransactionSink* sink,
         BodyReaders* readers = nullptr);

  void OnPacket(const Packet& packet);
  void OnSegment(const Segment& segment);
  // Handles what waits. To be called when a source has nothing more for now.
  void Flush();
  // From now on, for what is open too (ports and sampling ratio: for what opens).
  void Reconfigure(const EngineOptions& options);
  // Time-outs while no packet comes; what waits is handled first. `now` may not go back.
  void AdvanceTo(PacketTime now);
  // The input has ended: everything that is open is settled and handed on.
  void Finish();

  std::uint64_t MemoryBytes() const { return reassembler_.MemoryBytes() + sessions_.MemoryBytes(); }
  std::size_t open_connections() const { return reassembler_.open_connections(); }

 private:
  static constexpr std::size_t kBatch = 16;
  static constexpr std::size_t kMaxCopied = 512;  // bytes; commands, replies and small bodies

  struct Waiting {
    Segment segment;
    std::uint64_t hash = 0;
    std::array<std::uint8_t, kMaxCopied> payload;
  };

  void Take(Waiting& waiting);

  Decoder decoder_;
  Sessions sessions_;
  Reassembler reassembler_;
  std::vector<Waiting> waiting_;
  std::size_t count_ = 0;
};

}  // namespace backscatter
