#include "agent/app/config_web.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "yaml-cpp/yaml.h"

#include "agent/app/nearest_name.h"
#include "agent/app/words.h"
#include "agent/base/escape.h"
#include "agent/base/file_descriptor.h"
#include "exporters/http_tls.h"
#include "exporters/http_users.h"

namespace backscatter {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostHeader = 2048;  // every answer has it, in a buffer of its own
constexpr int kMostCost = 14;              // of bcrypt: about a second
constexpr std::string_view kClientAuths =
    "NoClientCert|RequestClientCert|RequireAnyClientCert|VerifyClientCertIfGiven|"
    "RequireAndVerifyClientCert";
constexpr std::string_view kVersions = "TLS12|TLS13";
constexpr std::string_view kCurves = "CurveP256|CurveP384|CurveP521|X25519";
constexpr std::string_view kGroups[] = {"GROUP-SECP256R1", "GROUP-SECP384R1", "GROUP-SECP521R1",
                                        "GROUP-X25519"};

FileStamp StampOf(const std::string& path, const struct stat& status) {
  return {.path = path,
          .device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .changed = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// A relative path is one of the folder that holds `file`.
std::string Beside(const std::string& file, const std::string& path) {
  const std::size_t slash = file.rfind('/');
  if (path.starts_with('/') || slash == std::string::npos) return path;
  return file.substr(0, slash + 1) + path;
}

class Reader {
 public:
  Reader(std::string path, WebConfig& out) : path_(std::move(path)), out_(out) {}

  void Read();

 private:
  using Take = std::function<void(const YAML::Node&)>;
  struct Key {
    std::string_view name;
    Take take;             // null: of the format, not supported here
    std::string_view why;  // not
  };

  void Document(const YAML::Node& root);
  void Section(const YAML::Node& node, std::string_view section, std::span<const Key> keys);
  void Tls(const YAML::Node& node);
  void Http(const YAML::Node& node);
  void Users(const YAML::Node& node);
  void FinishTls();
  // Each entry of a mapping once, with its place in `where_`.
  void Entries(const YAML::Node& node, std::string_view section,
               const std::function<void(const std::string&, const YAML::Node&)>& visit);

  Take Text(std::string& out);
  Take File(std::string& text, std::string_view key);
  Take Bool(std::string_view key, const std::function<void(bool)>& out);
  Take Word(std::string_view key, std::string_view words, const std::function<void(std::size_t)>&);
  Take Curves();
  std::optional<std::string> ReadFile(const std::string& path);
  void Problem(const std::string& what) { problems_.push_back(where_ + ": " + what); }
  std::string Where(const YAML::Node& node) const;

  const std::string path_;
  WebConfig& out_;
  std::vector<std::string> problems_;
  std::string where_;
  HttpTls tls_;
  bool has_tls_ = false;
  std::size_t min_version_ = 0;
  std::size_t max_version_ = 1;
};

std::string Reader::Where(const YAML::Node& node) const {
  const int line = node.Mark().line;  // -1 where it was not parsed from text
  return EscapeForTerminal(path_) + (line < 0 ? "" : ":" + std::to_string(line + 1));
}

// nullopt: it cannot be read, and that is among the problems.
std::optional<std::string> Reader::ReadFile(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status;
  if (!fd.valid() || fstat(fd.get(), &status) != 0) {
    const int error = errno;
    out_.files.push_back({.path = path});
    Problem("cannot read " + EscapeForTerminal(path) + ": " + std::strerror(error));
    return std::nullopt;
  }
  out_.files.push_back(StampOf(path, status));
  std::string text;
  char buffer[16384];
  while (text.size() <= kMostBytes) {
    const ssize_t length = read(fd.get(), buffer, sizeof buffer);
    if (length == 0) return text;
    if (length < 0) {
      Problem("cannot read " + EscapeForTerminal(path) + ": " + std::strerror(errno));
      return std::nullopt;
    }
    text.append(buffer, static_cast<std::size_t>(length));
  }
  Problem(EscapeForTerminal(path) + " is over 1 MiB");
  return std::nullopt;
}

void Reader::Read() {
  where_ = EscapeForTerminal(path_);
  const std::optional<std::string> text = ReadFile(path_);
  if (text) {
    try {
      const std::vector<YAML::Node> documents = YAML::LoadAll(*text);
      if (documents.size() > 1) Problem("holds several YAML documents (a line \"---\")");
      if (!documents.empty()) Document(documents.front());
    } catch (const YAML::Exception& error) {
      const std::string line = error.mark.line < 0 ? "" : ":" + std::to_string(error.mark.line + 1);
      problems_.push_back(EscapeForTerminal(path_) + line +
                          ": no valid YAML: " + EscapeForTerminal(error.msg));
    }
  }
  if (problems_.empty() && has_tls_) FinishTls();
  if (problems_.empty()) return;
  out_.settings = {};
  out_.status = absl::InvalidArgumentError(JoinWords(problems_, "\n"));
}

void Reader::Entries(const YAML::Node& node, std::string_view section,
                     const std::function<void(const std::string&, const YAML::Node&)>& visit) {
  if (node.IsNull()) return;
  if (!node.IsMap()) {
    where_ = Where(node);
    Problem(std::string(section) + " wants keys and values");
    return;
  }
  std::map<std::string, std::string> seen;
  for (const auto& pair : node) {
    where_ = Where(pair.first);
    if (!pair.first.IsScalar()) {
      Problem("a key must be a plain word");
      continue;
    }
    const std::string name = pair.first.Scalar();
    const auto [earlier, is_new] = seen.emplace(name, where_);
    if (is_new) {
      visit(name, pair.second);
    } else {
      Problem(QuotedText(name) + " stands here a second time; the first is at " + earlier->second);
    }
  }
}

void Reader::Section(const YAML::Node& node, std::string_view section, std::span<const Key> keys) {
  Entries(node, section, [&](const std::string& name, const YAML::Node& value) {
    const auto key = std::ranges::find(keys, name, &Key::name);
    if (key == keys.end()) {
      std::vector<std::string_view> names;
      for (const Key& each : keys) names.push_back(each.name);
      const std::string_view nearest = NearestName(name, names);
      Problem("unknown key " + QuotedText(name) +
              (nearest.empty() ? "" : "; did you mean \"" + std::string(nearest) + "\"?"));
    } else if (!key->take) {
      Problem(QuotedText(name) + " is not supported: " + std::string(key->why));
    } else {
      key->take(value);
    }
  });
}

void Reader::Document(const YAML::Node& root) {
  const Key keys[] = {
      {"tls_server_config", [this](const YAML::Node& node) { Tls(node); }, {}},
      {"http_server_config", [this](const YAML::Node& node) { Http(node); }, {}},
      {"basic_auth_users", [this](const YAML::Node& node) { Users(node); }, {}},
      {"rate_limit", nullptr, "the limits are fixed (docs/OPERATIONS.md, HTTP)"},
  };
  Section(root, "the file", keys);
}

Reader::Take Reader::Text(std::string& out) {
  return [this, &out](const YAML::Node& node) {
    if (node.IsNull()) return;
    if (!node.IsScalar()) return Problem("a text is wanted here");
    out = node.Scalar();
  };
}

Reader::Take Reader::File(std::string& text, std::string_view key) {
  return [this, &text, key](const YAML::Node& node) {
    std::string path;
    Text(path)(node);
    if (path.empty()) return;
    if (!text.empty()) return Problem(std::string(key) + ": it is given as a text too");
    text = ReadFile(Beside(path_, path)).value_or("");
    if (text.empty() && problems_.empty()) Problem(QuotedText(path) + " is empty");
  };
}

Reader::Take Reader::Bool(std::string_view key, const std::function<void(bool)>& out) {
  return [this, key, out](const YAML::Node& node) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (text != "true" && text != "false") {
      return Problem(std::string(key) + " wants true or false, not " + QuotedText(text));
    }
    out(text == "true");
  };
}

Reader::Take Reader::Word(std::string_view key, std::string_view words,
                          const std::function<void(std::size_t)>& out) {
  return [this, key, words, out](const YAML::Node& node) {
    const absl::StatusOr<std::size_t> place =
        ParseWord(node.IsScalar() ? node.Scalar() : "", words);
    if (!place.ok()) {
      return Problem(std::string(key) + " " + std::string(place.status().message()));
    }
    out(*place);
  };
}

Reader::Take Reader::Curves() {
  return [this](const YAML::Node& node) {
    if (node.IsNull()) return;
    if (!node.IsSequence()) return Problem("curve_preferences wants a list");
    for (const YAML::Node& each : node) {
      Word("curve_preferences", kCurves,
           [this](std::size_t place) { tls_.groups.emplace_back(kGroups[place]); })(each);
    }
  };
}

void Reader::Tls(const YAML::Node& node) {
  has_tls_ = node.IsMap() && node.size() > 0;
  const Key keys[] = {
      {"cert", Text(tls_.certificate), {}},
      {"key", Text(tls_.key), {}},
      {"client_ca", Text(tls_.client_ca), {}},
      {"cert_file", File(tls_.certificate, "cert_file"), {}},
      {"key_file", File(tls_.key, "key_file"), {}},
      {"client_ca_file", File(tls_.client_ca, "client_ca_file"), {}},
      {"client_auth_type",
       Word("client_auth_type", kClientAuths,
            [this](std::size_t place) { tls_.client_auth = static_cast<ClientAuth>(place); }),
       {}},
      {"min_version",
       Word("min_version", kVersions, [this](std::size_t place) { min_version_ = place; }),
       {}},
      {"max_version",
       Word("max_version", kVersions, [this](std::size_t place) { max_version_ = place; }),
       {}},
      {"prefer_server_cipher_suites",
       Bool("prefer_server_cipher_suites", [this](bool yes) { tls_.server_precedence = yes; }),
       {}},
      {"curve_preferences", Curves(), {}},
      {"cipher_suites", nullptr,
       "the ciphers are AES-GCM and ChaCha20-Poly1305, with forward secrecy"},
      {"client_allowed_sans", nullptr, "the names of client certificates are not looked at"},
  };
  Section(node, "tls_server_config", keys);
}

// The rules of the format for what goes together.
void Reader::FinishTls() {
  where_ = EscapeForTerminal(path_);
  tls_.tls12 = min_version_ == 0;
  tls_.tls13 = max_version_ == 1;
  const bool verifies = tls_.client_auth == ClientAuth::kVerifyIfGiven ||
                        tls_.client_auth == ClientAuth::kRequireAndVerify;
  if (min_version_ > max_version_) {
    Problem("min_version is above max_version");
  } else if (tls_.certificate.empty() || tls_.key.empty()) {
    Problem("tls_server_config wants cert_file and key_file");
  } else if (!tls_.client_ca.empty() && tls_.client_auth == ClientAuth::kNone) {
    Problem("client_ca_file has no effect without client_auth_type");
  } else if (tls_.client_ca.empty() && verifies) {
    Problem("this client_auth_type wants client_ca_file");
  } else if (const absl::Status status = CheckTls(tls_); !status.ok()) {
    Problem(std::string(status.message()));
  }
  out_.settings.tls = std::move(tls_);
}

void Reader::Http(const YAML::Node& node) {
  const auto header = [this](std::string_view name, std::string_view words) {
    return [this, name, words](const YAML::Node& value) {
      std::string text;
      Text(text)(value);
      if (text.empty()) return;
      const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
      if (text.size() > kMostHeader || std::ranges::any_of(text, is_control)) {
        return Problem(std::string(name) + " wants a text of one line, of 2048 bytes at the most");
      }
      if (!words.empty()) {
        const absl::StatusOr<std::size_t> place = ParseWord(text, words);
        if (!place.ok()) {
          return Problem(std::string(name) + " " + std::string(place.status().message()));
        }
      }
      out_.settings.headers.emplace_back(name, text);
    };
  };
  const Key headers[] = {
      {"Content-Security-Policy", header("Content-Security-Policy", ""), {}},
      {"X-Frame-Options", header("X-Frame-Options", "deny|sameorigin"), {}},
      {"X-Content-Type-Options", header("X-Content-Type-Options", "nosniff"), {}},
      {"X-XSS-Protection", header("X-XSS-Protection", ""), {}},
      {"Strict-Transport-Security", header("Strict-Transport-Security", ""), {}},
  };
  const Key keys[] = {
      {"http2",
       Bool("http2",
            [this](bool yes) {
              if (yes) Problem("\"http2\" is not supported: it can only be false");
            }),
       {}},
      {"headers", [&](const YAML::Node& each) { Section(each, "headers", headers); }, {}},
  };
  Section(node, "http_server_config", keys);
}

void Reader::Users(const YAML::Node& node) {
  Entries(node, "basic_auth_users", [this](const std::string& name, const YAML::Node& value) {
    const std::string hash = value.IsScalar() ? value.Scalar() : "";
    const std::optional<int> cost = BcryptCost(hash);
    const auto is_wrong = [](char c) { return c == ':' || static_cast<unsigned char>(c) < 0x20; };
    if (name.empty() || std::ranges::any_of(name, is_wrong)) {
      Problem("a user's name is neither empty nor does it hold a colon");
    } else if (!cost) {
      Problem("the password of " + QuotedText(name) +
              " wants a bcrypt hash ($2y$10$...), as `htpasswd -nBC 10 NAME` makes it");
    } else if (*cost > kMostCost) {
      Problem("the password of " + QuotedText(name) + " has the cost " + std::to_string(*cost) +
              "; over " + std::to_string(kMostCost) + " each check takes too long");
    } else {
      out_.settings.users.push_back({name, hash});
    }
  });
}

}  // namespace

FileStamp StampOf(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return {.path = path};
  return StampOf(path, status);
}

WebConfig ReadWebConfig(const std::string& path) {
  WebConfig config;
  Reader(path, config).Read();
  return config;
}

}  // namespace backscatter
