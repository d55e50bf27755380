#include "exporters/http_tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <memory>
#include <string_view>

namespace backscatter {
namespace {

gnutls_datum_t Datum(const std::string& text) {
  // The library does not write to it.
  auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  return {bytes, static_cast<unsigned>(text.size())};
}

absl::Status Wrong(std::string_view what, int error) {
  return absl::InvalidArgumentError(std::string(what) + ": " + gnutls_strerror(error));
}

// Ends the handshake where it returns other than 0.
int VerifyGiven(gnutls_session_t session) {
  unsigned count = 0;
  if (gnutls_certificate_get_peers(session, &count) == nullptr || count == 0) return 0;
  unsigned status = 0;
  gnutls_typed_vdata_st purpose = {};
  purpose.type = GNUTLS_DT_KEY_PURPOSE_OID;
  std::string client = GNUTLS_KP_TLS_WWW_CLIENT;
  purpose.data = reinterpret_cast<unsigned char*>(client.data());
  const int error = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
  return error == 0 && status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

}  // namespace

std::string TlsPriorities(const HttpTls& tls) {
  std::string text = "SECURE128:-VERS-ALL";
  if (tls.tls13) text += ":+VERS-TLS1.3";
  if (tls.tls12) text += ":+VERS-TLS1.2";
  text += ":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA";
  text += ":-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305";
  if (!tls.groups.empty()) text += ":-GROUP-ALL";
  for (const std::string& group : tls.groups) text += ":+" + group;
  if (tls.server_precedence) text += ":%SERVER_PRECEDENCE";
  return text;
}

absl::Status CheckTls(const HttpTls& tls) {
  gnutls_certificate_credentials_t credentials = nullptr;
  int error = gnutls_certificate_allocate_credentials(&credentials);
  if (error != 0) return Wrong("TLS", error);
  const std::unique_ptr<gnutls_certificate_credentials_st,
                        decltype(&gnutls_certificate_free_credentials)>
      owner(credentials, &gnutls_certificate_free_credentials);
  const gnutls_datum_t certificate = Datum(tls.certificate);
  const gnutls_datum_t key = Datum(tls.key);
  error = gnutls_certificate_set_x509_key_mem(credentials, &certificate, &key, GNUTLS_X509_FMT_PEM);
  if (error < 0) return Wrong("cert_file and key_file", error);
  if (!tls.client_ca.empty()) {
    const gnutls_datum_t ca = Datum(tls.client_ca);
    error = gnutls_certificate_set_x509_trust_mem(credentials, &ca, GNUTLS_X509_FMT_PEM);
    if (error < 0) return Wrong("client_ca_file", error);
    if (error == 0) return absl::InvalidArgumentError("client_ca_file: holds no certificate");
  }
  gnutls_priority_t priorities = nullptr;
  error = gnutls_priority_init(&priorities, TlsPriorities(tls).c_str(), nullptr);
  if (error != 0) return Wrong("versions and curves of TLS", error);
  gnutls_priority_deinit(priorities);
  return absl::OkStatus();
}

void AskForClientCertificate(void* session, ClientAuth auth) {
  auto* const tls = static_cast<gnutls_session_t>(session);
  switch (auth) {
    case ClientAuth::kNone:
      gnutls_certificate_server_set_request(tls, GNUTLS_CERT_IGNORE);
      return;
    case ClientAuth::kRequest:
      gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUEST);
      return;
    case ClientAuth::kRequireAny:
      gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUIRE);
      return;
    case ClientAuth::kVerifyIfGiven:
      gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUEST);
      gnutls_session_set_verify_function(tls, VerifyGiven);
      return;
    case ClientAuth::kRequireAndVerify:
      gnutls_certificate_server_set_request(tls, GNUTLS_CERT_REQUIRE);
      gnutls_session_set_verify_function(tls, VerifyGiven);
      return;
  }
}

}  // namespace backscatter
