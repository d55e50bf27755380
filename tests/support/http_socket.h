// A client of an HTTP server that sends what it is told, byte by byte if need be.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/file_descriptor.h"

namespace backscatter::support {

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// On loopback. Reads wait for ten seconds at the most.
class HttpSocket {
 public:
  // `from`: an address of 127.0.0.0/8.
  explicit HttpSocket(std::uint16_t port, const std::string& from = "127.0.0.1",
                      int receive_bytes = 0);

  bool connected() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  bool Send(std::string_view text) const;
  // The next answer; nullopt: the server closed, or said nothing that is one. `head`: it has no
  // body.
  std::optional<HttpAnswer> Read(bool head = false);
  // True once the server has closed; what still comes is thrown away.
  bool Closes() const;

 private:
  bool Fill();

  FileDescriptor fd_;
  std::string buffer_;
};

// Of a byte stream that holds one: what stands before the answer's end is taken off.
// nullopt: it is not whole yet.
std::optional<HttpAnswer> TakeAnswer(std::string& buffer, bool head);

// One request on a connection of its own.
std::optional<HttpAnswer> Get(std::uint16_t port, const std::string& target,
                              const std::string& headers = "",
                              const std::string& from = "127.0.0.1");

}  // namespace backscatter::support
