// A file, or standard output, that is written to its end or says why not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace backscatter {

// Not thread-safe. After a failed write everything is dropped, and counted by lines, until Reopen.
class OutputFile {
 public:
  // `path` may be "-" for standard output. A new file can be read by its owner only: what is
  // written here holds addresses. PermissionDenied, with what, which and why, if the system
  // refuses.
  enum class Mode : std::uint8_t { kReplace, kAppend, kNew };  // kNew: not there yet
  static absl::StatusOr<std::unique_ptr<OutputFile>> Open(const std::string& path,
                                                          Mode mode = Mode::kReplace);
  // `fd` stays open and stays the caller's; `name` is for messages.
  OutputFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Text to append to; FlushIfFull writes it once it is over 64 KiB.
  std::string& buffer() { return buffer_; }
  void FlushIfFull() {
    if (buffer_.size() >= kFull) Flush();
  }
  void Flush();
  // Opens the same path anew to append to: whoever moved the file away gets no more, and what
  // could not be written before may be possible again. Where that fails the old one goes on, and
  // the error says why.
  absl::Status Reopen();
  // Flushes and closes; the last word on whether everything was written: the first failure, also
  // one of before a Reopen.
  absl::Status Close();

  const absl::Status& status() const { return status_; }  // why nothing is written now
  // What was not written, or not wholly.
  std::uint64_t lost_lines() const { return lost_lines_; }
  // The reader went away (EPIPE): no error to tell anybody of, but nothing more can be said.
  bool reader_gone() const { return reader_gone_; }

 private:
  static constexpr std::size_t kFull = 64 << 10;

  void Fail(int error);

  int fd_;
  std::string path_;  // of an owned one
  std::string name_;
  bool owned_ = false;
  bool reader_gone_ = false;
  bool torn_ = false;  // the last line in the file is not whole
  std::uint64_t lost_lines_ = 0;
  std::string buffer_;
  absl::Status status_;
  absl::Status first_failure_;
};

}  // namespace backscatter
