#include "agent/app/lookup.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "agent/app/label_names.h"
#include "agent/app/output_file.h"
#include "agent/app/say.h"
#include "agent/app/secret_file.h"
#include "agent/base/ascii.h"
#include "agent/base/escape.h"
#include "agent/mail/canonical_target.h"
#include "exporters/metric_labels.h"

namespace backscatter {
namespace {

constexpr std::streamsize kPiece = 64 << 10;
constexpr std::size_t kMostTried = 4'000'000;  // that are remembered, not to be tried again

// What an address is made of, near enough: RFC 5322 atext, dots, "@", and what is not ASCII.
bool BelongsToAddress(char c) {
  constexpr std::string_view kSpecial = "!#$%&'*+-/=?^_`{|}~.@";
  return static_cast<unsigned char>(c) >= 0x80 || IsAlpha(c) || IsDigit(c) ||
         kSpecial.find(c) != std::string_view::npos;
}

class Search {
 public:
  Search(const LookupFlags& flags, const Config& config, std::string key)
      : flags_(flags), target_(config.targets), key_(std::move(key)) {}

  // A log, a table of aliases, a passwd file: word for word, however long its lines are.
  std::optional<std::string> InStream(std::istream& in) {
    std::string text;
    std::vector<char> piece(kPiece);
    do {
      in.read(piece.data(), kPiece);
      text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
      const std::string_view rest = text;
      std::size_t used = rest.size();
      if (in) {  // the last word may go on
        while (used > 0 && BelongsToAddress(rest[used - 1])) --used;
      }
      if (auto found = InText(rest.substr(0, used))) return found;
      text.erase(0, used);
      if (text.size() > kMaxPathLength) text.clear();  // no address is that long
    } while (in);
    return std::nullopt;
  }

  bool Is(std::string_view address) const { return TargetHash(key_, address) == flags_.hash; }

 private:
  std::optional<std::string> InText(std::string_view text) {
    while (!text.empty()) {
      const auto begin = std::ranges::find_if(text, BelongsToAddress);
      const auto end = std::find_if_not(begin, text.end(), BelongsToAddress);
      if (auto found = InWord(std::string_view(begin, end))) return found;
      text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
    }
    return std::nullopt;
  }

  std::optional<std::string> InWord(std::string_view word) {
    if (word.empty() || word.size() > kMaxPathLength) return std::nullopt;
    if (auto found = Try(word)) return found;
    // orig_to=joe@example.org
    const std::size_t equals = word.find('=');
    return equals == std::string_view::npos ? std::nullopt : Try(word.substr(equals + 1));
  }

  std::optional<std::string> Try(std::string_view word) {
    while (word.ends_with('.')) word.remove_suffix(1);
    std::string path(word);
    if (word.find('@') == std::string_view::npos) {
      if (flags_.domain.empty()) return std::nullopt;
      path += "@" + flags_.domain;
    }
    if (!MakeCanonicalTarget(path, target_, canonical_)) return std::nullopt;
    if (tried_.contains(canonical_.address)) return std::nullopt;
    if (tried_.size() < kMostTried) tried_.insert(canonical_.address);
    if (Is(canonical_.address)) return canonical_.address;
    return std::nullopt;
  }

  const LookupFlags& flags_;
  const TargetOptions target_;
  const std::string key_;
  CanonicalTarget canonical_;  // scratch
  absl::flat_hash_set<std::string> tried_;
};

ExitCode Print(const std::string& address) {
  OutputFile out(STDOUT_FILENO, "standard output");
  // On a terminal nothing that came by mail may move the cursor.
  out.buffer() = (isatty(STDOUT_FILENO) != 0 ? EscapeForTerminal(address) : address) + "\n";
  const absl::Status closed = out.Close();
  if (!closed.ok() && !out.reader_gone()) Say(closed);
  return closed.ok() ? ExitCode::kDone : ExitCode::kDamaged;
}

// nullopt: not there; an error is said.
std::optional<std::string> InFile(const std::string& file, Search& search) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file);
    if (!opened) {
      Say(EscapeForTerminal(file) + ": " + std::strerror(errno));
      return std::nullopt;
    }
  }
  std::istream& in = file == "-" ? std::cin : opened;
  std::optional<std::string> found = search.InStream(in);
  if (in.bad()) Say(EscapeForTerminal(file) + ": not read to its end");
  return found;
}

void SayNotFound(const LookupFlags& flags) {
  if (flags.files.empty()) {
    Say("no address that was shown of late has the label " + flags.hash +
        "; give files that may name it, such as\n"
        "  backscatterd lookup " +
        flags.hash +
        " /var/log/mail.log\n"
        "  backscatterd lookup " +
        flags.hash + " --domain example.org /etc/passwd /etc/aliases");
    return;
  }
  Say("no address in these files has the label " + flags.hash +
      "; it may be of another host, or of a key before this one");
}

}  // namespace

ExitCode RunLookup(const LookupFlags& flags, const Config& config) {
  absl::StatusOr<std::string> key = ReadSecretFile("labels.key_file", config.labels_key_file);
  if (!key.ok()) {
    Say(std::string(key.status().message()) +
        "; a label is looked up on a host that has its key, by a user who may read it");
    return ExitCode::kUsage;
  }
  Search search(flags, config, *std::move(key));
  if (!config.labels_names_file.empty()) {
    const auto shown = LabelNames(config.labels_names_file).Find(flags.hash);
    if (shown && search.Is(*shown)) return Print(*shown);
  }
  for (const std::string& file : flags.files) {
    if (const auto found = InFile(file, search)) return Print(*found);
  }
  SayNotFound(flags);
  return ExitCode::kDamaged;
}

}  // namespace backscatter
