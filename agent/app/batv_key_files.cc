#include "agent/app/batv_key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

#include "agent/base/ascii.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxKey = 4096;
constexpr mode_t kOthersReadOrWrite = S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;

class OpenKeyFile {
 public:
  // Without waiting for the writer of a named pipe.
  explicit OpenKeyFile(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenKeyFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenKeyFile(const OpenKeyFile&) = delete;
  OpenKeyFile& operator=(const OpenKeyFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::Status Refuse(const std::string& path, const std::string& why) {
  return absl::InvalidArgumentError("batv.keys: " + EscapeForTerminal(path) + ": " + why);
}

absl::Status CheckMode(const std::string& path, int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Refuse(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Refuse(path, "a key is read from a plain file only");
  if ((info.st_mode & kOthersReadOrWrite) != 0) {
    return Refuse(path, absl::StrFormat("others than its owner can read or write this key (mode "
                                        "%04o); chmod 600 it",
                                        info.st_mode & 07777));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadKey(const std::string& path) {
  const OpenKeyFile file(path);
  if (file.fd() < 0) return Refuse(path, std::strerror(errno));
  if (absl::Status status = CheckMode(path, file.fd()); !status.ok()) return status;
  std::string key;
  std::array<char, kMaxKey> buffer;
  ssize_t length;
  while ((length = read(file.fd(), buffer.data(), buffer.size())) != 0) {
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return Refuse(path, std::strerror(errno));
    key.append(buffer.data(), static_cast<std::size_t>(length));
    if (key.size() > kMaxKey) {
      return Refuse(path, absl::StrFormat("over %d octets: this is no key", kMaxKey));
    }
  }
  if (key.ends_with('\n')) key.pop_back();
  if (key.ends_with('\r')) key.pop_back();
  if (key.empty()) return Refuse(path, "holds no key");
  return key;
}

}  // namespace

absl::StatusOr<BatvKeys> ReadBatvKeys(const std::vector<std::string>& entries) {
  BatvKeys keys;
  for (const std::string& entry : entries) {
    // What is no NUMBER:FILE may be a key that was put here itself, so it is not shown.
    if (entry.size() < 3 || !IsDigit(entry[0]) || entry[1] != ':') {
      return absl::InvalidArgumentError(
          "batv.keys wants NUMBER:FILE, such as 0:/etc/backscatterd/batv0.key");
    }
    absl::StatusOr<std::string> key = ReadKey(entry.substr(2));
    if (!key.ok()) return key.status();
    keys.Add(entry[0] - '0', *std::move(key));
  }
  return keys;
}

}  // namespace backscatter
