#include "tests/support/tls_client.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <ctime>

namespace backscatter::support {
namespace {

std::string Export(gnutls_x509_crt_t certificate) {
  gnutls_datum_t out{};
  gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &out);
  std::string text(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return text;
}

std::string Export(gnutls_x509_privkey_t key) {
  gnutls_datum_t out{};
  gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &out);
  std::string text(reinterpret_cast<char*>(out.data), out.size);
  gnutls_free(out.data);
  return text;
}

gnutls_datum_t Datum(const std::string& text) {
  auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  return {bytes, static_cast<unsigned>(text.size())};
}

}  // namespace

MadeCertificate MakeCertificate(std::uint8_t serial, const MadeCertificate* issuer,
                                bool authority) {
  gnutls_x509_privkey_t key = nullptr;
  gnutls_x509_privkey_init(&key);
  gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                               GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
  gnutls_x509_crt_t certificate = nullptr;
  gnutls_x509_crt_init(&certificate);
  gnutls_x509_crt_set_version(certificate, 3);
  gnutls_x509_crt_set_serial(certificate, &serial, 1);
  gnutls_x509_crt_set_activation_time(certificate, std::time(nullptr) - 3600);
  gnutls_x509_crt_set_expiration_time(certificate, std::time(nullptr) + 3600);
  const std::string name = "CN=localhost " + std::to_string(serial);
  gnutls_x509_crt_set_dn(certificate, name.c_str(), nullptr);
  gnutls_x509_crt_set_key(certificate, key);
  gnutls_x509_crt_set_basic_constraints(certificate, authority ? 1 : 0, -1);
  if (authority) gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_KEY_CERT_SIGN);
  if (issuer == nullptr) {
    gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
  } else {
    gnutls_x509_crt_t by = nullptr;
    gnutls_x509_privkey_t by_key = nullptr;
    gnutls_x509_crt_init(&by);
    gnutls_x509_privkey_init(&by_key);
    const gnutls_datum_t by_text = Datum(issuer->certificate);
    const gnutls_datum_t by_key_text = Datum(issuer->key);
    gnutls_x509_crt_import(by, &by_text, GNUTLS_X509_FMT_PEM);
    gnutls_x509_privkey_import2(by_key, &by_key_text, GNUTLS_X509_FMT_PEM, nullptr, 0);
    gnutls_x509_crt_sign2(certificate, by, by_key, GNUTLS_DIG_SHA256, 0);
    gnutls_x509_crt_deinit(by);
    gnutls_x509_privkey_deinit(by_key);
  }
  MadeCertificate made{Export(certificate), Export(key)};
  gnutls_x509_crt_deinit(certificate);
  gnutls_x509_privkey_deinit(key);
  return made;
}

struct TlsClient::Session {
  ~Session() {
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
  }

  gnutls_session_t session = nullptr;
  gnutls_certificate_credentials_t credentials = nullptr;
};

TlsClient::TlsClient(std::uint16_t port, const std::string& priorities, const MadeCertificate* own)
    : socket_(port), session_(std::make_unique<Session>()) {
  gnutls_certificate_allocate_credentials(&session_->credentials);
  if (own != nullptr) {
    const gnutls_datum_t certificate = Datum(own->certificate);
    const gnutls_datum_t key = Datum(own->key);
    gnutls_certificate_set_x509_key_mem(session_->credentials, &certificate, &key,
                                        GNUTLS_X509_FMT_PEM);
  }
  // It shows what it has, also to a server that does not name its issuer.
  gnutls_init(&session_->session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT);
  gnutls_priority_set_direct(session_->session, priorities.c_str(), nullptr);
  gnutls_credentials_set(session_->session, GNUTLS_CRD_CERTIFICATE, session_->credentials);
  gnutls_transport_set_int(session_->session, socket_.fd());
  int error;
  do {
    error = gnutls_handshake(session_->session);
  } while (error < 0 && gnutls_error_is_fatal(error) == 0);
  connected_ = error == 0;
}

TlsClient::~TlsClient() = default;

std::string TlsClient::version() const {
  return gnutls_protocol_get_name(gnutls_protocol_get_version(session_->session));
}

std::uint8_t TlsClient::serial() const {
  unsigned count = 0;
  const gnutls_datum_t* const peers = gnutls_certificate_get_peers(session_->session, &count);
  if (peers == nullptr || count == 0) return 0;
  gnutls_x509_crt_t certificate = nullptr;
  gnutls_x509_crt_init(&certificate);
  gnutls_x509_crt_import(certificate, &peers[0], GNUTLS_X509_FMT_DER);
  std::uint8_t serial = 0;
  std::size_t size = 1;
  gnutls_x509_crt_get_serial(certificate, &serial, &size);
  gnutls_x509_crt_deinit(certificate);
  return serial;
}

std::optional<HttpAnswer> TlsClient::Get(const std::string& target) {
  if (!connected_) return std::nullopt;
  const std::string request = "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  if (gnutls_record_send(session_->session, request.data(), request.size()) < 0) {
    return std::nullopt;
  }
  while (true) {
    std::optional<HttpAnswer> answer = TakeAnswer(buffer_, false);
    if (answer) return answer;
    char bytes[16384];
    const ssize_t got = gnutls_record_recv(session_->session, bytes, sizeof bytes);
    if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED) continue;
    if (got <= 0) return std::nullopt;
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
}

}  // namespace backscatter::support
