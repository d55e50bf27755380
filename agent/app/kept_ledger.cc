#include "agent/app/kept_ledger.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/base/abseil_bridge.h"
#include "agent/base/escape.h"

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
      const std::string aside = path + ".damaged";
      if (std::rename(path.c_str(), aside.c_str()) != 0) {
        return absl::PermissionDeniedError(std::string(status.message()) + "; it cannot be moved " +
                                           "to " + EscapeForTerminal(aside) + ": " +
                                           std::strerror(errno));
      }
      kept.warning_ = std::string(status.message()) + "; it is now " + EscapeForTerminal(aside) +
                      ", and a new ledger begins";
    }
  }
  kept.state_ = std::make_unique<SentState>(options);
  return kept;
}

absl::Status KeptLedger::Save() {
  return file_ != nullptr ? file_->Save(*state_) : absl::OkStatus();
}

}  // namespace backscatter
