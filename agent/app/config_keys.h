// The registry of configuration keys: one table from which parsing, messages, the default file and
// the documentation come.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/base/ip_address.h"

namespace backscatter {

enum class KeyType : std::uint8_t {
  kBool,         // true, false (also yes, no, on, off)
  kCount,        // a whole number within the range
  kRatio,        // a number within the range
  kSize,         // bytes: 65536, 64KiB, 8MiB, 1GiB
  kDuration,     // 90s, 10m, 1h30m, 5d, 2w
  kChoice,       // one of `choices`
  kText,         // anything, also empty
  kTextList,     // a list of texts
  kPortList,     // a list of 1-65535
  kNetworkList,  // a list of addresses and networks in CIDR form
  kDomainList,   // a list of domains, kept as lower-case A-labels
  kAddressList,  // a list of mail addresses, kept as written
};

// A value as written, before its type is known: a scalar, or a list of scalars.
struct RawValue {
  bool is_list = false;
  std::vector<std::string> items;  // a scalar has one
};

// Sizes in bytes, durations in nanoseconds.
using ConfigValue = std::variant<bool, std::uint64_t, double, std::string, std::vector<std::string>,
                                 std::vector<std::uint16_t>, std::vector<IpNetwork>>;

struct ConfigKey {
  std::string_view name;  // dotted
  KeyType type;
  std::string_view default_value;  // YAML
  std::string_view help;           // one line, without a final stop
  // Puts a value that ParseConfigValue made for this key into the configuration; null: the key is
  // checked but has no effect in this version.
  void (*store)(Config&, const ConfigValue&) = nullptr;
  double min = 0;                 // of kCount, kRatio, kSize (bytes), kDuration (seconds)
  double max = 0;                 // 0: no upper limit but the type's
  std::string_view choices = {};  // "a|b|c"
  bool at_start_only = false;     // a reload does not change it
};

// In the order of the documentation; names are unique, keys of a section stand together.
std::span<const ConfigKey> ConfigKeys();

// Null where there is none.
const ConfigKey* FindConfigKey(std::string_view name);

// True for "targets", "detection", "detection.source_prefix" and their like.
bool IsConfigSection(std::string_view name);

// What comes after "did you mean", or empty: a key or section near to `name`, or the key of another
// section whose last part is the same.
std::string_view NearestConfigKey(std::string_view name);

// Type and range. The error says what the key wants and what came, without the key's name:
//   wants a whole number from 1000 to 100000000, not "many"
// A scalar is taken where a list of one is wanted.
absl::StatusOr<ConfigValue> ParseConfigValue(const ConfigKey& key, const RawValue& raw);

// "a whole number from 1 to 65535": the words of messages and documentation.
std::string DescribeWanted(const ConfigKey& key);

}  // namespace backscatter
