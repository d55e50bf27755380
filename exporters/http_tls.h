// How an HTTP server speaks TLS.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace backscatter {

// As the web configuration of Prometheus names them.
enum class ClientAuth : std::uint8_t {
  kNone,
  kRequest,           // asked for, and not looked at
  kRequireAny,        // must come, not verified
  kVerifyIfGiven,     // against client_ca
  kRequireAndVerify,  // likewise, and must come
};

struct HttpTls {
  std::string certificate = {};  // PEM, the server's own first, then what it is signed by
  std::string key = {};          // PEM
  std::string client_ca = {};    // PEM; empty: none
  ClientAuth client_auth = ClientAuth::kNone;
  bool tls12 = true;
  bool tls13 = true;
  bool server_precedence = true;
  std::vector<std::string> groups = {};  // of GnuTLS: "GROUP-X25519"; empty: those it deems secure

  friend bool operator==(const HttpTls&, const HttpTls&) = default;
};

// The priority string of GnuTLS: forward secrecy and authenticated ciphers alone.
std::string TlsPriorities(const HttpTls& tls);

// InvalidArgument: a certificate, key or version that cannot be used, and why.
absl::Status CheckTls(const HttpTls& tls);

// What a handshake asks its client for. `session` is a gnutls_session_t that has just begun.
void AskForClientCertificate(void* session, ClientAuth auth);

}  // namespace backscatter
