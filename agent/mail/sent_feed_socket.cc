#include "agent/mail/sent_feed_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr mode_t kMode = 0660;

absl::Status Refused(const std::string& path, const std::string& why) {
  return absl::FailedPreconditionError(EscapeForTerminal(path) + ": " + why);
}

absl::Status CannotListen(const std::string& path, int error) {
  return absl::PermissionDeniedError(EscapeForTerminal(path) +
                                     ": cannot listen for sent.feed: " + strerror(error) +
                                     "; see that its folder is there and can be written");
}

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool SomebodyListens(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const bool connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN || errno == EPROTOTYPE || errno == EACCES;
  close(fd);
  return connected;
}

// Only a socket that nobody listens at makes way.
absl::Status MakeWay(const std::string& path, const sockaddr_un& address) {
  struct stat there = {};
  if (lstat(path.c_str(), &there) != 0) return absl::OkStatus();
  if (!S_ISSOCK(there.st_mode)) {
    return Refused(path, "is there and no socket; remove it or set sent.feed to another path");
  }
  if (SomebodyListens(address)) {
    return Refused(path, "another process listens there; stop it or set sent.feed to another path");
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SentFeedSocket>> SentFeedSocket::Listen(const std::string& path,
                                                                       Ledger& ledger) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(EscapeForTerminal(path) +
                                      ": a socket's path has 1 to 107 octets; set sent.feed so");
  }
  const sockaddr_un address = AddressOf(path);
  const absl::Status way = MakeWay(path, address);
  if (!way.ok()) return way;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return CannotListen(path, errno);
  std::unique_ptr<SentFeedSocket> feed(new SentFeedSocket(fd, path, ledger));
  // The mode before there is a name: it is never wider. The umask may have narrowed it: after, too.
  if (fchmod(fd, kMode) != 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return CannotListen(path, errno);
  }
  struct stat there = {};
  if (lstat(path.c_str(), &there) == 0) {
    feed->device_ = there.st_dev;
    feed->inode_ = there.st_ino;
  }
  if (chmod(path.c_str(), kMode) != 0 || listen(fd, static_cast<int>(kMaxClients)) != 0) {
    return CannotListen(path, errno);
  }
  return feed;
}

SentFeedSocket::~SentFeedSocket() {
  for (const Client& client : clients_) close(client.fd);
  close(fd_);
  struct stat there = {};
  if (inode_ != 0 && lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ &&
      there.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

void SentFeedSocket::Accept() {
  for (std::size_t i = 0; i < 2 * kMaxClients; ++i) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    if (clients_.size() >= kMaxClients) {
      ledger_.Add(Loss::kSentFeedClients);
      close(fd);
      continue;
    }
    clients_.push_back({fd, SentFeedLines(ledger_)});
  }
}

// False at the end of what the client has to say.
bool SentFeedSocket::Read(Client& client, const SentFeedSink& sink) {
  std::array<char, 16384> bytes;
  for (std::size_t total = 0; total < kMostAPoll;) {
    const ssize_t got = recv(client.fd, bytes.data(), bytes.size(), 0);
    if (got > 0) {
      client.lines.Add({bytes.data(), static_cast<std::size_t>(got)}, sink);
      total += static_cast<std::size_t>(got);
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return true;
    } else {
      client.lines.End(sink);
      return false;
    }
  }
  return true;
}

void SentFeedSocket::Poll(const SentFeedSink& sink) {
  Accept();
  std::erase_if(clients_, [&](Client& client) {
    if (Read(client, sink)) return false;
    close(client.fd);
    return true;
  });
}

}  // namespace backscatter
