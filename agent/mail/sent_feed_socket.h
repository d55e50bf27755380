// The Unix socket at which a mail log tells, as it is written, what we sent.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/base/ledger.h"
#include "agent/mail/sent_feed.h"

namespace backscatter {

// A stream socket: a line is whole however it was cut in writing. Readable and writable by owner
// and group. At most kMaxClients at once; more are closed and counted (Loss::kSentFeedClients).
// What a client sends is lines of sent_feed.h; nothing is ever sent back. Not thread-safe.
class SentFeedSocket {
 public:
  static constexpr std::size_t kMaxClients = 16;
  static constexpr std::size_t kMostAPoll = 256 << 10;  // octets read from one client

  // Replaces a socket at which nobody listens. FailedPrecondition where somebody does, or where
  // there is something else; InvalidArgument for a path longer than sockets take; else
  // PermissionDenied. With the path, why, and what to do. `ledger` has to outlive it.
  static absl::StatusOr<std::unique_ptr<SentFeedSocket>> Listen(const std::string& path,
                                                                Ledger& ledger);
  // Removes the socket, if it is still this one.
  ~SentFeedSocket();
  SentFeedSocket(const SentFeedSocket&) = delete;
  SentFeedSocket& operator=(const SentFeedSocket&) = delete;

  // Accepts, reads and hands over what is there. Never waits.
  void Poll(const SentFeedSink& sink);

  std::size_t clients() const { return clients_.size(); }

 private:
  struct Client {
    int fd;
    SentFeedLines lines;
  };

  SentFeedSocket(int fd, std::string path, Ledger& ledger)
      : fd_(fd), path_(std::move(path)), ledger_(ledger) {}
  void Accept();
  bool Read(Client& client, const SentFeedSink& sink);

  const int fd_;
  const std::string path_;
  Ledger& ledger_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::vector<Client> clients_;
};

}  // namespace backscatter
