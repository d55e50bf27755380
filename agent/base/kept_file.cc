#include "agent/base/kept_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/base/escape.h"

namespace backscatter {
namespace {

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

// Root's save must not take the file away from the user that the service runs as: in a folder of
// that user the new file is his too. Anywhere else nobody is given what was learnt.
bool KeepOwner(int fd, const std::string& path, const struct stat& before) {
  struct stat folder = {};
  if (geteuid() != 0 || before.st_uid == 0) return true;
  if (stat(FolderOf(path).c_str(), &folder) != 0) return false;
  if (folder.st_uid != before.st_uid || (folder.st_mode & S_IWOTH) != 0) return true;
  return fchown(fd, before.st_uid, before.st_gid) == 0;
}

}  // namespace

bool WriteAllAt(int fd, std::string_view bytes, std::uint64_t at) {
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

std::string KeptFile::Name() const { return EscapeForTerminal(path_); }

absl::Status KeptFile::Read(const std::function<absl::Status(const ByteReader&)>& parse) const {
  const FileDescriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid() && errno == ENOENT) {
    return absl::NotFoundError(Name() + ": there is no " + std::string(words_.what) + " yet");
  }
  const auto cannot_read = [&](int error) {
    return absl::PermissionDeniedError(Name() + ": cannot be read: " + std::strerror(error));
  };
  if (!file.valid()) return cannot_read(errno);
  struct stat status = {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(Name() + ": is not a file; name another for " +
                                         std::string(words_.where));
  }
  int error = 0;
  const absl::Status parsed = parse(
      [&](char* bytes, std::size_t size) { return ReadUpTo(file.get(), bytes, size, error); });
  return error != 0 ? cannot_read(error) : parsed;
}

absl::StatusOr<std::string> KeptFile::PutAside(const absl::Status& why) const {
  const std::string aside = path_ + ".damaged";
  const std::string text(why.message());
  struct stat there = {};
  if (stat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) return why;
  if (std::rename(path_.c_str(), aside.c_str()) != 0) {
    return absl::PermissionDeniedError(text + "; it cannot be moved to " +
                                       EscapeForTerminal(aside) + ": " + std::strerror(errno));
  }
  return text + "; it is now " + EscapeForTerminal(aside);
}

absl::Status KeptFile::CannotSave(int error) const {
  const std::string what = Name() + ": the " + std::string(words_.what) +
                           " cannot be saved: " + std::strerror(error) +
                           "; an earlier save stays valid, ";
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    return absl::ResourceExhaustedError(what + "make room for the next");
  }
  return absl::PermissionDeniedError(what + "see that " + EscapeForTerminal(FolderOf(path_)) +
                                     " is there and can be written");
}

absl::StatusOr<KeptFile::Written> KeptFile::Replace(
    const std::function<bool(const ByteWriter&)>& write) const {
  struct stat there = {};
  const bool replaces = stat(path_.c_str(), &there) == 0;
  if (replaces && !S_ISREG(there.st_mode)) {
    return absl::FailedPreconditionError(Name() + ": is not a file; name another for " +
                                         std::string(words_.where));
  }
  const std::string next = path_ + ".new";
  unlink(next.c_str());  // of a save that was killed
  Written out{.file =
                  FileDescriptor(open(next.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600))};
  const int fd = out.file.get();
  if (!out.file.valid()) return CannotSave(errno);
  const bool written = write([&](std::string_view bytes) {
    if (!WriteAllAt(fd, bytes, out.bytes)) return false;
    out.bytes += bytes.size();
    return true;
  });
  const bool owned = !replaces || KeepOwner(fd, path_, there);
  if (!written || !owned || fsync(fd) != 0 || std::rename(next.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(next.c_str());
    return CannotSave(error);
  }
  if (!SyncFolderOf(path_)) return CannotSave(errno);
  return out;
}

}  // namespace backscatter
