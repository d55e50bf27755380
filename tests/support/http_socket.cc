#include "tests/support/http_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/base/ascii.h"

namespace backscatter::support {
namespace {

sockaddr_in Loopback(const std::string& address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &in.sin_addr);
  return in;
}

}  // namespace

HttpSocket::HttpSocket(std::uint16_t port, const std::string& from, int receive_bytes) {
  FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval longest{.tv_sec = 10, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
  if (receive_bytes > 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  }
  const sockaddr_in own = Loopback(from, 0);
  const sockaddr_in server = Loopback("127.0.0.1", port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) return;
  fd_ = std::move(fd);
}

bool HttpSocket::Send(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t sent = send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HttpSocket::Fill() {
  char bytes[65536];
  const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::optional<HttpAnswer> TakeAnswer(std::string& buffer, bool head) {
  const std::size_t end = buffer.find("\r\n\r\n");
  if (end == std::string::npos || !buffer.starts_with("HTTP/1.1 ")) return std::nullopt;
  HttpAnswer answer;
  answer.status = std::atoi(buffer.c_str() + 9);
  std::size_t at = buffer.find("\r\n") + 2;
  while (at < end) {
    const std::size_t line_end = buffer.find("\r\n", at);
    const std::size_t colon = buffer.find(": ", at);
    std::string name = buffer.substr(at, colon - at);
    std::ranges::transform(name, name.begin(), ToLower);
    answer.headers[name] = buffer.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  const auto length =
      head ? 0u : std::strtoul(answer.Header("content-length").c_str(), nullptr, 10);
  if (buffer.size() < end + 4 + length) return std::nullopt;
  answer.body = buffer.substr(end + 4, length);
  buffer.erase(0, end + 4 + length);
  return answer;
}

std::optional<HttpAnswer> HttpSocket::Read(bool head) {
  while (true) {
    std::optional<HttpAnswer> answer = TakeAnswer(buffer_, head);
    if (answer || !Fill()) return answer;
  }
}

bool HttpSocket::Closes() const {
  char bytes[65536];
  while (true) {
    const ssize_t got = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got > 0) continue;
    return got == 0 || errno == ECONNRESET;
  }
}

std::optional<HttpAnswer> Get(std::uint16_t port, const std::string& target,
                              const std::string& headers, const std::string& from) {
  HttpSocket client(port, from);
  client.Send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
  return client.Read();
}

}  // namespace backscatter::support
