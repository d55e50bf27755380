// Counts per target, per source and per domain, exact up to a cap and heavy-hitter beyond it.
//
// What is counted is defined in ARCHITECTURE, "Definitions". Totals are always exact. Rows beyond a
// cap follow count_table.h; distinct counts are the pairs held, so never more than the truth.
//
// Memory grows with use. At the default caps, in bytes: a target 152 + its address + 11 to 21,
// a source 168 + 11 to 21, a domain 48 + its name + 11 to 21, a pair 11 to 21. Everything full:
// about 240 MB of targets, 190 MB of sources, 120 MB of domains, 64 MB for each set of pairs.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/ledger.h"
#include "agent/detect/verdict.h"
#include "agent/mail/canonical_target.h"
#include "agent/report/count_table.h"
#include "agent/report/emissions.h"
#include "agent/report/pair_set.h"
#include "agent/report/report.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

struct TallyOptions {
  std::size_t targets_capacity = 1'000'000;  // also of domains
  std::size_t sources_capacity = 1'000'000;
  std::size_t pairs_capacity = 4'000'000;  // of each set of pairs
  TargetOptions target;
  HashKey hash_key;  // give HashKey::Random() where input is hostile; no count depends on it
};

// Owned by one thread. Nothing is allocated for a transaction whose keys are known. The rows of a
// large table are rarely in the cache, so RCPTs are counted in small batches whose memory is asked
// for ahead; FillReport and MemoryBytes count what waits first.
class Tally final : public JudgedTransactionSink {
 public:
  Tally(const TallyOptions& options, Ledger* ledger);  // the ledger must outlive it
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  void OnTransaction(const JudgedTransaction& judged) override;
  void OnSession(const SessionSummary& session) override;
  // One that the operator told us to leave out.
  void CountIgnored(const Transaction& transaction);

  // Everything that is counted here: all of `report` but run, captures and the ledger. Lists get
  // at most `top` rows (0 = all). Cost: O(rows) plus the sort; may be called at any time.
  void FillReport(std::size_t top, Report& report);

  // How addresses that come from now on are named.
  void SetTarget(const TargetOptions& target);

  std::size_t MemoryBytes();
  // What that can grow to; while one table grows, half of it comes on top.
  static std::uint64_t MostBytes(const TallyOptions& options);

 private:
  struct AddressRow : KeyedRow {
    std::uint64_t accepted = 0;
    std::uint64_t deferred = 0;
    std::uint64_t refused = 0;
    std::uint64_t delivered = 0;
    double estimated = 0;
    PacketTime first = std::numeric_limits<PacketTime>::max();
    PacketTime last = std::numeric_limits<PacketTime>::min();
    std::uint32_t distinct = 0;
    std::uint32_t domain = kNoRow;  // of a target: the first domain it was counted under
    std::array<std::uint32_t, kVerdicts> verdicts{};  // RCPTs; they stay at their largest value

    void AddVerdict(Verdict verdict, std::uint32_t count) {
      std::uint32_t& sum = verdicts[static_cast<std::size_t>(verdict)];
      sum += std::min(count, std::numeric_limits<std::uint32_t>::max() - sum);
    }
  };
  struct DomainRow : KeyedRow {
    std::uint64_t unknown_user = 0;
    std::uint32_t sources = 0;
    std::uint32_t targets = 0;
    double estimated = 0;
  };
  // A target and the domain this RCPT counts under (for SRS the forwarder's).
  struct Place {
    std::uint32_t target;
    std::uint32_t domain;
  };
  // AddressRow::flags: the address was sent in its canonical form and counts under row.domain, so
  // a look-up of the raw path is enough.
  static constexpr std::uint16_t kSentAsIs = 1;

  // A null-sender RCPT that waits to be counted.
  struct Waiting {
    IpAddress source;
    std::uint32_t source_hash = 0;
    TextRef path;          // as sent; this and the next two in waiting_text_
    TextRef address = {};  // canonical, once resolved
    TextRef domain = {};
    std::uint32_t address_hash = 0;  // of the path until it is resolved
    bool resolved = false;
    bool sent_as_is = false;
    PacketTime at = 0;
    double weight = 1.0;
    std::uint32_t not_kept = 0;  // further RCPTs of this transaction that nobody kept
    std::uint16_t reply = 0;
    bool delivered = false;
    bool unknown_user = false;
    bool retry = false;
    Verdict verdict = Verdict::kUnknown;  // unless it is a retry
    std::uint32_t target_guess = kNoRow;
    std::uint32_t source_guess = kNoRow;
  };
  static constexpr std::size_t kBatch = 32;

  std::string_view WaitingText(TextRef ref) const {
    return std::string_view(waiting_text_).substr(ref.offset, ref.length);
  }
  TextRef StoreWaiting(std::string_view text) {
    const TextRef ref{static_cast<std::uint32_t>(waiting_text_.size()),
                      static_cast<std::uint32_t>(text.size())};
    waiting_text_.append(text);
    return ref;
  }
  static std::string_view KeyOfAddress(const IpAddress& address) {
    return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
  }

  void CountTotals(const Transaction& transaction);
  void CountJudgement(const JudgedTransaction& judged);
  void Wait(const JudgedTransaction& judged);
  void CountWaiting();
  void AskForMemory();
  void Count(Waiting& waiting);
  void CountPairs(Place place, std::uint32_t source);
  static void CountReply(const Waiting& waiting, AddressRow& row);

  void Resolve(Waiting& waiting);
  Place PlaceOf(Waiting& waiting);
  std::uint32_t TargetRow(std::string_view key, std::uint32_t hash);
  std::uint32_t SourceRow(const IpAddress& address, std::uint32_t hash);
  std::uint32_t DomainRowOf(std::string_view name);

  void PurgeTargets();
  void PurgeSources();
  void PurgeDomains();
  void RecountDistinct();

  void FillBounds(ErrorBounds& bounds) const;

  TargetOptions target_options_;
  Ledger& ledger_;
  Report totals_;  // only its totals are kept here

  Emissions emissions_;
  CountTable<AddressRow> targets_;
  CountTable<AddressRow> sources_;
  CountTable<DomainRow> domains_;
  PairSet target_sources_;
  PairSet domain_sources_;
  PairSet domain_targets_;                 // only for targets counted under a second domain
  std::uint64_t unplaced_recipients_ = 0;  // null-sender RCPTs the dialogue did not keep
  std::uint64_t pairs_lost_ = 0;
  std::uint64_t domain_pairs_lost_ = 0;

  std::vector<Waiting> waiting_;
  std::string waiting_text_;

  CanonicalTarget canonical_;           // scratch
  std::vector<std::uint32_t> new_ids_;  // scratch
};

// The snapshot: what the tally counted, what the ledger lost, and what the run was.
Report MakeReport(Tally& tally, const Ledger& ledger, RunInfo run,
                  std::vector<CaptureInfo> captures, std::size_t top);

}  // namespace backscatter
