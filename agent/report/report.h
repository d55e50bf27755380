// The report as plain data: what the table and the JSON document are written from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/detect/verdict.h"
#include "agent/report/emissions.h"
#include "agent/report/sent_summary.h"

namespace backscatter {

struct RunInfo {
  std::string source = {};  // "file", "pcap", "bpf"
  std::vector<std::string> interfaces = {};
  bool has_time = false;  // false: not one packet was seen, start and end mean nothing
  PacketTime start = 0;
  PacketTime end = 0;
  double sampling = 1.0;  // the ratio; below 1 the report has estimates beside its counts
};

struct CaptureInfo {
  std::string file = {};
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  PacketTime first = 0;  // meaningful where packets > 0
  PacketTime last = 0;
  std::vector<std::uint32_t> link_types = {};
  std::string error = {};  // empty = read to its end
};

struct SessionTotals {
  std::uint64_t total = 0;  // plain + encrypted
  std::uint64_t plain = 0;
  std::uint64_t encrypted = 0;
  std::uint64_t one_sided = 0;
  std::uint64_t mid_stream = 0;
  std::uint64_t with_gaps = 0;
};

// One count a verdict. Retries have none.
using VerdictCounts = std::array<std::uint64_t, kVerdicts>;

struct TransactionTotals {
  std::uint64_t total = 0;  // accepted + rejected + aborted + unfinished
  std::uint64_t null_sender = 0;
  std::uint64_t null_sender_recipients = 0;
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t aborted = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t retries = 0;  // total = retries + the sum of all verdicts
  std::uint64_t ignored = 0;  // beside the total: in no other number
};

// Sums of weights, beside the counts of the same names.
struct Estimates {
  double sessions = 0;
  double plain = 0;
  double encrypted = 0;
  double transactions = 0;
  double null_sender = 0;
  double accepted = 0;
  double rejected = 0;
  double aborted = 0;
  double unfinished = 0;
  double retries = 0;
  double ignored = 0;
  std::array<double, kVerdicts> verdicts = {};
};

// Null-sender RCPTs of one target, or from one source.
struct AddressCounts {
  std::string address = {};
  std::uint64_t recipients = 0;  // accepted + deferred + refused + unknown
  std::uint64_t accepted = 0;
  std::uint64_t deferred = 0;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t delivered = 0;
  std::uint64_t distinct = 0;    // sources of a target, targets of a source
  std::uint64_t undercount = 0;  // the truth is at most recipients + undercount
  double estimated_recipients = 0;
  PacketTime first = 0;  // of the MAIL commands
  PacketTime last = 0;
  VerdictCounts verdicts = {};  // RCPTs; recipients = their sum + the RCPTs of retries
};

struct DomainCounts {
  std::string domain = {};  // "-" for addresses without one
  std::uint64_t recipients = 0;
  std::uint64_t unknown_user = 0;
  std::uint64_t sources = 0;
  std::uint64_t targets = 0;
  std::uint64_t undercount = 0;
  double estimated_recipients = 0;
};

// By how much any row, listed or not, can be below the truth. All zero: every count is exact.
struct ErrorBounds {
  std::uint64_t targets = 0;  // recipients
  std::uint64_t sources = 0;
  std::uint64_t domains = 0;
  std::uint64_t distinct = 0;         // sources of a target, targets of a source
  std::uint64_t domain_distinct = 0;  // sources and targets of a domain

  bool exact() const { return (targets | sources | domains | distinct | domain_distinct) == 0; }
};

struct Report {
  RunInfo run;
  std::vector<CaptureInfo> captures;
  SessionTotals sessions;
  TransactionTotals transactions;
  std::uint64_t recipients = 0;  // every RCPT command
  double estimated_recipients = 0;
  double estimated_null_sender_recipients = 0;
  Estimates estimates;
  bool weighted = false;        // some session or transaction stands for more than itself
  VerdictCounts verdicts = {};  // transactions
  EmittedCounts emitted;
  SentSummary sent;
  std::vector<Flood> floods;  // those that are on and the latest that ended, by start
  // Sorted by recipients, highest first, then by name; cut to the length asked for.
  std::vector<AddressCounts> targets;
  std::vector<AddressCounts> sources;
  std::vector<DomainCounts> domains;
  // Rows before that cut.
  std::size_t targets_known = 0;
  std::size_t sources_known = 0;
  std::size_t domains_known = 0;
  ErrorBounds error_bounds;
  Ledger ledger;

  // Also where all is looked at now, but was not always.
  bool sampled() const { return run.sampling != 1.0 || weighted; }
};

}  // namespace backscatter
