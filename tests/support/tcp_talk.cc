#include "tests/support/tcp_talk.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace backscatter::support {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address MakeAddress(const std::string& text, std::uint16_t port) {
  Address address;
  if (text.find(':') != std::string::npos) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
    address.length = sizeof v6;
    std::memcpy(&address.storage, &v6, sizeof v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    inet_pton(AF_INET, text.c_str(), &v4.sin_addr);
    address.length = sizeof v4;
    std::memcpy(&address.storage, &v4, sizeof v4);
  }
  return address;
}

void LimitWaiting(int fd) {
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool SendAll(int fd, const std::string& text) {
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

bool Receive(int fd, std::size_t length) {
  std::string buffer(64 << 10, '\0');
  while (length > 0) {
    const ssize_t n = recv(fd, buffer.data(), std::min(length, buffer.size()), 0);
    if (n <= 0) return false;
    length -= static_cast<std::size_t>(n);
  }
  return true;
}

bool Play(int fd, const std::vector<std::string>& turns, std::size_t ours) {
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const bool done = i % 2 == ours ? SendAll(fd, turns[i]) : Receive(fd, turns[i].size());
    if (!done) return false;
  }
  return true;
}

}  // namespace

bool Hold(const Talk& talk, const NetworkNamespace& server, const NetworkNamespace& client) {
  const Address address = MakeAddress(talk.server_address, talk.port);
  FileDescriptor listener;
  {
    const InNamespace in(server.fd());
    listener = FileDescriptor(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.get(), address.get(), address.length) != 0 ||
        listen(listener.get(), 8) != 0) {
      ADD_FAILURE() << "cannot listen: " << std::strerror(errno);
      return false;
    }
  }
  LimitWaiting(listener.get());
  bool server_done = false;
  std::thread serving([&] {
    const FileDescriptor accepted(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted.valid()) return;
    LimitWaiting(accepted.get());
    server_done = Play(accepted.get(), talk.turns, 0);
    // The client closes first, and the server has seen it.
    char byte;
    if (recv(accepted.get(), &byte, 1, 0) != 0) server_done = false;
  });
  bool client_done = false;
  {
    FileDescriptor caller;
    {
      const InNamespace in(client.fd());
      caller = FileDescriptor(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    }
    LimitWaiting(caller.get());
    client_done = connect(caller.get(), address.get(), address.length) == 0 &&
                  Play(caller.get(), talk.turns, 1);
    EXPECT_TRUE(client_done) << "client: " << std::strerror(errno);
    if (!client_done) shutdown(listener.get(), SHUT_RDWR);
  }
  serving.join();
  EXPECT_TRUE(server_done);
  return client_done && server_done;
}

}  // namespace backscatter::support
