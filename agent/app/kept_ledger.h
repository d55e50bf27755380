// The sent ledger of a run: from a file if there is one, and back.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/mail/sent_file.h"
#include "agent/mail/sent_format.h"

namespace backscatter {

class KeptLedger {
 public:
  // Without a path it lives in memory only. A file that is damaged, or is none of ours, is moved to
  // PATH.damaged and a new ledger begun: `warning` says so. An error where the file cannot be read
  // or moved.
  static absl::StatusOr<KeptLedger> Open(const std::string& path, const SentLedgerOptions& options);

  SentState& state() { return *state_; }
  const std::string& warning() const { return warning_; }
  // Does nothing without a path.
  absl::Status Save();

 private:
  KeptLedger() = default;

  std::unique_ptr<SentFile> file_;
  std::unique_ptr<SentState> state_;
  std::string warning_;
};

}  // namespace backscatter
