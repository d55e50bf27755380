// A capture file as a source: classic pcap or pcapng, plain or in gzip, from a path or a pipe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/source/byte_stream.h"
#include "agent/source/record_reader.h"
#include "agent/source/source.h"

namespace backscatter {

struct CaptureFileOptions {
  // Becomes true when the user wants the input to end (SIGINT); may be null, else outlives the
  // source. What was read until then is a whole result, not an error.
  const std::atomic<bool>* stop = nullptr;
  std::size_t buffer_size = ByteStream::kDefaultBuffer;
};

// Errors, of opening and of reading, name the file, the byte offset and what to do, e.g.
//   x.pcap: offset 129160: invalid packet capture length 3985443104, bigger than maximum of 262144;
//   the file is damaged from there on; the 18 packets before were read
class CaptureFile final : public Source {
 public:
  static constexpr std::size_t kBatch = 1024;  // packets per Poll

  // `name` is for messages and Name(). Fails if the bytes are not a capture at all.
  static absl::StatusOr<std::unique_ptr<CaptureFile>> FromStream(
      std::string name, std::unique_ptr<ByteStream> stream, std::uint32_t origin,
      std::size_t buffer_size = ByteStream::kDefaultBuffer);

  absl::Status Start() override { return absl::OkStatus(); }
  absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) override;
  SourceStats Stats() const override;
  std::string_view Name() const override { return name_; }

  // As Poll, with a batch of `limit` packets. The bytes of the last one stay valid until the next
  // call.
  absl::StatusOr<PollResult> Read(PacketSink& sink, std::size_t limit);
  bool stopped() const { return stream_->stopped(); }
  bool can_reopen() const { return stream_->regular(); }

 private:
  CaptureFile(std::string name, std::unique_ptr<ByteStream> stream)
      : name_(std::move(name)), stream_(std::move(stream)) {}
  absl::Status Sniff(std::uint32_t origin, std::size_t buffer_size);
  absl::Status Explain(const absl::Status& status) const;

  std::string name_;
  std::unique_ptr<ByteStream> stream_;
  std::unique_ptr<RecordReader> reader_;  // null: stopped before there was a first byte
  std::uint64_t truncated_reported_ = 0;
  bool ended_ = false;
  absl::Status error_;
};

// `path` may be "-" for standard input; `origin` is put into every packet. Waits for the first
// bytes of a pipe.
absl::StatusOr<std::unique_ptr<CaptureFile>> OpenCaptureFile(
    const std::string& path, std::uint32_t origin, const CaptureFileOptions& options = {});

}  // namespace backscatter
