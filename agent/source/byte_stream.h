// The bytes of a capture, one after another: from a file, standard input or memory, and
// decompressed where they begin with the magic of gzip.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/source/gzip_inflater.h"
#include "agent/source/raw_input.h"

namespace backscatter {

// Two ways to read, which may be mixed: a window (Fill, Window, Consume) for parsers that look at
// bytes in place, and Read, which copies what is in the window and then reads past it, straight
// into the caller's memory. Never seeks. Not thread-safe.
class ByteStream {
 public:
  static constexpr std::size_t kDefaultBuffer = std::size_t{1} << 20;
  static constexpr std::size_t kSmallBuffer = 4096;

  // `stop` as in RawInput. Waits for the first bytes of a pipe, to recognise gzip.
  static absl::StatusOr<std::unique_ptr<ByteStream>> Open(const std::string& path,
                                                          const std::atomic<bool>* stop);
  // Over bytes that must outlive the stream; small buffers make tests cross their edges.
  static std::unique_ptr<ByteStream> FromMemory(std::span<const std::uint8_t> bytes,
                                                std::size_t buffer_size = kSmallBuffer);

  // How much Fill reads ahead. Small until set: Read needs no buffer of ours.
  void set_buffer_size(std::size_t bytes) { buffer_size_ = bytes; }

  // Makes at least `want` bytes visible, fewer only at the end of the input (see status()).
  // Moves the window: earlier views die. Memory grows with bytes that are there, not with `want`.
  std::span<const std::uint8_t> Fill(std::size_t want) {
    if (end_ - begin_ < want) Refill(want);
    return Window();
  }
  std::span<const std::uint8_t> Window() const { return {buffer_.data() + begin_, end_ - begin_}; }
  // `count` must not be more than the window holds.
  void Consume(std::size_t count) {
    begin_ += count;
    offset_ += count;
  }

  // Up to out.size() bytes, as soon as there is one; 0 at the end (see status()).
  std::size_t Read(std::span<std::uint8_t> out);
  // Reads and forgets; returns how many there were, less than `count` only at the end.
  std::uint64_t Skip(std::uint64_t count);

  // Not OK once bytes could not be had for another reason than the end of the input.
  const absl::Status& status() const { return inflater_ ? inflater_->status() : input_->status(); }
  bool stopped() const { return input_->stopped(); }
  bool compressed() const { return inflater_ != nullptr; }
  bool regular() const { return input_->regular(); }
  std::uint64_t offset() const { return offset_; }  // of the next byte, after decompression
  std::uint64_t input_bytes() const { return input_->consumed(); }
  std::uint64_t input_size() const { return input_->size(); }
  // "offset 24", or "offset 24 (uncompressed)".
  std::string Where(std::uint64_t offset) const;

 private:
  ByteStream(std::unique_ptr<RawInput> input, std::size_t buffer_size,
             std::size_t compressed_buffer);
  std::size_t ReadInput(std::span<std::uint8_t> out) {
    return inflater_ ? inflater_->Read(out) : input_->Read(out);
  }
  void Refill(std::size_t want);

  std::unique_ptr<RawInput> input_;
  std::unique_ptr<GzipInflater> inflater_;
  std::vector<std::uint8_t> buffer_;
  std::size_t buffer_size_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace backscatter
