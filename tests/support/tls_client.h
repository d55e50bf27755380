// Certificates made on the spot, and a TLS client that uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tests/support/http_socket.h"

namespace backscatter::support {

struct MadeCertificate {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// Of an elliptic curve, for localhost; `serial` tells one from another. Signed by `issuer`, or by
// itself where that is null; one that is `authority` may sign.
MadeCertificate MakeCertificate(std::uint8_t serial, const MadeCertificate* issuer = nullptr,
                                bool authority = false);

class TlsClient {
 public:
  // `priorities` as GnuTLS has them. `own`: what it shows when it is asked; null: nothing.
  explicit TlsClient(std::uint16_t port, const std::string& priorities = "NORMAL",
                     const MadeCertificate* own = nullptr);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }  // the handshake was done
  std::string version() const;                   // "TLS1.3"
  std::uint8_t serial() const;                   // of the server's certificate
  std::optional<HttpAnswer> Get(const std::string& target);

 private:
  struct Session;

  HttpSocket socket_;
  std::unique_ptr<Session> session_;
  bool connected_ = false;
  std::string buffer_;
};

}  // namespace backscatter::support
