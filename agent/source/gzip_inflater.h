// Streaming decompression of gzip data (RFC 1952), one member after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"

#include "agent/source/raw_input.h"

namespace backscatter {

// Members that follow each other are one stream, as gzip itself reads them; zero bytes after the
// last member are padding. Anything else after it, a wrong checksum or an early end is an error.
class GzipInflater {
 public:
  // `head` are bytes that were already read from `input`, which must outlive the inflater; it is
  // read in pieces of `buffer_size` bytes.
  GzipInflater(RawInput* input, std::span<const std::uint8_t> head, std::size_t buffer_size);
  ~GzipInflater();
  GzipInflater(const GzipInflater&) = delete;
  GzipInflater& operator=(const GzipInflater&) = delete;

  // Fills as much of `out` as one step gives, at least one byte; 0 at the end, a stop or an error.
  std::size_t Read(std::span<std::uint8_t> out);
  const absl::Status& status() const { return status_; }

 private:
  struct Engine;  // keeps zlib.h out of this header

  bool Refill();
  bool BeginNextMember();
  void Fail(const char* reason);
  std::uint64_t Offset() const;

  RawInput& input_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::uint8_t> compressed_;
  bool in_member_ = true;
  bool ended_ = false;
  absl::Status status_;
};

}  // namespace backscatter
