#include "agent/mail/sent_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace backscatter {
namespace {

constexpr std::uint64_t kLeastAdditions = std::uint64_t{1} << 20;

}  // namespace

SentFile::SentFile(std::string path)
    : kept_(std::move(path), {.what = "sent ledger", .where = "the ledger"}) {}

absl::StatusOr<LoadedSent> SentFile::Load(const SentLedgerOptions& wanted) const {
  absl::StatusOr<LoadedSent> loaded;
  const absl::Status read = kept_.Read([&](const ByteReader& bytes) {
    loaded = ReadSent(bytes, wanted);
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  if (!loaded.ok()) {
    return absl::Status(loaded.status().code(),
                        kept_.Name() + ": " + std::string(loaded.status().message()) +
                            "; what was sent has to be learnt anew (the next save replaces it)");
  }
  if (!loaded->note.empty()) loaded->note = kept_.Name() + ": " + loaded->note;
  return loaded;
}

absl::Status SentFile::Save(SentState& state) {
  state.ledger.RecordChanges();
  auto changes = state.ledger.TakeChanges();
  const bool grown = end_ - whole_end_ > std::max(kLeastAdditions, whole_end_);
  if (!changes || grown || !StillOurs()) return SaveWhole(state);
  return Append(SentAddition(state, *changes));
}

// False where the file was removed, replaced or cut since.
bool SentFile::StillOurs() const {
  struct stat ours = {};
  struct stat there = {};
  return file_.valid() && fstat(file_.get(), &ours) == 0 &&
         lstat(kept_.path().c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino && static_cast<std::uint64_t>(ours.st_size) == end_;
}

absl::Status SentFile::SaveWhole(const SentState& state) {
  file_ = FileDescriptor();
  absl::StatusOr<KeptFile::Written> written =
      kept_.Replace([&](const ByteWriter& write) { return WriteSent(state, write); });
  if (!written.ok()) return written.status();
  file_ = std::move(written->file);
  end_ = whole_end_ = written->bytes;
  ++wholes_;
  return absl::OkStatus();
}

absl::Status SentFile::Append(const std::string& bytes) {
  if (!WriteAllAt(file_.get(), bytes, end_) || fdatasync(file_.get()) != 0) {
    const int error = errno;
    // Where this fails too, a reader finds an unfinished addition and leaves it out.
    [[maybe_unused]] const int cut = ftruncate(file_.get(), static_cast<off_t>(end_));
    file_ = FileDescriptor();
    return kept_.CannotSave(error);
  }
  end_ += bytes.size();
  ++additions_;
  return absl::OkStatus();
}

}  // namespace backscatter
