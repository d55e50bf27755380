// The bytes of a sent ledger's file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/record_blocks.h"
#include "agent/mail/sent_coverage.h"
#include "agent/mail/sent_ledger.h"

namespace backscatter {

// Everything that is kept from one run to the next.
struct SentState {
  explicit SentState(const SentLedgerOptions& options)
      : ledger(options), coverage(options.window_ns, options.key) {}
  SentLedger ledger;
  SentCoverage coverage;
};

// All numbers little endian. A file is a whole state, and what was added since:
//   file    = head state names* sealed (state names*)*
//   block   = see record_blocks.h, "SLB1"                     size at most kMaxSentBlock
//   head    = version:u32 0:u32 capacity:u64 window_ns:i64 key:2 * u64
//   state   = newest:i64 first:i64 learnt:u64 mails:u64 refused:u64 dropped:8 * u64 covered:u64
//             coverage_newest:i64 rows:u64 row*        (the last state counts)
//   row     = has_client:u64 address:16 slice_start:i64 readable:u64 all:u64
//   names   = slice_start:i64 count:u64, then the names, rising: each minus the one before it, in
//             groups of 7 bits, the lowest first, 0x80 set in all but the last
//   sealed  = nothing: up to here the file was put in place at once
inline constexpr std::size_t kMaxSentBlock = std::size_t{4} << 20;

// The whole; false where the writer said so. Memory: 8 bytes a key of one slice, and a block.
bool WriteSent(const SentState& state, const ByteWriter& write);
// What is to be added to a file for `changes`, which is sorted on return.
std::string SentAddition(const SentState& state, std::vector<SentLedger::Change>& changes);

struct LoadedSent {
  std::unique_ptr<SentState> state;
  std::uint64_t unfinished_bytes = 0;  // of an addition that was cut off, at the end
  std::string note;                    // what of `wanted` is not followed, or empty
};

// Nothing that the bytes say is believed before it is checked; memory grows with what is there.
// DataLoss where they are damaged, cut off before `sealed`, or no ledger; FailedPrecondition for a
// later version. The window is that of `wanted`, key and capacity are those of the file.
absl::StatusOr<LoadedSent> ReadSent(const ByteReader& read, const SentLedgerOptions& wanted);

}  // namespace backscatter
