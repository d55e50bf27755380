#include "agent/source/gzip_inflater.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_format.h"

namespace backscatter {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, gzip framing only

}  // namespace

struct GzipInflater::Engine {
  z_stream stream{};
  bool ready = false;
};

GzipInflater::GzipInflater(RawInput* input, std::span<const std::uint8_t> head,
                           std::size_t buffer_size)
    : input_(*input), engine_(std::make_unique<Engine>()) {
  compressed_.resize(std::max(buffer_size, head.size()));
  std::copy(head.begin(), head.end(), compressed_.begin());
  engine_->stream.next_in = compressed_.data();
  engine_->stream.avail_in = static_cast<uInt>(head.size());
  engine_->ready = inflateInit2(&engine_->stream, kGzipWindow) == Z_OK;
  if (!engine_->ready) {
    status_ = absl::ResourceExhaustedError("zlib could not be started (out of memory?)");
  }
}

GzipInflater::~GzipInflater() {
  if (engine_->ready) inflateEnd(&engine_->stream);
}

std::uint64_t GzipInflater::Offset() const { return input_.consumed() - engine_->stream.avail_in; }

void GzipInflater::Fail(const char* reason) {
  ended_ = true;
  if (input_.stopped()) return;
  status_ = input_.status().ok()
                ? absl::DataLossError(absl::StrFormat("compressed offset %d: %s", Offset(), reason))
                : input_.status();
}

bool GzipInflater::Refill() {
  z_stream& stream = engine_->stream;
  if (stream.avail_in > 0) return true;
  stream.next_in = compressed_.data();
  stream.avail_in = static_cast<uInt>(input_.Read(compressed_));
  return stream.avail_in > 0;
}

// Between members: skips padding. False at the end of the input or an error.
bool GzipInflater::BeginNextMember() {
  z_stream& stream = engine_->stream;
  while (Refill()) {
    if (*stream.next_in == 0) {
      ++stream.next_in;
      --stream.avail_in;
      continue;
    }
    if (*stream.next_in != 0x1f) {
      Fail("what follows the gzip data is not gzip");
      return false;
    }
    inflateReset(&stream);
    in_member_ = true;
    return true;
  }
  ended_ = true;
  status_ = input_.status();
  return false;
}

std::size_t GzipInflater::Read(std::span<std::uint8_t> out) {
  z_stream& stream = engine_->stream;
  while (!ended_ && status_.ok() && !out.empty()) {
    if (!in_member_ && !BeginNextMember()) break;
    if (!Refill()) {
      Fail("the gzip data ends in the middle; the file was cut off");
      break;
    }
    const uInt room = static_cast<uInt>(std::min<std::size_t>(out.size(), 1U << 30));
    stream.next_out = out.data();
    stream.avail_out = room;
    const int result = inflate(&stream, Z_NO_FLUSH);
    const std::size_t produced = room - stream.avail_out;
    if (result == Z_STREAM_END) {
      in_member_ = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      Fail(stream.msg != nullptr ? stream.msg : "the gzip data is damaged");
    }
    if (produced > 0) return produced;
  }
  return 0;
}

}  // namespace backscatter
