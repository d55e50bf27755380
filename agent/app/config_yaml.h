// The YAML of the configuration as flat entries. The one place that sees the YAML library.
#pragma once

#include <string>
#include <vector>

#include "agent/app/config_keys.h"

namespace backscatter {

struct ConfigEntry {
  const ConfigKey* key = nullptr;
  RawValue value;
  std::string where;  // "site.yaml:12", or "--set"
};

// What was read. Entries are of known keys with a value of the right shape (their type is not
// checked yet); everything else is a line in `problems`, with its place.
struct FlatConfig {
  std::vector<ConfigEntry> entries;
  std::vector<std::string> problems;
};

// Adds the entries of a whole file. `name` is its name in messages. A key that stands there twice
// is a problem (YAML 1.2 section 3.2.1.3 forbids it; the library would keep the first).
void FlattenYaml(const std::string& text, const std::string& name, FlatConfig& out);

// Adds the entry of one "dotted.key=YAML value".
void FlattenSet(const std::string& set, FlatConfig& out);

}  // namespace backscatter
