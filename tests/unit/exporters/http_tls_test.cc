// The HTTP server behind TLS: versions, certificates that change, clients that show theirs.
#include "exporters/http_tls.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/tls_client.h"
#include "tests/unit/exporters/http_server_fixture.h"

namespace backscatter {
namespace {

using support::HttpSocket;
using support::MadeCertificate;
using support::MakeCertificate;
using support::TlsClient;
using testing::HasSubstr;

class HttpTlsTest : public HttpServerTest {
 protected:
  HttpSettings With(HttpTls tls) const { return {.tls = std::move(tls)}; }
  HttpTls TlsOf(const MadeCertificate& made) const {
    return {.certificate = made.certificate, .key = made.key};
  }

  const MadeCertificate first_ = MakeCertificate(1);
  const MadeCertificate second_ = MakeCertificate(2);
};

TEST_F(HttpTlsTest, BothVersionsAreSpokenAndNoOlderOnes) {
  Serve(With(TlsOf(first_)));
  TlsClient newer(port());
  EXPECT_EQ(newer.Get("/")->body, "hello\n");
  EXPECT_EQ(newer.version(), "TLS1.3");
  EXPECT_EQ(newer.Get("/long")->body, long_text_);
  TlsClient older(port(), "NORMAL:-VERS-ALL:+VERS-TLS1.2");
  EXPECT_EQ(older.Get("/")->body, "hello\n");
  EXPECT_EQ(older.version(), "TLS1.2");
  EXPECT_FALSE(TlsClient(port(), "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0").connected());
  EXPECT_FALSE(
      TlsClient(port(), "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC").connected());
}

TEST_F(HttpTlsTest, VersionsCanBeNarrowed) {
  HttpTls tls = TlsOf(first_);
  tls.tls12 = false;
  Serve(With(tls));
  EXPECT_FALSE(TlsClient(port(), "NORMAL:-VERS-ALL:+VERS-TLS1.2").connected());
  EXPECT_TRUE(TlsClient(port()).connected());
  tls.tls12 = true;
  tls.tls13 = false;
  tls.groups = {"GROUP-SECP384R1"};
  ASSERT_TRUE(server_->Apply(With(tls)).ok());
  TlsClient older(port());
  EXPECT_EQ(older.version(), "TLS1.2");
  EXPECT_FALSE(TlsClient(port(), "NORMAL:-GROUP-ALL:+GROUP-X25519").connected());
}

TEST_F(HttpTlsTest, WhatIsNoTlsIsClosedAndHarmsNobody) {
  limits_.header = kShort;
  Serve(With(TlsOf(first_)));
  std::vector<std::unique_ptr<HttpSocket>> bad;
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);  // it is cut off
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), hello, hello + std::string(2000, '\xff'),
        std::string(600, '\0'), std::string("\x80\x2e\x01\x03\x01", 5), std::string()}) {
    bad.push_back(std::make_unique<HttpSocket>(port()));
    bad.back()->Send(bytes);
  }
  EXPECT_EQ(TlsClient(port()).Get("/")->status, 200);
  for (const auto& each : bad) EXPECT_TRUE(each->Closes());
  EXPECT_EQ(TlsClient(port()).Get("/")->status, 200);
  EXPECT_TRUE(Becomes([this] { return counts().open == 0; }));
}

TEST_F(HttpTlsTest, ACertificateChangesWithoutAnEndForWhoIsThere) {
  Serve(With(TlsOf(first_)));
  TlsClient before(port());
  EXPECT_EQ(before.serial(), 1);
  HttpSocket asking(port());  // has not said anything yet: its handshake is the old one's
  ASSERT_TRUE(server_->Apply(With(TlsOf(second_))).ok());
  const auto answer = before.Get("/");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->Header("connection"), "close");
  TlsClient after(port());
  EXPECT_EQ(after.serial(), 2);
  EXPECT_EQ(after.Get("/")->Header("connection"), "");
}

TEST_F(HttpTlsTest, WhatIsIdleUnderAnOldCertificateEndsSoon) {
  limits_.retired = kShort;
  Serve(With(TlsOf(first_)));
  TlsClient idle(port());
  ASSERT_EQ(idle.Get("/")->status, 200);
  ASSERT_TRUE(server_->Apply(With(TlsOf(second_))).ok());
  EXPECT_TRUE(Becomes([this] { return counts().open == 0; }));
  EXPECT_FALSE(idle.Get("/").has_value());
}

