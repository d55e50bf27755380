#include "agent/app/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"

#include "agent/app/config_keys.h"
#include "agent/app/config_yaml.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;
constexpr std::size_t kMaxProblemsShown = 10;

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::Status CannotRead(const std::string& path, int error) {
  return absl::InvalidArgumentError(
      EscapeForTerminal(path) + ": cannot read the configuration: " + std::strerror(error) +
      "; name another file with --config.file (/dev/null: the defaults)");
}

// nullopt: not there, and it need not be.
absl::StatusOr<std::optional<std::string>> ReadConfigFile(const std::string& path, bool required) {
  const OpenFile file(path);
  if (file.fd() < 0) {
    if (!required && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>();
    return CannotRead(path, errno);
  }
  std::string text;
  char buffer[16384];
  ssize_t length;
  while ((length = read(file.fd(), buffer, sizeof buffer)) != 0) {
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return CannotRead(path, errno);
    text.append(buffer, static_cast<std::size_t>(length));
    if (text.size() > kMaxFile) {
      return absl::InvalidArgumentError(EscapeForTerminal(path) +
                                        ": over 4 MiB: this is no configuration");
    }
  }
  return std::optional<std::string>(std::move(text));
}

absl::Status Problems(const std::vector<std::string>& problems) {
  std::string text;
  const std::size_t shown = std::min(problems.size(), kMaxProblemsShown);
  for (std::size_t i = 0; i < shown; ++i) text += (i > 0 ? "\n" : "") + problems[i];
  if (problems.size() > shown) {
    text += "\n(and " + std::to_string(problems.size() - shown) + " more)";
  }
  return absl::InvalidArgumentError(text);
}

void ApplyDefaults(FlatConfig& flat) {
  for (const ConfigKey& key : ConfigKeys()) {
    FlattenSet(std::string(key.name) + "=" + std::string(key.default_value), flat);
  }
}

void Apply(const ConfigEntry& entry, LoadedConfig& loaded, std::vector<std::string>& problems) {
  const absl::StatusOr<ConfigValue> value = ParseConfigValue(*entry.key, entry.value);
  if (!value.ok()) {
    problems.push_back(entry.where + ": " + std::string(entry.key->name) + " " +
                       std::string(value.status().message()));
  } else if (entry.key->store != nullptr) {
    entry.key->store(loaded.config, *value);
  }
}

}  // namespace

std::vector<std::string> KeysThatNeedRestart(const LoadedConfig& before,
                                             const LoadedConfig& after) {
  // As written, or the default.
  const auto value_of = [](const LoadedConfig& loaded, const ConfigKey& key) {
    const auto given = loaded.given.find(std::string(key.name));
    if (given != loaded.given.end()) return given->second;
    FlatConfig flat;
    FlattenSet(std::string(key.name) + "=" + std::string(key.default_value), flat);
    return flat.entries.front().value.items;
  };
  std::vector<std::string> names;
  for (const ConfigKey& key : ConfigKeys()) {
    if (!key.at_start_only || value_of(before, key) == value_of(after, key)) continue;
    names.emplace_back(key.name);
  }
  return names;
}

absl::StatusOr<LoadedConfig> LoadConfig(const ConfigSources& sources) {
  FlatConfig flat;
  ApplyDefaults(flat);
  const std::size_t defaults = flat.entries.size();
  const std::string path = sources.file.value_or(std::string(kDefaultConfigFile));
  const absl::StatusOr<std::optional<std::string>> text =
      ReadConfigFile(path, sources.file.has_value());
  if (!text.ok()) return text.status();
  if (*text) FlattenYaml(**text, EscapeForTerminal(path), flat);
  for (const std::string& set : sources.sets) FlattenSet(set, flat);

  LoadedConfig loaded;
  for (std::size_t i = 0; i < flat.entries.size(); ++i) {
    const ConfigEntry& entry = flat.entries[i];
    Apply(entry, loaded, flat.problems);
    const std::string name(entry.key->name);
    if (i >= defaults) loaded.given[name] = entry.value.items;
    if (i >= defaults && entry.key->store == nullptr &&
        std::ranges::find(loaded.without_effect, name) == loaded.without_effect.end()) {
      loaded.without_effect.push_back(name);
    }
  }
  if (!flat.problems.empty()) return Problems(flat.problems);
  return loaded;
}

}  // namespace backscatter
