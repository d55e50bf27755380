// Gathers what is known about an inbound transaction, and learns from outbound ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/evidence.h"
#include "agent/detect/loop_memory.h"
#include "agent/detect/our_hosts.h"
#include "agent/detect/recent_table.h"
#include "agent/detect/tagging_domains.h"
#include "agent/mail/batv.h"
#include "agent/mail/canonical_target.h"
#include "agent/mail/direction.h"
#include "agent/mail/sent_coverage.h"
#include "agent/mail/sent_ledger.h"
#include "agent/mail/srs.h"
#include "agent/mail/verp.h"

namespace backscatter {

// What the detector of floods knows of a target, as of its last tick.
class FloodView {
 public:
  virtual ~FloodView() = default;
  // A flood on it is on, from at least ten source networks.
  virtual bool IsFlooded(std::string_view canonical_target) const = 0;
};

struct EvidenceOptions {
  LocalNetworks local;
  std::vector<std::string> relays;
  BatvKeys batv_keys;
  SrsDomains srs_domains;
  VerpPatterns verp_patterns;
  std::int64_t min_history_ns = 0;
  double min_coverage = 0.95;
  bool feed_tells_all = false;  // what is sent is told to us, so its sessions need not be readable
  std::size_t loops_capacity = 65'536;  // also of reports of ours
  HashKey hash_key;
};

// At most this many look-ups of Message-IDs, references and pairs for one message: a hostile one
// must not buy a match by asking often (each look-up is wrong with a chance of up to 1e-5).
inline constexpr std::size_t kMaxLookups = 8;

// Not thread-safe. `ledger` and `coverage` must outlive it.
class EvidenceCollector {
 public:
  EvidenceCollector(EvidenceOptions options, SentLedger* ledger, SentCoverage* coverage);

  // Rules, lists and keys from now on; what was learnt and the sizes of tables stay.
  void Reconfigure(EvidenceOptions options);

  // Null: no flood is known.
  void SetFloods(const FloodView* floods) { floods_ = floods; }

  // What will be asked of the ledger is fetched from main memory meanwhile. To be called a while
  // before Collect of the same transaction, with no other between them. Called again for it, does
  // nothing until Forget.
  void Prepare(const Transaction& transaction);
  void Forget() { prepared_ = {}; }
  // Views into `transaction`.
  Evidence Collect(const Transaction& transaction);

  // A mail of ours with a sender: outbound, or submitted to us.
  void LearnSent(const Transaction& transaction, MailDirection direction);
  // A null-sender message that went out.
  void LearnEmitted(const Transaction& transaction);
  // An outbound session that ended.
  void LearnSession(const SessionSummary& session);

  // For the coverage gate: how much of what we sent is in the ledger, 0 to 1, without what could
  // not be read and what was dropped for want of capacity; nullopt while the history is too short.
  std::optional<double> SeenShare(PacketTime now) const;

  const OurHosts& hosts() const { return hosts_; }
  std::size_t MemoryBytes() const { return loops_.MemoryBytes() + our_reports_.MemoryBytes(); }
  static std::uint64_t MostBytes(const EvidenceOptions& options) {
    return LoopMemory::MostBytes(options.loops_capacity) +
           RecentTable<Nothing>::MostBytes(options.loops_capacity);
  }

 private:
  struct Nothing {};
  // Which transaction: objects are used again.
  struct Prepared {
    const Transaction* transaction = nullptr;
    PacketTime start = 0;
    std::size_t recipients = 0;
    bool operator==(const Prepared&) const = default;
  };
  void CollectRecipients(Evidence& evidence);
  void CollectFacts(Evidence& evidence);
  bool AnySent(const std::vector<std::string>& message_ids) const;
  void PreparePairs(const MessageFacts& facts);
  bool AnyPairSent() const;

  EvidenceOptions options_;
  SentLedger& ledger_;
  SentCoverage& coverage_;
  const FloodView* floods_ = nullptr;
  OurHosts hosts_;
  TaggingDomains tagging_;
  LoopMemory loops_;
  RecentTable<Nothing> our_reports_;  // their Message-IDs
  CanonicalTarget canonical_;         // scratch
  // Of the transaction under way: its recipients as the ledger knows them, and the pairs to look
  // up.
  Prepared prepared_;
  std::vector<SentLedger::Key> addresses_;
  std::vector<SentLedger::Key> pairs_;
};

}  // namespace backscatter