TEST_F(HttpTlsTest, TooManyChangesAtOnceAreRefusedAndCanBeTriedAgain) {
  limits_.header = kShort;
  Serve(With(TlsOf(first_)));
  std::vector<std::unique_ptr<HttpSocket>> holding;
  absl::Status applied;
  for (int i = 0; i < 6 && applied.ok(); ++i) {
    holding.push_back(std::make_unique<HttpSocket>(port()));
    const std::uint64_t wanted = holding.size();
    ASSERT_TRUE(Becomes([&] { return counts().accepted == wanted; }));
    applied = server_->Apply(With(TlsOf(i % 2 == 0 ? second_ : first_)));
  }
  EXPECT_TRUE(absl::IsUnavailable(applied)) << applied;
  EXPECT_EQ(TlsClient(port()).Get("/")->status, 200);
  EXPECT_TRUE(Becomes([this] { return server_->Apply(With(TlsOf(first_))).ok(); }));
}

TEST_F(HttpTlsTest, ABrokenCertificateLeavesTheOldOne) {
  Serve(With(TlsOf(first_)));
  HttpTls mixed = TlsOf(second_);
  mixed.key = first_.key;
  const absl::Status wrong = server_->Apply(With(mixed));
  EXPECT_TRUE(absl::IsInvalidArgument(wrong));
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("cert_file and key_file"));
  EXPECT_TRUE(absl::IsInvalidArgument(server_->Apply(With({.certificate = "x", .key = "y"}))));
  EXPECT_EQ(TlsClient(port()).serial(), 1);
}

TEST_F(HttpTlsTest, ItCanBeTurnedOnAndOff) {
  Serve();
  EXPECT_EQ(support::Get(port(), "/")->status, 200);
  ASSERT_TRUE(server_->Apply(With(TlsOf(first_))).ok());
  EXPECT_EQ(TlsClient(port()).Get("/")->status, 200);
  EXPECT_FALSE(support::Get(port(), "/").has_value());
  ASSERT_TRUE(server_->Apply({}).ok());
  EXPECT_EQ(support::Get(port(), "/")->status, 200);
}

class ClientCertificates : public HttpTlsTest {
 protected:
  // Whether a client is served with no certificate, with a stranger's, and with one that is signed.
  std::string Served(ClientAuth auth, const char* versions) {
    HttpTls tls = TlsOf(first_);
    tls.client_auth = auth;
    if (auth == ClientAuth::kVerifyIfGiven || auth == ClientAuth::kRequireAndVerify) {
      tls.client_ca = authority_.certificate;
    }
    if (server_ == nullptr) {
      Serve(With(tls));
    } else {
      EXPECT_TRUE(Becomes([&] { return server_->Apply(With(tls)).ok(); }));
    }
    std::string served;
    for (const MadeCertificate* const own :
         {static_cast<const MadeCertificate*>(nullptr), &stranger_, &signed_}) {
      TlsClient client(port(), versions, own);
      const auto answer = client.Get("/");
      served += answer && answer->status == 200 ? "y" : "n";
    }
    return served;
  }

  const MadeCertificate authority_ = MakeCertificate(10, nullptr, true);
  const MadeCertificate signed_ = MakeCertificate(11, &authority_);
  const MadeCertificate stranger_ = MakeCertificate(12);
};

TEST_F(ClientCertificates, AreAskedForAsTheSettingsSay) {
  for (const char* const versions : {"NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.2"}) {
    EXPECT_EQ(Served(ClientAuth::kNone, versions), "yyy") << versions;
    EXPECT_EQ(Served(ClientAuth::kRequest, versions), "yyy") << versions;
    EXPECT_EQ(Served(ClientAuth::kRequireAny, versions), "nyy") << versions;
    EXPECT_EQ(Served(ClientAuth::kVerifyIfGiven, versions), "yny") << versions;
    EXPECT_EQ(Served(ClientAuth::kRequireAndVerify, versions), "nny") << versions;
  }
}

}  // namespace
}  // namespace backscatter
