// Bytes as they lie in a file, a pipe or memory, before any decompression.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace backscatter {

// Sequential reads from a file descriptor, made for inputs that a person may interrupt.
// When `*stop` becomes true the input ends as if the file ended there and `stopped()` says so.
// A pipe is drained first: what its writer flushes on the same Ctrl-C (tcpdump does) still counts,
// up to kDrainBytes, as long as no wait for more takes longer than kDrainWaitMs, and for at most
// kDrainTotalMs in all.
class RawInput {
 public:
  static constexpr std::size_t kDrainBytes = std::size_t{1} << 20;
  static constexpr int kDrainWaitMs = 200;
  static constexpr int kDrainTotalMs = 1000;
  static constexpr int kStopCheckMs = 200;  // a stop is seen this soon even without EINTR

  // `path` may be "-": standard input, which is not closed. `stop` may be null; else it must
  // outlive the input. Errors say what is wrong with the path, without naming it.
  static absl::StatusOr<std::unique_ptr<RawInput>> Open(const std::string& path,
                                                        const std::atomic<bool>* stop);
  // Over bytes that must outlive the input.
  static std::unique_ptr<RawInput> FromMemory(std::span<const std::uint8_t> bytes);

  ~RawInput();
  RawInput(const RawInput&) = delete;
  RawInput& operator=(const RawInput&) = delete;

  // Up to `out.size()` bytes, as soon as there is one; 0 at the end, after a stop or an error.
  std::size_t Read(std::span<std::uint8_t> out);

  const absl::Status& status() const { return status_; }  // why Read returned 0, if an error
  bool stopped() const { return stopped_; }
  bool regular() const { return regular_; }  // can be opened a second time
  std::uint64_t consumed() const { return consumed_; }
  std::uint64_t size() const { return size_; }  // 0 = not known

 private:
  explicit RawInput(const std::atomic<bool>* stop) : stop_(stop) {}
  bool StopRequested() const { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }
  bool WaitReadable();
  void Inspect();

  const std::atomic<bool>* stop_;
  std::span<const std::uint8_t> memory_;
  int fd_ = -1;
  bool owns_fd_ = false;
  bool regular_ = false;
  bool stopped_ = false;
  std::size_t drained_ = 0;
  std::optional<std::chrono::steady_clock::time_point> drain_until_;  // set when a stop was seen
  std::uint64_t consumed_ = 0;
  std::uint64_t size_ = 0;
  absl::Status status_;
};

}  // namespace backscatter
