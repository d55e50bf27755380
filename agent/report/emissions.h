// What we sent to others with a null sender, and why: an operator must find the cause before a
// blocklist does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "agent/detect/verdict.h"
#include "agent/mail/canonical_target.h"

namespace backscatter {

struct EmissionExample {
  std::string message_id;     // of the mail that it answers; its own where that is not known
  std::string received_from;  // address of the host that we had that mail from, or empty
};

struct EmittedCounts {
  std::uint64_t transactions = 0;                              // retries left out
  std::vector<std::pair<std::string, std::uint64_t>> causes;   // by count, then by name
  std::vector<std::pair<std::string, std::uint64_t>> domains;  // of recipients; likewise, cut
  std::size_t domains_known = 0;                               // before that cut
  std::uint64_t domains_not_counted = 0;                       // RCPTs beyond the cap
  std::vector<EmissionExample> examples;                       // the latest, newest first
};

// Counts transactions whose verdict is `emitted`.
class Emissions {
 public:
  static constexpr std::size_t kMaxDomains = 16'384;
  static constexpr std::size_t kMaxExamples = 20;

  void Count(const JudgedTransaction& judged);
  // `top` domains (0 = all).
  EmittedCounts Snapshot(std::size_t top) const;

 private:
  void CountDomains(const Transaction& transaction);
  void KeepExample(const JudgedTransaction& judged);

  std::uint64_t transactions_ = 0;
  std::uint64_t domains_not_counted_ = 0;
  absl::flat_hash_map<std::string_view, std::uint64_t> causes_;  // keys are constants
  absl::flat_hash_map<std::string, std::uint64_t> domains_;
  std::vector<EmissionExample> examples_;  // a ring
  std::size_t next_example_ = 0;
  CanonicalTarget canonical_;  // scratch
};

}  // namespace backscatter
