#include <zlib.h>

#include "exporters/http_message.h"

namespace backscatter {
namespace {

constexpr int kGzipFormat = 16;  // added to the window bits

// Empty: it failed, or is no smaller.
std::string Compress(const std::string& text) {
  z_stream stream{};
  // Level 1: a text of metrics shrinks to a twelfth with it, and the highest level gains little.
  if (deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + kGzipFormat, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return {};
  }
  std::string out(text.size(), '\0');
  std::string in = text;  // zlib's interface is not const
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(whole ? stream.total_out : 0);
  deflateEnd(&stream);
  out.shrink_to_fit();
  return out;
}

}  // namespace

const std::string& HttpBody::gzip() const {
  std::call_once(compressed_, [this] { gzip_ = Compress(text_); });
  return gzip_;
}

}  // namespace backscatter
