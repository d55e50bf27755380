// One message on its way to its reader.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "agent/smtp/body_reader.h"

namespace backscatter {

// Undoes the dot-stuffing of DATA, and knows whether the end was seen. A line that is a lone dot is
// kept back until the next octet shows that it was content: behind the last one comes End.
// Copies are the same message; the last of them gives the reader back. One thread. Nothing but
// `bool` may be asked of an empty one.
class MessageBody {
 public:
  MessageBody() = default;
  explicit MessageBody(BodyReaderPtr reader) : reader_(reader.release()) {
    if (reader_ != nullptr) reader_->passage_ = {.holders = 1};
  }
  MessageBody(const MessageBody& other) : reader_(other.reader_) {
    if (reader_ != nullptr) ++reader_->passage_.holders;
  }
  MessageBody(MessageBody&& other) noexcept : reader_(std::exchange(other.reader_, nullptr)) {}
  MessageBody& operator=(MessageBody other) noexcept {
    std::swap(reader_, other.reader_);
    return *this;
  }
  ~MessageBody() {
    if (reader_ != nullptr && --reader_->passage_.holders == 0) reader_->Release();
  }

  explicit operator bool() const { return reader_ != nullptr; }
  bool operator==(const MessageBody&) const = default;

  // Octets of BDAT: content as it is.
  void ReadOctets(std::string_view octets) {
    if (!reader_->passage_.ended) reader_->Read(octets);
  }
  // Octets of DATA (RFC 5321 section 4.5.2), cut anywhere, up to and with the line of the end.
  // Before `dotless` no LF is followed by a dot, as BodyScanner found out.
  void ReadLines(std::string_view octets, std::size_t dotless = 0);
  void OnGap();
  // The end was seen; whatever comes later is not of this message. The reader makes its facts now,
  // while it is warm: the reply that asks for them comes hundreds of packets later.
  void End() {
    if (std::exchange(reader_->passage_.ended, true)) return;
    reader_->Finish(true);
  }
  bool ended() const { return reader_->passage_.ended; }
  const MessageFacts& Finish() { return reader_->Finish(reader_->passage_.ended); }

 private:
  using At = BodyReader::At;
  void GiveReturns();

  BodyReader* reader_ = nullptr;
};

}  // namespace backscatter
