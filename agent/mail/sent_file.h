// The sent ledger on disk: what was learnt outlives the process, a crash and a full disk.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/base/kept_file.h"
#include "agent/mail/sent_format.h"

namespace backscatter {

// The first Save, the first one in a new slice, and one after additions have grown as long as the
// rest, replace the file (KeptFile). The others only add what changed since, at the end, and sync:
// a crash at any moment leaves the last finished Save (and, of an addition, what of it reached the
// disk).
// Every error names the file, why, and what to do; the file then still holds an earlier Save, and
// the next Save tries to write the whole. Another process that saves to the same path is no danger
// to the form of the file; the last one wins. Not thread-safe; Save blocks for the disk.
class SentFile {
 public:
  explicit SentFile(std::string path);

  // NotFound where there is no file; DataLoss or FailedPrecondition where it cannot be used (the
  // next Save replaces it); else PermissionDenied.
  absl::StatusOr<LoadedSent> Load(const SentLedgerOptions& wanted) const;
  absl::Status Save(SentState& state);
  const KeptFile& kept() const { return kept_; }

  std::uint64_t bytes() const { return end_; }      // of the file, after a Save
  std::uint64_t wholes() const { return wholes_; }  // saves that wrote everything
  std::uint64_t additions() const { return additions_; }

 private:
  absl::Status SaveWhole(const SentState& state);
  absl::Status Append(const std::string& bytes);
  bool StillOurs() const;

  const KeptFile kept_;
  FileDescriptor file_;  // as we wrote it; none: the next Save writes the whole
  std::uint64_t end_ = 0;
  std::uint64_t whole_end_ = 0;  // where the additions begin
  std::uint64_t wholes_ = 0;
  std::uint64_t additions_ = 0;
};

}  // namespace backscatter
