#include "agent/app/secret_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_format.h"

#include "agent/base/escape.h"
#include "agent/base/file_descriptor.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxKey = 4096;
constexpr mode_t kOthersReadOrWrite = S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;

// How an error names the file.
std::string Place(std::string_view config_key, const std::string& path) {
  return std::string(config_key) + ": " + EscapeForTerminal(path) + ": ";
}
absl::Status Refuse(const std::string& place, const std::string& why) {
  return absl::InvalidArgumentError(place + why);
}

absl::Status CheckMode(const std::string& place, int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Refuse(place, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Refuse(place, "a key is read from a plain file only");
  if ((info.st_mode & kOthersReadOrWrite) != 0) {
    return Refuse(place, absl::StrFormat("others than its owner can read or write this key (mode "
                                         "%04o); chmod 600 it",
                                         info.st_mode & 07777));
  }
  return absl::OkStatus();
}

// A run of root must not keep the key from the user that the service runs as: in a folder of that
// user it is his.
bool GiveToOwnerOfFolder(int fd, const std::string& path) {
  if (geteuid() != 0) return true;
  const std::string folder = std::filesystem::path(path).parent_path();
  struct stat about {};
  if (stat(folder.empty() ? "." : folder.c_str(), &about) != 0) return false;
  if (about.st_uid == 0 || (about.st_mode & S_IWOTH) != 0) return true;
  return fchown(fd, about.st_uid, about.st_gid) == 0;
}

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(std::string_view config_key, const std::string& path) {
  const std::string place = Place(config_key, path);
  // Without waiting for the writer of a named pipe.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) {
    return absl::NotFoundError(place + std::strerror(errno));
  }
  if (!file.valid()) return Refuse(place, std::strerror(errno));
  if (absl::Status status = CheckMode(place, file.get()); !status.ok()) return status;
  std::string key;
  std::array<char, kMaxKey> buffer;
  ssize_t length;
  while ((length = read(file.get(), buffer.data(), buffer.size())) != 0) {
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return Refuse(place, std::strerror(errno));
    key.append(buffer.data(), static_cast<std::size_t>(length));
    if (key.size() > kMaxKey) {
      return Refuse(place, absl::StrFormat("over %d octets: this is no key", kMaxKey));
    }
  }
  if (key.ends_with('\n')) key.pop_back();
  if (key.ends_with('\r')) key.pop_back();
  if (key.empty()) return Refuse(place, "holds no key");
  return key;
}

absl::Status MakeSecretFile(std::string_view config_key, const std::string& path) {
  const std::string place = Place(config_key, path);
  std::array<std::uint8_t, 32> octets;
  if (getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size())) {
    return absl::UnavailableError(place + "no random octets: " + std::strerror(errno));
  }
  std::string text;
  for (const std::uint8_t octet : octets) absl::StrAppendFormat(&text, "%02x", octet);
  text += '\n';
  const std::string aside = path + ".new";
  (void)unlink(aside.c_str());
  const int fd = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return absl::PermissionDeniedError(place + std::strerror(errno));
  bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = written && GiveToOwnerOfFolder(fd, path);
  written = fsync(fd) == 0 && written;
  written = close(fd) == 0 && written;
  // Not rename: a key that came meanwhile stays.
  if (written && link(aside.c_str(), path.c_str()) != 0) written = false;
  const int error = errno;
  (void)unlink(aside.c_str());
  if (written) return absl::OkStatus();
  return absl::PermissionDeniedError(place + "cannot be made: " + std::strerror(error));
}

}  // namespace backscatter
