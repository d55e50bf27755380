#include "agent/app/kept_floods.h"

#include <utility>

#include "agent/base/abseil_bridge.h"

namespace backscatter {

absl::StatusOr<KeptFloods> KeptFloods::Open(const std::string& path, const FloodOptions& options) {
  KeptFloods kept;
  kept.read_ = std::make_unique<FloodState>(options);
  if (path.empty()) return kept;
  kept.file_ = std::make_unique<KeptFile>(
      path, KeptFile::Words{.what = "file of floods", .where = "the floods"});
  absl::Status why;  // it cannot be used
  const absl::Status read = kept.file_->Read([&](const ByteReader& bytes) {
    absl::StatusOr<FloodState> state = ReadFloodState(bytes, options);
    if (state.ok()) {
      *kept.read_ = *std::move(state);
    } else {
      why = state.status();
    }
    return absl::OkStatus();
  });
  if (absl::IsNotFound(read)) return kept;
  if (!read.ok() && !absl::IsFailedPrecondition(read)) return read;
  if (!read.ok() || !why.ok()) {
    if (read.ok()) {
      why = absl::Status(why.code(), kept.file_->Name() + ": " + std::string(why.message()));
    }
    absl::StatusOr<std::string> aside = kept.file_->PutAside(read.ok() ? why : read);
    if (!aside.ok()) return aside.status();
    kept.warning_ =
        *std::move(aside) + ", and what is usual is learnt anew; floods that were on begin anew";
  }
  return kept;
}

absl::Status KeptFloods::Save(const FloodState& state) {
  if (file_ == nullptr) return absl::OkStatus();
  return file_->Replace([&](const ByteWriter& write) { return WriteFloodState(state, write); })
      .status();
}

}  // namespace backscatter
