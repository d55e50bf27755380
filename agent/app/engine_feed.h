// What a source hands out, into the engine and the ledger of losses.
#pragma once

#include <cstdint>

#include "agent/app/engine.h"
#include "agent/base/ledger.h"
#include "agent/source/source.h"

namespace backscatter {

// `engine` and `ledger` must outlive it.
class EngineFeed final : public PacketSink {
 public:
  EngineFeed(Engine* engine, Ledger* ledger) : engine_(*engine), ledger_(*ledger) {}
  void OnPacket(const Packet& packet) override { engine_.OnPacket(packet); }
  void OnLoss(Loss loss, std::uint64_t count) override { ledger_.Add(loss, count); }

 private:
  Engine& engine_;
  Ledger& ledger_;
};

}  // namespace backscatter
