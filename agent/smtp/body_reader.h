// Where the octets of message bodies go: smtp finds them, the room above understands them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// Reads one message as it passes. Not copied.
class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  virtual ~BodyReader() = default;
  // The next octets of the content as a recipient gets it: without dot-stuffing, without the line
  // that ends it. Cheap once the reader has all it wants.
  virtual void Read(std::string_view octets) = 0;
  // Octets are missing here.
  virtual void OnGap() = 0;
  // No more will come. `ended`: the end of the message was seen. The facts live as long as the
  // reader; calling it again changes nothing.
  virtual const MessageFacts& Finish(bool ended) = 0;
  // Nobody needs it any more; whoever lends readers out takes it back.
  virtual void Release() { delete this; }

 private:
  friend class MessageBody;
  // How far the message has come, for its MessageBody.
  enum class At : std::uint8_t { kLineStart, kInLine, kDot, kLoneDot };
  struct Passage {
    std::uint64_t returns = 0;  // kDot, kLoneDot: CRs behind the dot that were not given yet
    std::uint32_t holders = 0;
    At at = At::kLineStart;
    bool ended = false;
  };
  Passage passage_;
};

struct ReleaseBodyReader {
  void operator()(BodyReader* reader) const { reader->Release(); }
};
using BodyReaderPtr = std::unique_ptr<BodyReader, ReleaseBodyReader>;

// What is known of a message when its first octet comes. Views live until Open returns.
struct BodyRequest {
  Endpoint client;
  Endpoint server;
  IpAddress source;
  bool has_mail_from = false;
  bool null_sender = false;
  std::string_view mail_from;  // the path without angle brackets
  bool authenticated = false;
};

class BodyReaders {
 public:
  virtual ~BodyReaders() = default;
  // Null: nobody wants to read this one. Asked once a message (also for a BDAT message whose
  // envelope has not been answered yet).
  virtual BodyReaderPtr Open(const BodyRequest& request) = 0;
};

}  // namespace backscatter
