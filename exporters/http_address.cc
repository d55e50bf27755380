#include "exporters/http_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"

#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr int kBacklog = 512;
constexpr int kSendBytes = 128 * 1024;  // doubled by the kernel; bounds what slow readers hold
constexpr int kReceiveBytes = 32 * 1024;

absl::Status Wrong(const std::string& text, std::string_view why) {
  return absl::InvalidArgumentError("wants HOST:PORT, :PORT or [IPV6]:PORT, not \"" +
                                    EscapeForTerminal(text) + "\": " + std::string(why));
}

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return value <= 65535;
}

absl::Status Refused(const std::string& address, const char* what, int error) {
  const std::string text =
      "cannot listen on " + EscapeForTerminal(address) + ": " + what + ": " + std::strerror(error);
  switch (error) {
    case EADDRINUSE:
      return absl::UnavailableError(
          text +
          "; another program has this port (ss -ltnp shows which), choose one with "
          "--web.listen-address");
    case EADDRNOTAVAIL:
      return absl::UnavailableError(text + "; this host does not have that address");
    case EACCES:
      return absl::PermissionDeniedError(text + "; ports below 1024 need CAP_NET_BIND_SERVICE");
    default:
      return absl::UnavailableError(text);
  }
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

bool HasIpv6() { return FileDescriptor(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)).valid(); }

void SetOption(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

absl::StatusOr<ListeningSocket> Listen(const std::string& text, const addrinfo& address,
                                       bool both_families) {
  FileDescriptor fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Refused(text, "socket", errno);
  SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.ai_family == AF_INET6) {
    SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, both_families ? 0 : 1);
  }
  // What is accepted inherits them.
  SetOption(fd.get(), SOL_SOCKET, SO_SNDBUF, kSendBytes);
  SetOption(fd.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBytes);
  if (bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    return Refused(text, "bind", errno);
  }
  if (listen(fd.get(), kBacklog) != 0) return Refused(text, "listen", errno);
  sockaddr_storage taken{};
  socklen_t size = sizeof taken;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&taken), &size) != 0) {
    return Refused(text, "getsockname", errno);
  }
  return ListeningSocket{std::move(fd), EndpointOf(&taken)};
}

}  // namespace

Endpoint EndpointOf(const void* address) {
  sa_family_t family;
  std::memcpy(&family, static_cast<const char*>(address) + offsetof(sockaddr, sa_family),
              sizeof family);
  if (family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    std::uint8_t bytes[4];
    std::memcpy(bytes, &in.sin_addr, sizeof bytes);
    return {IpAddress::V4(bytes), ntohs(in.sin_port)};
  }
  if (family != AF_INET6) return {};
  sockaddr_in6 in;
  std::memcpy(&in, address, sizeof in);
  std::uint8_t bytes[16];
  std::memcpy(bytes, &in.sin6_addr, sizeof bytes);
  return {IpAddress::V6(bytes), ntohs(in.sin6_port)};
}

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Wrong(text, "the port is missing");
  ListenAddress address{text.substr(0, colon), text.substr(colon + 1)};
  if (!IsPort(address.port)) return Wrong(text, "a port is a number from 0 to 65535");
  std::string& host = address.host;
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 3) return Wrong(text, "a bracket is not closed");
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string::npos) return Wrong(text, "brackets are for IPv6");
  } else if (host.find(':') != std::string::npos) {
    return Wrong(text, "an IPv6 address stands in brackets");
  }
  if (host.find_first_of("[]/ \t\r\n") != std::string::npos || host.size() > 255) {
    return Wrong(text, "that is no host");
  }
  return address;
}

absl::StatusOr<ListeningSocket> ListenOn(const std::string& text) {
  const absl::StatusOr<ListenAddress> parsed = ParseListenAddress(text);
  if (!parsed.ok()) return parsed.status();
  const bool all = parsed->host.empty();
  if (all && !HasIpv6()) return ListenOn("0.0.0.0:" + parsed->port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_family = all ? AF_INET6 : AF_UNSPEC;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(all ? nullptr : parsed->host.c_str(), parsed->port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError("cannot listen on " + EscapeForTerminal(text) + ": " +
                                  gai_strerror(error));
  }
  const AddressList list(found, &freeaddrinfo);
  const addrinfo* best = list.get();
  for (const addrinfo* each = best; each != nullptr; each = each->ai_next) {
    if (each->ai_family != AF_INET) continue;
    best = each;
    break;
  }
  return Listen(text, *best, EndpointOf(best->ai_addr).address == IpAddress());
}

}  // namespace backscatter
