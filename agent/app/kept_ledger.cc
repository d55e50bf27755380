#include "agent/app/kept_ledger.h"

#include <utility>

#include "agent/base/abseil_bridge.h"

namespace backscatter {

absl::StatusOr<KeptLedger> KeptLedger::Open(const std::string& path,
                                            const SentLedgerOptions& options) {
  KeptLedger kept;
  if (!path.empty()) {
    kept.file_ = std::make_unique<SentFile>(path);
    absl::StatusOr<LoadedSent> loaded = kept.file_->Load(options);
    if (loaded.ok()) {
      kept.state_ = std::move(loaded->state);
      kept.warning_ = std::move(loaded->note);
      return kept;
    }
    const absl::Status& status = loaded.status();
    const bool unusable = absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
    if (!unusable && !absl::IsNotFound(status)) return status;
    if (unusable) {
      absl::StatusOr<std::string> aside = kept.file_->kept().PutAside(status);
      if (!aside.ok()) return aside.status();
      kept.warning_ = *std::move(aside) + ", and a new ledger begins";
    }
  }
  kept.state_ = std::make_unique<SentState>(options);
  return kept;
}

absl::Status KeptLedger::Save() {
  return file_ != nullptr ? file_->Save(*state_) : absl::OkStatus();
}

}  // namespace backscatter
