#include "tests/contract/include_rules.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace backscatter::contract {
namespace {

struct Room {
  std::string_view name;
  std::vector<std::string_view> sees;  // besides itself
};

// base -> net -> {source | tcp | smtp} -> mail -> detect -> report -> exporters -> app -> tests
const std::vector<Room>& Rooms() {
  static const std::vector<Room> rooms = {
      {"wire", {}},
      {"base", {"wire"}},
      {"net", {"wire", "base"}},
      {"source", {"wire", "base", "net"}},
      {"tcp", {"wire", "base", "net"}},
      {"smtp", {"wire", "base", "net"}},
      {"mail", {"wire", "base", "net", "source", "tcp", "smtp"}},
      {"detect", {"wire", "base", "net", "source", "tcp", "smtp", "mail"}},
      {"report", {"wire", "base", "net", "source", "tcp", "smtp", "mail", "detect"}},
      {"exporters", {"wire", "base", "net", "source", "tcp", "smtp", "mail", "detect", "report"}},
      {"app",
       {"wire", "base", "net", "source", "tcp", "smtp", "mail", "detect", "report", "exporters"}},
      {"tests",
       {"wire", "base", "net", "source", "tcp", "smtp", "mail", "detect", "report", "exporters",
        "app"}},
  };
  return rooms;
}

// A library behind a wall: headers that begin so are seen only by files that begin so.
struct Wall {
  std::string_view header;
  std::vector<std::string_view> files;
};

const std::vector<Wall>& Walls() {
  static const std::vector<Wall> walls = {
      {"pcap.h", {"agent/source/pcap_", "tests/"}},
      {"pcap/", {"agent/source/pcap_", "tests/"}},
      {"bpf/libbpf.h", {"agent/source/bpf_"}},
      {"bpf/bpf.h", {"agent/source/bpf_"}},
      {"prometheus/", {"exporters/prometheus", "tests/bench/metrics"}},
      {"CLI/", {"agent/app/config"}},
      {"yaml-cpp/", {"agent/app/config"}},
      {"microhttpd.h", {"exporters/http_server"}},
      {"gnutls/", {"exporters/http_", "tests/"}},
      {"crypt.h", {"exporters/http_users"}},
      {"zlib.h", {"agent/source/", "exporters/http_gzip", "tests/"}},
      {"idn2.h", {"agent/mail/"}},
      {"openssl/", {"agent/mail/", "exporters/metric_labels."}},
      {"absl/strings/string_view.h", {"agent/base/abseil_bridge.h"}},
  };
  return walls;
}

constexpr std::array<std::string_view, 7> kQuotedLibraries = {
    "absl/", "CLI/", "gtest/", "nlohmann/", "gmock/", "prometheus/", "yaml-cpp/"};

bool BeginsWithOneOf(std::string_view text, const auto& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

void SkipBlanks(std::string_view* line) {
  while (!line->empty() && (line->front() == ' ' || line->front() == '\t')) line->remove_prefix(1);
}

struct Include {
  std::string_view header;  // empty: the line is no #include
  bool quoted = false;
};

Include ParseInclude(std::string_view line) {
  SkipBlanks(&line);
  if (!line.starts_with('#')) return {};
  line.remove_prefix(1);
  SkipBlanks(&line);
  constexpr std::string_view kWord = "include";
  if (!line.starts_with(kWord)) return {};
  line.remove_prefix(kWord.size());
  SkipBlanks(&line);
  if (line.empty() || (line.front() != '"' && line.front() != '<')) return {};
  const bool quoted = line.front() == '"';
  const std::size_t end = line.find(quoted ? '"' : '>', 1);
  if (end == std::string_view::npos) return {};
  return {line.substr(1, end - 1), quoted};
}

bool IsSkeleton(std::string_view header) { return header.ends_with(".skel.h"); }

void CheckInclude(std::string_view path, Include include, std::vector<std::string>* faults) {
  const auto fault = [&](std::string_view what) {
    faults->push_back(std::string(path) + " includes " + std::string(include.header) + ": " +
                      std::string(what));
  };
  for (const Wall& wall : Walls()) {
    if (include.header.starts_with(wall.header) && !BeginsWithOneOf(path, wall.files)) {
      fault("this library is for " + std::string(wall.files.front()) + "* only");
    }
  }
  if (IsSkeleton(include.header) && !path.starts_with("agent/source/bpf_")) {
    fault("skeletons are for agent/source/bpf_* only");
  }
  const std::string_view to = RoomOf(include.header);
  if (to.empty()) {
    if (include.quoted && !IsSkeleton(include.header) &&
        !BeginsWithOneOf(include.header, kQuotedLibraries)) {
      fault("a header of the project is named from the root of the tree");
    }
    return;
  }
  const std::string_view from = RoomOf(path);
  if (!EdgeAllowed(from, to)) {
    fault("room '" + std::string(from) + "' must not see room '" + std::string(to) + "'");
  }
}

}  // namespace

std::string_view RoomOf(std::string_view path) {
  if (path == "bpf/include/wire.h") return "wire";
  if (path.starts_with("agent/")) {
    path.remove_prefix(std::string_view("agent/").size());
  } else if (!path.starts_with("exporters/") && !path.starts_with("tests/")) {
    return {};
  }
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

bool EdgeAllowed(std::string_view from, std::string_view to) {
  for (const Room& room : Rooms()) {
    if (room.name != from) continue;
    return from == to || std::find(room.sees.begin(), room.sees.end(), to) != room.sees.end();
  }
  return false;
}

std::vector<std::string> CheckIncludes(std::string_view path, std::string_view text) {
  std::vector<std::string> faults;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const Include include = ParseInclude(text.substr(0, end));
    if (!include.header.empty()) CheckInclude(path, include, &faults);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return faults;
}

std::vector<std::string> CheckLinks(std::string_view path, std::string_view text) {
  constexpr std::string_view kNamespace = "backscatter::";
  std::vector<std::string> faults;
  const std::string_view from = RoomOf(path);
  if (from == "tests") return faults;  // sees everything, also targets that are no rooms
  for (std::size_t at = text.find(kNamespace); at != std::string_view::npos;
       at = text.find(kNamespace, at)) {
    at += kNamespace.size();
    std::size_t end = at;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
      ++end;
    }
    const std::string_view to = text.substr(at, end - at);
    if (to != "options" && !EdgeAllowed(from, to)) {
      faults.push_back(std::string(path) + " links to backscatter::" + std::string(to) +
                       ": room '" + std::string(from) + "' must not see it");
    }
  }
  return faults;
}

}  // namespace backscatter::contract
