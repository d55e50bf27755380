#include "agent/app/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/escape.h"

namespace backscatter {

absl::StatusOr<std::unique_ptr<OutputFile>> OutputFile::Open(const std::string& path, Mode mode) {
  if (path == "-") return std::make_unique<OutputFile>(STDOUT_FILENO, "standard output");
  const int how = mode == Mode::kAppend ? O_APPEND : mode == Mode::kNew ? O_EXCL : O_TRUNC;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);
  if (fd < 0) {
    return absl::PermissionDeniedError(EscapeForTerminal(path) +
                                       ": cannot be written: " + std::strerror(errno));
  }
  auto file = std::make_unique<OutputFile>(fd, EscapeForTerminal(path));
  file->owned_ = true;
  file->path_ = path;
  return file;
}

OutputFile::~OutputFile() {
  if (owned_ && fd_ >= 0) close(fd_);
}

void OutputFile::Flush() {
  std::string_view rest = buffer_;
  char last = '\n';  // that was written
  while (!rest.empty() && status_.ok()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written >= 0) {
      if (written > 0) last = rest[static_cast<std::size_t>(written) - 1];
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      Fail(errno);
      torn_ = last != '\n';
    }
  }
  lost_lines_ += static_cast<std::uint64_t>(std::ranges::count(rest, '\n'));
  buffer_.clear();
}

absl::Status OutputFile::Reopen() {
  if (!owned_) return absl::OkStatus();
  Flush();
  const absl::StatusOr<std::unique_ptr<OutputFile>> again = Open(path_, Mode::kAppend);
  if (!again.ok()) return again.status();
  std::swap(fd_, (*again)->fd_);
  status_ = absl::OkStatus();
  // The same file still, and a pipe has no end to seek.
  if (std::exchange(torn_, false) && lseek(fd_, 0, SEEK_END) > 0) buffer_.push_back('\n');
  return absl::OkStatus();
}

absl::Status OutputFile::Close() {
  Flush();
  if (owned_ && fd_ >= 0 && close(std::exchange(fd_, -1)) != 0 && status_.ok()) Fail(errno);
  return first_failure_;
}

void OutputFile::Fail(int error) {
  reader_gone_ = error == EPIPE;
  status_ = absl::DataLossError(name_ + ": not everything was written: " + std::strerror(error));
  if (first_failure_.ok()) first_failure_ = status_;
}

}  // namespace backscatter
