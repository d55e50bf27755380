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

  std::size_t open_sessions() const { return dialogues_.in_use(); }

 private:
  std::vector<IpNetwork> trusted_proxies_;
  TransactionSink& sink_;
  Pool<Transaction> transactions_;
  Pool<PendingCommands> pending_;
  Pool<DialogueBuffers> buffers_;
  DialogueContext context_;
  Slab<Dialogue> dialogues_;  // by ConnectionInfo::session - 1
};

}  // namespace backscatter
