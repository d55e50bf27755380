#include "agent/source/byte_stream.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"

namespace backscatter {
namespace {

constexpr std::size_t kCompressedBuffer = std::size_t{256} << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<ByteStream>> ByteStream::Open(const std::string& path,
                                                             const std::atomic<bool>* stop) {
  absl::StatusOr<std::unique_ptr<RawInput>> input = RawInput::Open(path, stop);
  if (!input.ok()) return input.status();
  return std::unique_ptr<ByteStream>(
      new ByteStream(*std::move(input), kSmallBuffer, kCompressedBuffer));
}

std::unique_ptr<ByteStream> ByteStream::FromMemory(std::span<const std::uint8_t> bytes,
                                                   std::size_t buffer_size) {
  return std::unique_ptr<ByteStream>(
      new ByteStream(RawInput::FromMemory(bytes), buffer_size, buffer_size));
}

ByteStream::ByteStream(std::unique_ptr<RawInput> input, std::size_t buffer_size,
                       std::size_t compressed_buffer)
    : input_(std::move(input)), buffer_size_(std::max<std::size_t>(buffer_size, 1)) {
  const std::span<const std::uint8_t> head = Fill(2);
  if (head.size() < 2 || head[0] != 0x1f || head[1] != 0x8b) return;
  inflater_ = std::make_unique<GzipInflater>(input_.get(), head, compressed_buffer);
  begin_ = end_ = 0;
}

void ByteStream::Refill(std::size_t want) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() < buffer_size_) buffer_.resize(buffer_size_);
  while (end_ < want) {
    if (end_ == buffer_.size()) buffer_.resize(std::min(want, 2 * buffer_.size()));
    const std::size_t got = ReadInput(std::span(buffer_).subspan(end_));
    if (got == 0) return;
    end_ += got;
  }
}

std::size_t ByteStream::Read(std::span<std::uint8_t> out) {
  if (out.empty()) return 0;
  std::size_t count = std::min(out.size(), end_ - begin_);
  if (count > 0) {
    std::memcpy(out.data(), buffer_.data() + begin_, count);
    begin_ += count;
  } else {
    count = ReadInput(out);
  }
  offset_ += count;
  return count;
}

std::uint64_t ByteStream::Skip(std::uint64_t count) {
  std::uint64_t left = count;
  while (left > 0) {
    const std::size_t step =
        static_cast<std::size_t>(std::min<std::uint64_t>(left, Fill(1).size()));
    if (step == 0) break;
    Consume(step);
    left -= step;
  }
  return count - left;
}

std::string ByteStream::Where(std::uint64_t offset) const {
  return absl::StrFormat("offset %d%s", offset, compressed() ? " (uncompressed)" : "");
}

}  // namespace backscatter
