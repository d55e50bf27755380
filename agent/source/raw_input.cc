#include "agent/source/raw_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"

namespace backscatter {
namespace {

absl::Status OpenError(int error) {
  const std::string text = absl::StrFormat("cannot be opened: %s", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text + "; check the path");
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text + "; make it readable for this user");
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(text + "; raise `ulimit -n` or name fewer files at once");
    default:
      return absl::UnavailableError(text);
  }
}

absl::Status CheckKind(int fd, bool is_stdin) {
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    return absl::UnavailableError(absl::StrFormat("cannot be read: %s", std::strerror(error)));
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError("is a directory; name the capture files in it");
  }
  if (is_stdin && isatty(fd) == 1) {
    return absl::InvalidArgumentError(
        "is a terminal; pipe a capture into it, e.g. from `tcpdump -w -`");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawInput>> RawInput::Open(const std::string& path,
                                                         const std::atomic<bool>* stop) {
  std::unique_ptr<RawInput> input(new RawInput(stop));
  const bool is_stdin = path == "-";
  if (is_stdin) {
    input->fd_ = STDIN_FILENO;
  } else {
    // Opening a named pipe waits for its writer, so a stop can come here too.
    do {
      input->fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    } while (input->fd_ < 0 && errno == EINTR && !input->StopRequested());
    if (input->fd_ < 0) {
      if (errno != EINTR) return OpenError(errno);
      input->stopped_ = true;
      return input;
    }
    input->owns_fd_ = true;
  }
  if (absl::Status status = CheckKind(input->fd_, is_stdin); !status.ok()) return status;
  input->Inspect();
  return input;
}

std::unique_ptr<RawInput> RawInput::FromMemory(std::span<const std::uint8_t> bytes) {
  std::unique_ptr<RawInput> input(new RawInput(nullptr));
  input->memory_ = bytes;
  input->size_ = bytes.size();
  return input;
}

RawInput::~RawInput() {
  if (owns_fd_) close(fd_);
}

// Size and readahead; both only help, so that their failures do not matter.
void RawInput::Inspect() {
  struct stat info {};
  if (fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) return;
  regular_ = true;
  const off_t position = lseek(fd_, 0, SEEK_CUR);
  size_ =
      static_cast<std::uint64_t>(std::max<off_t>(0, info.st_size - std::max<off_t>(0, position)));
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

// True: a read will not wait for long. False: the input ends here because of a stop.
bool RawInput::WaitReadable() {
  for (;;) {
    const bool stopping = StopRequested();
    if (stopping && (regular_ || drained_ >= kDrainBytes)) return false;
    if (regular_) return true;
    if (stopping) {
      const auto now = std::chrono::steady_clock::now();
      if (!drain_until_) drain_until_ = now + std::chrono::milliseconds(kDrainTotalMs);
      if (now >= *drain_until_) return false;
    }
    struct pollfd waiting {
      fd_, POLLIN, 0
    };
    const int ready = poll(&waiting, 1, stopping ? kDrainWaitMs : kStopCheckMs);
    if (ready > 0) return true;
    if (ready == 0 && stopping) return false;
    if (ready < 0 && errno != EINTR) return true;  // let read() say what is wrong
  }
}

std::size_t RawInput::Read(std::span<std::uint8_t> out) {
  if (fd_ < 0) {
    const std::size_t count = std::min(out.size(), memory_.size());
    std::copy_n(memory_.begin(), count, out.begin());
    memory_ = memory_.subspan(count);
    consumed_ += count;
    return count;
  }
  while (!stopped_ && status_.ok()) {
    if (!WaitReadable()) {
      stopped_ = true;
      break;
    }
    const ssize_t got = read(fd_, out.data(), out.size());
    const int error = errno;
    if (got >= 0) {
      const std::size_t count = static_cast<std::size_t>(got);
      consumed_ += count;
      if (StopRequested()) {
        drained_ += count;
        stopped_ = count == 0;
      }
      return count;
    }
    if (error == EINTR || error == EAGAIN) continue;
    status_ = absl::DataLossError(
        absl::StrFormat("offset %d: cannot be read: %s", consumed_, std::strerror(error)));
  }
  return 0;
}

}  // namespace backscatter
