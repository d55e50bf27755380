#include "agent/app/batv_key_files.h"

#include <utility>

#include "absl/status/status.h"

#include "agent/app/secret_file.h"
#include "agent/base/ascii.h"

namespace backscatter {

absl::StatusOr<BatvKeys> ReadBatvKeys(const std::vector<std::string>& entries) {
  BatvKeys keys;
  for (const std::string& entry : entries) {
    // What is no NUMBER:FILE may be a key that was put here itself, so it is not shown.
    if (entry.size() < 3 || !IsDigit(entry[0]) || entry[1] != ':') {
      return absl::InvalidArgumentError(
          "batv.keys wants NUMBER:FILE, such as 0:/etc/backscatterd/batv0.key");
    }
    absl::StatusOr<std::string> key = ReadSecretFile("batv.keys", entry.substr(2));
    if (!key.ok()) return absl::InvalidArgumentError(key.status().message());
    keys.Add(entry[0] - '0', *std::move(key));
  }
  return keys;
}

}  // namespace backscatter
