// What a running agent counts for its metrics, beside the tally of the report: totals by all that
// metrics tell apart, and short lists of the most frequent targets, source networks and domains.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/distinct_counter.h"
#include "agent/detect/rolling_count.h"
#include "agent/detect/verdict.h"
#include "agent/mail/canonical_target.h"
#include "agent/mail/direction.h"
#include "agent/report/live_snapshot.h"
#include "agent/report/live_table.h"
#include "agent/report/our_domains.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

struct LiveCountsOptions {
  std::size_t top = 20;  // rows of each list
  std::uint64_t prefix_v4 = 24;
  std::uint64_t prefix_v6 = 48;
  TargetOptions target = {};
  LocalNetworks local = {};
  std::vector<std::string> local_domains = {};  // canonical; empty: they are learnt
  HashKey hash_key = {};
};

// Time is that of the transactions' ends. Owned by one thread. A transaction with a sender costs
// some counters; a null-sender RCPT some hundred nanoseconds. Bounded: see MostBytes.
class LiveCounts final : public JudgedTransactionSink {
 public:
  explicit LiveCounts(const LiveCountsOptions& options);

  void OnTransaction(const JudgedTransaction& judged) override;
  void OnSession(const SessionSummary& session) override;

  // Rules and names from now on; counts and sizes stay. The prefixes hold for what comes.
  void Reconfigure(const LiveCountsOptions& options);

  // Fills in what is counted here: totals, lists (without labels), emissions, windows.
  // `snapshot.number` must be set; `scraped` is the number of the newest snapshot that a scrape
  // has seen. To be called once a second: O(rows), about a microsecond each and some more for
  // distinct numbers of rows that changed.
  void Fill(PacketTime now, std::uint64_t scraped, LiveSnapshot& snapshot);

  // Whom a RCPT is for; `domain` is empty where it is not ours. Valid until the next call of this.
  struct Place {
    std::string_view address;
    std::string_view domain;
  };
  Place PlaceOf(std::string_view path) {
    Resolve(path);
    return {address_, ours_.Contains(domain_) ? domain_ : std::string_view()};
  }
  // Whether a canonical domain is one of ours.
  bool IsOurs(std::string_view domain) const { return ours_.Contains(domain); }
  // A run before this one saw mail taken for it.
  void LearnDomain(std::string_view domain) { ours_.Learn(domain); }

  // Sources that were not told apart for want of sketches.
  std::uint64_t sketches_refused() const { return budget_.refused; }
  // Of all lists, with what waits beside them.
  std::size_t rows() const { return targets_.size() + networks_.size() + domains_.size(); }
  static std::uint64_t MostBytes(std::size_t top);

 private:
  using HourDistinct = RollingDistinct<12, 5 * kMinute>;

  // Where the mail of one thing comes from. Most things that are not on a list get one mail and no
  // more: there is nothing to be allocated for those.
  class Distinct {
   public:
    void Add(PacketTime at, std::uint64_t source, std::uint64_t network, SketchBudget& budget);
    void Estimate(PacketTime now);
    double sources() const { return sources_estimate_; }
    double networks() const { return networks_estimate_; }
    void GiveUp(SketchBudget& budget);
    void ClearOld(PacketTime now, SketchBudget& budget);

   private:
    struct Rings {
      HourDistinct sources;
      HourDistinct networks;
    };
    PacketTime first_at_ = 0;
    std::uint64_t first_source_ = 0;
    std::uint64_t first_network_ = 0;
    bool any_ = false;
    bool changed_ = false;
    std::unique_ptr<Rings> rings_;  // from the second one on
    double sources_estimate_ = 0;
    double networks_estimate_ = 0;
    PacketTime estimated_at_ = 0;
  };
  struct TargetState {
    std::string domain;  // that it was last counted under
    LiveCount recipients;
    Distinct distinct;

    void BeginCounts() { recipients = {}; }
    void GiveUp(SketchBudget& budget) { distinct.GiveUp(budget); }
    void ClearOld(PacketTime now, SketchBudget& budget) { distinct.ClearOld(now, budget); }
  };
  struct NetworkState {
    LiveCount recipients;

    void BeginCounts() { recipients = {}; }
    void GiveUp(SketchBudget&) {}
    void ClearOld(PacketTime, SketchBudget&) {}
  };
  struct DomainState {
    ReplyCounts replies;
    LiveCount unknown_users;
    Distinct distinct;

    void BeginCounts() {
      replies = {};
      unknown_users = {};
    }
    void GiveUp(SketchBudget& budget) { distinct.GiveUp(budget); }
    void ClearOld(PacketTime now, SketchBudget& budget) { distinct.ClearOld(now, budget); }
  };
  // Of one transaction.
  struct From {
    PacketTime at;
    std::int64_t part;  // of LiveWindowCounts
    double weight;
    std::uint64_t source_key;
    std::uint64_t network_key;
  };

  void CountReceived(const Transaction& transaction);
  void CountRecipient(const From& from, const Recipient& recipient, std::string_view path);
  void CountNetwork(const From& from, const Transaction& transaction, std::size_t recipients);
  // Sets address_ and domain_ (views of `path` or of canonical_).
  void Resolve(std::string_view path);
  void LearnDomains(const Transaction& transaction);

  LiveCountsOptions options_;
  OurDomains ours_;
  LiveTotals totals_;
  bool weighted_ = false;
  LiveWindowCounts recipients_;
  SketchBudget budget_;
  LiveTable<TargetState> targets_;
  LiveTable<NetworkState> networks_;
  LiveTable<DomainState> domains_;
  std::vector<LiveEmission> emissions_;

  CanonicalTarget canonical_;  // scratch, and views into it or into a path
  std::string_view address_;
  std::string_view domain_;
};

}  // namespace backscatter
