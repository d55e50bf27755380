// All dialogues of one engine: where streams become transactions.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/base/slab.h"
#include "agent/net/stream_chunk.h"
#include "agent/smtp/body_reader.h"
#include "agent/smtp/dialogue.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

// Not thread-safe. `ledger`, `sink` and `readers` (null: bodies are not read) must outlive it.
// Memory: about 300 bytes a dialogue, and about 500 more while a transaction is open.
class Sessions final : public StreamSink {
 public:
  Sessions(std::vector<IpNetwork> trusted_proxies, Ledger* ledger, TransactionSink* sink,
           BodyReaders* readers = nullptr);
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  Speaker Judge(std::string_view payload, bool on_smtp_port) override;
  void Prefetch(const ConnectionInfo& connection) const override;
  StreamVerdict OnChunk(ConnectionInfo& connection, const StreamChunk& chunk) override;
  void OnClose(ConnectionInfo& connection, CloseReason reason, PacketTime at) override;

  // From now on, for sessions that are open too.
  void SetTrustedProxies(std::vector<IpNetwork> proxies) { trusted_proxies_ = std::move(proxies); }

  // What open sessions may hold beyond their fixed size, all together (lines, commands and
  // recipients that wait). A session that takes more than its share while the rest is used up is
  // given up and counted; once twice the budget is held, each that grows is.
  void SetHeldBudget(std::uint64_t bytes) { held_budget_ = bytes; }
  std::uint64_t held_bytes() const { return held_; }  // without a budget nothing is counted
  std::uint64_t MemoryBytes() const { return dialogues_.MemoryBytes() + held_; }
  static std::uint64_t MostBytes(std::uint64_t sessions, std::uint64_t held_budget) {
    return Slab<Dialogue>::MostBytes(sessions) + 2 * held_budget + kPoolBytes;
  }

  std::size_t open_sessions() const { return dialogues_.in_use(); }

 private:
  static constexpr std::uint64_t kPoolBytes = 4 << 20;  // what the pools keep, see Pool
  static constexpr std::uint64_t kLeastShare = 16 << 10;
  static constexpr std::uint64_t kNoBudget = ~std::uint64_t{0};

  bool IsOverBudget(std::uint64_t session) const;

  std::vector<IpNetwork> trusted_proxies_;
  TransactionSink& sink_;
  Pool<Transaction> transactions_;
  Pool<PendingCommands> pending_;
  Pool<DialogueBuffers> buffers_;
  DialogueContext context_;
  std::uint64_t held_budget_ = kNoBudget;
  std::uint64_t held_ = 0;    // by all dialogues
  Slab<Dialogue> dialogues_;  // by ConnectionInfo::session - 1
};

}  // namespace backscatter
