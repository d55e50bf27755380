// One message on its way to its reader.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/smtp/body_reader.h"

namespace backscatter {

// Undoes the dot-stuffing of DATA, and knows whether the end was seen. A line that is a lone dot is
// kept back until the next octet shows that it was content: behind the last one comes End.
class MessageBody {
 public:
  explicit MessageBody(std::shared_ptr<BodyReader> reader) : reader_(std::move(reader)) {}

  // Octets of BDAT: content as it is.
  void ReadOctets(std::string_view octets) {
    if (!ended_) reader_->Read(octets);
  }
  // Octets of DATA (RFC 5321 section 4.5.2), cut anywhere, up to and with the line of the end.
  // Before `dotless` no LF is followed by a dot, as BodyScanner found out.
  void ReadLines(std::string_view octets, std::size_t dotless = 0);
  void OnGap();
  // The end was seen; whatever comes later is not of this message.
  void End() { ended_ = true; }
  const MessageFacts& Finish() { return reader_->Finish(ended_); }

 private:
  enum class At : std::uint8_t { kLineStart, kInLine, kDot, kLoneDot };
  void GiveReturns();

  std::shared_ptr<BodyReader> reader_;
  std::uint64_t returns_ = 0;  // kDot, kLoneDot: CRs behind the dot that were not given yet
  At at_ = At::kLineStart;
  bool ended_ = false;
};

}  // namespace backscatter
