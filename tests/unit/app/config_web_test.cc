#include "agent/app/config_web.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/tls_client.h"

namespace backscatter {
namespace {

using support::MadeCertificate;
using support::MakeCertificate;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr char kHash[] = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze";

class ConfigWeb : public testing::Test {
 protected:
  ConfigWeb() {
    char name[] = "/tmp/backscatter_web_XXXXXX";
    directory_ = mkdtemp(name);
    Write("server.crt", server_.certificate);
    Write("server.key", server_.key);
    Write("other.key", MakeCertificate(2).key);
    Write("empty.pem", "");
  }
  ~ConfigWeb() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  WebConfig Read(const std::string& text) const {
    Write("web.yml", text);
    return ReadWebConfig(Path("web.yml"));
  }
  // With the folder's name taken out.
  std::string Error(const std::string& text) const {
    std::string message(Read(text).status.message());
    for (std::size_t at; (at = message.find(directory_ + "/")) != std::string::npos;) {
      message.erase(at, directory_.size() + 1);
    }
    return message;
  }
  static std::string Tls(const std::string& more) {
    return "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n" + more;
  }

  const MadeCertificate server_ = MakeCertificate(1, nullptr, true);
  std::string directory_;
};

TEST_F(ConfigWeb, AnEmptyFileIsPlainHttpForEveryone) {
  for (const char* const text : {"", "# nothing\n", "tls_server_config:\nbasic_auth_users: {}\n"}) {
    const WebConfig config = Read(text);
    EXPECT_TRUE(config.status.ok()) << config.status;
    EXPECT_EQ(config.settings, HttpSettings());
  }
}

TEST_F(ConfigWeb, EveryKeyThatIsSupportedHasItsEffect) {
  const WebConfig config = Read(
      "tls_server_config:\n"
      "  cert_file: server.crt\n"
      "  key_file: " +
      Path("server.key") +
      "\n"
      "  client_auth_type: RequireAndVerifyClientCert\n"
      "  client_ca_file: server.crt\n"
      "  min_version: TLS13\n"
      "  max_version: TLS13\n"
      "  prefer_server_cipher_suites: false\n"
      "  curve_preferences: [X25519, CurveP256]\n"
      "http_server_config:\n"
      "  http2: false\n"
      "  headers:\n"
      "    X-Frame-Options: deny\n"
      "    Strict-Transport-Security: max-age=31536000; includeSubDomains\n"
      "    X-XSS-Protection:\n"
      "basic_auth_users:\n"
      "  alice: " +
      std::string(kHash) + "\n");
  ASSERT_TRUE(config.status.ok()) << config.status;
  const HttpTls& tls = *config.settings.tls;
  EXPECT_EQ(tls.certificate, server_.certificate);
  EXPECT_EQ(tls.key, server_.key);
  EXPECT_EQ(tls.client_ca, server_.certificate);
  EXPECT_EQ(tls.client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_FALSE(tls.tls12);
  EXPECT_TRUE(tls.tls13);
  EXPECT_FALSE(tls.server_precedence);
  EXPECT_THAT(tls.groups, ElementsAre("GROUP-X25519", "GROUP-SECP256R1"));
  EXPECT_THAT(config.settings.headers, ElementsAre(Pair("X-Frame-Options", "deny"),
                                                   Pair("Strict-Transport-Security",
                                                        "max-age=31536000; includeSubDomains")));
  EXPECT_THAT(config.settings.users, ElementsAre(HttpUser{"alice", kHash}));
  std::vector<std::string> files;
  for (const FileStamp& file : config.files) files.push_back(file.path);
  EXPECT_THAT(files, ElementsAre(Path("web.yml"), Path("server.crt"), Path("server.key"),
                                 Path("server.crt")));
}

TEST_F(ConfigWeb, CertificatesMayStandInTheFile) {
  std::string text = "tls_server_config:\n  cert: |\n";
  const auto indented = [](const std::string& pem) {
    std::string out = "    ";
    for (const char c : pem) out += c == '\n' ? std::string("\n    ") : std::string(1, c);
    return out + "\n";
  };
  text += indented(server_.certificate) + "  key: |\n" + indented(server_.key);
  const WebConfig config = Read(text);
  ASSERT_TRUE(config.status.ok()) << config.status;
  EXPECT_TRUE(config.settings.tls.has_value());
}

TEST_F(ConfigWeb, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_EQ(Error("tls_server_confg: {}\n"),
            "web.yml:1: unknown key \"tls_server_confg\"; did you mean \"tls_server_config\"?");
  EXPECT_EQ(Error(Tls("  cert_fle: x\n")),
            "web.yml:4: unknown key \"cert_fle\"; did you mean \"cert_file\"?");
  EXPECT_EQ(Error("http_server_config:\n  headers:\n    X-Frame-Option: deny\n"),
            "web.yml:3: unknown key \"X-Frame-Option\"; did you mean \"X-Frame-Options\"?");
  EXPECT_EQ(Error("basic_auth_users: {}\nbasic_auth_users: {}\n"),
            "web.yml:2: \"basic_auth_users\" stands here a second time; the first is at web.yml:1");
  EXPECT_EQ(Error("basic_auth_users:\n  a: x\n  a: y\n").find("web.yml:2: the password of"), 0u);
  EXPECT_EQ(Error("- x\n"), "web.yml:1: the file wants keys and values");
  EXPECT_THAT(Error("a: [\n"), HasSubstr("no valid YAML"));
  EXPECT_THAT(Error("{}\n---\n{}\n"), HasSubstr("several YAML documents"));
}

TEST_F(ConfigWeb, KeysThatAreNotSupportedAreRefusedByName) {
  EXPECT_THAT(Error(Tls("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n")),
              HasSubstr("web.yml:4: \"cipher_suites\" is not supported"));
  EXPECT_THAT(Error(Tls("  client_allowed_sans: [x]\n")),
              HasSubstr("web.yml:4: \"client_allowed_sans\" is not supported"));
  EXPECT_THAT(Error("rate_limit: {interval: 1s, burst: 20}\n"),
              HasSubstr("web.yml:1: \"rate_limit\" is not supported"));
  EXPECT_THAT(Error("http_server_config: {http2: true}\n"),
              HasSubstr("web.yml:1: \"http2\" is not supported"));
  EXPECT_THAT(Error(Tls("  min_version: TLS11\n")),
              HasSubstr("web.yml:4: min_version wants one of TLS12, TLS13, not \"TLS11\""));
}

TEST_F(ConfigWeb, BadValuesAreRefused) {
  EXPECT_THAT(Error(Tls("  min_version: TLS13\n  max_version: TLS12\n")),
              HasSubstr("min_version is above max_version"));
  EXPECT_THAT(Error("tls_server_config: {cert_file: server.crt}\n"),
              HasSubstr("wants cert_file and key_file"));
  EXPECT_THAT(Error("tls_server_config: {cert_file: no.crt, key_file: server.key}\n"),
              HasSubstr("web.yml:1: cannot read no.crt: No such file"));
  EXPECT_THAT(Error("tls_server_config: {cert_file: empty.pem, key_file: server.key}\n"),
              HasSubstr("\"empty.pem\" is empty"));
  EXPECT_THAT(Error("tls_server_config: {cert_file: ., key_file: server.key}\n"),
              HasSubstr("Is a directory"));
  EXPECT_THAT(Error("tls_server_config: {cert_file: server.crt, key_file: other.key}\n"),
              HasSubstr("cert_file and key_file: "));
  EXPECT_THAT(Error("tls_server_config: {cert_file: server.key, key_file: server.key}\n"),
              HasSubstr("cert_file and key_file: "));
  EXPECT_THAT(Error(Tls("  client_ca_file: server.crt\n")),
              HasSubstr("no effect without client_auth_type"));
  EXPECT_THAT(Error(Tls("  client_auth_type: RequireAndVerifyClientCert\n")),
              HasSubstr("wants client_ca_file"));
  EXPECT_THAT(Error(Tls("  client_auth_type: VerifyClientCertIfGiven\n"
                        "  client_ca_file: server.key\n")),
              HasSubstr("client_ca_file"));
  EXPECT_THAT(Error(Tls("  client_auth_type: Always\n")), HasSubstr("wants one of NoClientCert"));
  EXPECT_THAT(Error(Tls("  curve_preferences: [CurveP224]\n")),
              HasSubstr("curve_preferences wants one of CurveP256"));
  EXPECT_THAT(Error("http_server_config: {headers: {X-Frame-Options: ALLOW}}\n"),
              HasSubstr("X-Frame-Options wants one of deny, sameorigin"));
  EXPECT_THAT(Error("http_server_config:\n  headers:\n"
                    "    Content-Security-Policy: \"a\\r\\nSet-Cookie: x\"\n"),
              HasSubstr("wants a text of one line"));
  EXPECT_THAT(Error("http_server_config:\n  headers:\n    Content-Security-Policy: " +
                    std::string(2049, 'x') + "\n"),
              HasSubstr("of 2048 bytes at the most"));
  EXPECT_THAT(Error("basic_auth_users: {alice: secret}\n"), HasSubstr("wants a bcrypt hash"));
  EXPECT_THAT(Error("basic_auth_users: {\"a:b\": \"" + std::string(kHash) + "\"}\n"),
              HasSubstr("hold a colon"));
  std::string slow = kHash;
  slow.replace(4, 2, "15");
  EXPECT_THAT(Error("basic_auth_users: {alice: \"" + slow + "\"}\n"), HasSubstr("the cost 15"));
  EXPECT_THAT(Error("basic_auth_users: {alice: secret}\n"), testing::Not(HasSubstr("secret\"")));
  EXPECT_FALSE(ReadWebConfig(Path("none.yml")).status.ok());
}

TEST_F(ConfigWeb, AStampTellsAChangedFile) {
  const WebConfig before = Read(Tls(""));
  for (const FileStamp& file : before.files) EXPECT_EQ(StampOf(file.path), file);
  std::filesystem::rename(Path("other.key"), Path("server.key"));
  EXPECT_NE(StampOf(Path("server.key")), before.files[2]);
  std::filesystem::remove(Path("server.key"));
  EXPECT_EQ(StampOf(Path("server.key")), (FileStamp{.path = Path("server.key")}));
  // What was missing is looked for again.
  const WebConfig broken = Read(Tls(""));
  EXPECT_FALSE(broken.status.ok());
  EXPECT_EQ(broken.files.back(), (FileStamp{.path = Path("server.key")}));
}

// What we take, Prometheus' own tool takes.
TEST_F(ConfigWeb, PromtoolTakesWhatWeTake) {
  const std::string promtool =
      std::string(BACKSCATTER_SOURCE_DIR) + "/build/mail-servers/tree/usr/bin/promtool";
  if (access(promtool.c_str(), X_OK) != 0) GTEST_SKIP() << "no promtool at " << promtool;
  const auto accepts = [&] {
    const std::string command =
        promtool + " check web-config " + Path("web.yml") + " >/dev/null 2>&1";
    return std::system(command.c_str()) == 0;
  };
  for (const std::string& text : {
           Tls(""),
           Tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server.crt\n"),
           Tls("  min_version: TLS13\n  curve_preferences: [X25519, CurveP521]\n"
               "  prefer_server_cipher_suites: false\n"),
           "basic_auth_users:\n  alice: " + std::string(kHash) + "\n",
           std::string("http_server_config:\n  http2: false\n  headers:\n"
                       "    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n"
                       "    Strict-Transport-Security: max-age=1\n"),
       }) {
    EXPECT_TRUE(Read(text).status.ok()) << text << Read(text).status;
    EXPECT_TRUE(accepts()) << text;
  }
  EXPECT_FALSE(Read("tls_server_confg: {}\n").status.ok());
  EXPECT_FALSE(accepts());
}

}  // namespace
}  // namespace backscatter
