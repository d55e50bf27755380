#include "agent/mail/sent_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr std::uint64_t kLeastAdditions = std::uint64_t{1} << 20;

// False with errno where not everything was written.
bool WriteAll(int fd, std::string_view bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return true;
}

std::size_t ReadUpTo(int fd, char* bytes, std::size_t size, int& error) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, bytes + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A rename lasts once its folder is on the disk. Some file systems know no such thing: no error.
bool SyncFolderOf(const std::string& path) {
  const int fd = open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES;  // a folder that may be entered, but not read
  const bool synced = fsync(fd) == 0 || errno == EINVAL;
  const int error = errno;
  close(fd);
  errno = error;
  return synced;
}

// Root's save must not take the ledger away from the user that the service runs as: in a folder
// of that user the new file is his too. Anywhere else nobody is given what was learnt.
bool KeepOwner(int fd, const std::string& path, const struct stat& before) {
  struct stat folder = {};
  if (geteuid() != 0 || before.st_uid == 0) return true;
  if (stat(FolderOf(path).c_str(), &folder) != 0) return false;
  if (folder.st_uid != before.st_uid || (folder.st_mode & S_IWOTH) != 0) return true;
  return fchown(fd, before.st_uid, before.st_gid) == 0;
}

}  // namespace

SentFile::~SentFile() { Close(); }

void SentFile::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

// ---- loading ------------------------------------------------------------------------------------

absl::StatusOr<LoadedSent> SentFile::Load(const SentLedgerOptions& wanted) const {
  const std::string name = EscapeForTerminal(path_);
  const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT) return absl::NotFoundError(name + ": there is no sent ledger yet");
  if (fd < 0) {
    return absl::PermissionDeniedError(name + ": cannot be read: " + std::strerror(errno));
  }
  struct stat status = {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return absl::FailedPreconditionError(name + ": is not a file; name another for the ledger");
  }
  int error = 0;
  auto loaded = ReadSent(
      [&](char* bytes, std::size_t size) { return ReadUpTo(fd, bytes, size, error); }, wanted);
  close(fd);
  if (error != 0) {
    return absl::PermissionDeniedError(name + ": cannot be read: " + std::strerror(error));
  }
  if (!loaded.ok()) {
    return absl::Status(loaded.status().code(),
                        name + ": " + std::string(loaded.status().message()) +
                            "; what was sent has to be learnt anew (the next save replaces it)");
  }
  if (!loaded->note.empty()) loaded->note = name + ": " + loaded->note;
  return loaded;
}

// ---- saving -------------------------------------------------------------------------------------

absl::Status SentFile::CannotSave(int error) const {
  const std::string name = EscapeForTerminal(path_);
  std::string what = name + ": the sent ledger cannot be saved: " + std::strerror(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(what +
                                        "; an earlier save stays valid, make room for the next");
  }
  return absl::PermissionDeniedError(what + "; an earlier save stays valid, see that " +
                                     EscapeForTerminal(FolderOf(path_)) +
                                     " is there and can be written");
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
  return fd_ >= 0 && fstat(fd_, &ours) == 0 && lstat(path_.c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino &&
         static_cast<std::uint64_t>(ours.st_size) == end_;
}

absl::Status SentFile::SaveWhole(const SentState& state) {
  Close();
  struct stat there = {};
  const bool replaces = stat(path_.c_str(), &there) == 0;
  if (replaces && !S_ISREG(there.st_mode)) {
    return absl::FailedPreconditionError(EscapeForTerminal(path_) +
                                         ": is not a file; name another for the ledger");
  }
  const std::string next = path_ + ".new";
  unlink(next.c_str());  // of a save that was killed
  const int fd = open(next.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return CannotSave(errno);
  std::uint64_t at = 0;
  const bool written = WriteSent(state, [&](std::string_view bytes) {
    if (!WriteAll(fd, bytes, at)) return false;
    at += bytes.size();
    return true;
  });
  const bool owned = !replaces || KeepOwner(fd, path_, there);
  if (!written || !owned || fsync(fd) != 0 || std::rename(next.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    close(fd);
    unlink(next.c_str());
    return CannotSave(error);
  }
  fd_ = fd;
  end_ = whole_end_ = at;
  ++wholes_;
  return SyncFolderOf(path_) ? absl::OkStatus() : CannotSave(errno);
}

absl::Status SentFile::Append(const std::string& bytes) {
  if (!WriteAll(fd_, bytes, end_) || fdatasync(fd_) != 0) {
    const int error = errno;
    // Where this fails too, a reader finds an unfinished addition and leaves it out.
    [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(end_));
    Close();
    return CannotSave(error);
  }
  end_ += bytes.size();
  ++additions_;
  return absl::OkStatus();
}

}  // namespace backscatter
