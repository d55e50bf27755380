// Where an HTTP server listens: addresses as Prometheus takes them, and their sockets.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/base/file_descriptor.h"
#include "agent/base/ip_address.h"

namespace backscatter {

struct ListenAddress {
  std::string host;  // empty: all addresses of both families
  std::string port;  // decimal, 0-65535; 0: any free one
};

// "127.0.0.1:19025", "[::1]:19025", "localhost:19025", ":19025". InvalidArgument says what is
// wrong, without the flag's name.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text);

struct ListeningSocket {
  FileDescriptor fd;  // non-blocking
  Endpoint endpoint;  // with the port that was taken
};

// An unspecified IPv6 address, or none, takes IPv4 too; a name takes its first address, of IPv4 if
// there is one. Unavailable (or PermissionDenied): what the system said, and what to do.
absl::StatusOr<ListeningSocket> ListenOn(const std::string& address);

// Of what accept(2) or getsockname(2) filled.
Endpoint EndpointOf(const void* address);

}  // namespace backscatter
