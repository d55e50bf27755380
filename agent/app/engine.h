// The stages between a source and the tallies, driven in one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/net/decoder.h"
#include "agent/net/packet.h"
#include "agent/smtp/sessions.h"
#include "agent/smtp/transaction.h"
#include "agent/tcp/reassembler.h"

namespace backscatter {

struct EngineOptions {
  ReassemblerOptions tcp;
  std::vector<IpNetwork> trusted_proxies;
};

// Packet -> segment -> stream chunk -> dialogue -> transaction. Owns every connection and dialogue;
// no locks. The only clock is packet time. `ledger` and `sink` must outlive it.
class Engine {
 public:
  Engine(const EngineOptions& options, Ledger* ledger, TransactionSink* sink)
      : decoder_(ledger),
        sessions_(options.trusted_proxies, ledger, sink),
        reassembler_(options.tcp, ledger, &sessions_) {}

  void OnPacket(const Packet& packet) {
    Segment segment;
    if (decoder_.Decode(packet, segment)) reassembler_.OnSegment(segment);
  }
  // The input has ended: everything that is open is settled and handed on.
  void Finish() {
    decoder_.Finish();
    reassembler_.Finish();
  }

  std::size_t open_connections() const { return reassembler_.open_connections(); }

 private:
  Decoder decoder_;
  Sessions sessions_;
  Reassembler reassembler_;
};

}  // namespace backscatter
