// Where the octets of message bodies go: smtp finds them, the room above understands them.
#pragma once

#include <memory>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// Reads one message as it passes.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next octets of the content as a recipient gets it: without dot-stuffing, without the line
  // that ends it. Cheap once the reader has all it wants.
  virtual void Read(std::string_view octets) = 0;
  // Octets are missing here.
  virtual void OnGap() = 0;
  // No more will come. `ended`: the end of the message was seen. The facts live as long as the
  // reader; calling it again changes nothing.
  virtual const MessageFacts& Finish(bool ended) = 0;
};

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
  virtual std::shared_ptr<BodyReader> Open(const BodyRequest& request) = 0;
};

}  // namespace backscatter
