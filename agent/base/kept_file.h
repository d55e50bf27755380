// A file in which something is kept from one run to the next.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/base/record_blocks.h"

namespace backscatter {

// One path. A Replace writes PATH.new, syncs it and renames it over PATH: a crash at any moment
// leaves what was there or what is new, whole. It is readable by its owner only, who stays the same
// when root replaces it in a folder of his. Every error names the file, why, and what to do.
class KeptFile {
 public:
  struct Words {
    std::string_view what;   // "sent ledger"
    std::string_view where;  // "the ledger": of whom another file is to be named
  };
  KeptFile(std::string path, const Words& words) : path_(std::move(path)), words_(words) {}

  const std::string& path() const { return path_; }
  // As a message shows it.
  std::string Name() const;

  // NotFound where there is no file, FailedPrecondition where it is none, PermissionDenied where it
  // cannot be read; else what `parse` says.
  absl::Status Read(const std::function<absl::Status(const ByteReader&)>& parse) const;

  struct Written {
    FileDescriptor file;  // for reading and writing
    std::uint64_t bytes = 0;
  };
  absl::StatusOr<Written> Replace(const std::function<bool(const ByteWriter&)>& write) const;

  // Moves a file that cannot be used to PATH.damaged; says why, and that. What is no file (a
  // folder, /dev/null) was not made by us and stays: `why` is the error then.
  absl::StatusOr<std::string> PutAside(const absl::Status& why) const;

  // ResourceExhausted for a full disk, else PermissionDenied; `error`: an errno.
  absl::Status CannotSave(int error) const;

 private:
  const std::string path_;
  const Words words_;
};

// False with errno where not everything was written.
bool WriteAllAt(int fd, std::string_view bytes, std::uint64_t at);

}  // namespace backscatter
