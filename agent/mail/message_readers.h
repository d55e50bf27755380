// Which messages are read, and how much of them; lends out the readers.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/mail/direction.h"
#include "agent/mail/message_reader.h"
#include "agent/smtp/body_reader.h"

namespace backscatter {

struct MessageReadersOptions {
  bool read_all = false;              // `bounce.read: all`
  std::size_t capture_bytes = 65536;  // `bounce.capture_bytes`; 0: no bodies
  // Local parts of senders that write reports, lower case (`bounce.daemon_senders`).
  std::vector<std::string> daemon_senders;
  LocalNetworks local;
  std::size_t max_open = 4096;  // at once; a message beyond it is not read
};

// True where the local part is one of `words` or begins with one, followed by one of `-+=_.` or a
// digit. Case ignored.
bool IsDaemonSender(std::string_view address, const std::vector<std::string>& words);

// One thread: Open, and all that is done with the readers. Readers may outlive this object.
class MessageReaders : public BodyReaders {
 public:
  // Of one reader at most: lines, fields and facts, all bounded.
  static constexpr std::size_t kMostBytesEach = 64 << 10;

  explicit MessageReaders(MessageReadersOptions options);

  // The head of what a null or daemon-looking sender sends (of everything with read_all); the
  // header block of other outbound and submitted mail; else null.
  BodyReaderPtr Open(const BodyRequest& request) override;

  // For messages that begin from now on.
  void Reconfigure(MessageReadersOptions options) { options_ = std::move(options); }

  std::size_t open() const;
  // Messages that were not read because max_open were.
  std::uint64_t refused() const { return refused_; }

 private:
  struct Shelf;
  class Lent;

  bool IsSent(const BodyRequest& request) const;

  MessageReadersOptions options_;
  std::shared_ptr<Shelf> shelf_;
  std::uint64_t refused_ = 0;
};

}  // namespace backscatter
