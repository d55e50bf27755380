// A real TCP connection between two network namespaces, for tests of what captures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/network_namespace.h"

namespace backscatter::support {

// What is said, in turns: the server begins with turns[0], the client answers with turns[1], and so
// on. Each side waits until the other's turn has come whole.
struct Talk {
  std::string server_address;  // IPv4 or IPv6, an address of `server`
  std::uint16_t port = 25;
  std::vector<std::string> turns;
};

// Returns when both sides have closed. False, with a test failure, where it did not come about.
bool Hold(const Talk& talk, const NetworkNamespace& server, const NetworkNamespace& client);

}  // namespace backscatter::support
