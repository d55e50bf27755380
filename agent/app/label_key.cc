#include "agent/app/label_key.h"

#include "absl/status/status.h"

#include "agent/app/secret_file.h"
#include "agent/base/keyed_hash.h"

namespace backscatter {
namespace {

constexpr std::string_view kName = "labels.key_file";

// Two words of the kernel's random source.
std::string KeyForNow() {
  const HashKey random = HashKey::Random();
  return std::to_string(random.a) + std::to_string(random.b);
}

}  // namespace

TargetLabels LabelsOf(const Config& config) {
  if (config.labels_target == "plain") return TargetLabels::kPlain;
  return config.labels_target == "domain" ? TargetLabels::kDomain : TargetLabels::kHash;
}

absl::StatusOr<LabelKey> OpenLabelKey(const Config& config) {
  if (LabelsOf(config) != TargetLabels::kHash) return LabelKey{};
  const std::string& path = config.labels_key_file;
  absl::StatusOr<std::string> key = ReadSecretFile(kName, path);
  absl::Status made;
  if (absl::IsNotFound(key.status())) {
    made = MakeSecretFile(kName, path);
    key = ReadSecretFile(kName, path);  // also one that came meanwhile
  }
  if (key.ok()) return LabelKey{.key = *std::move(key)};
  if (made.ok()) return absl::InvalidArgumentError(key.status().message());
  return LabelKey{.key = KeyForNow(),
                  .warning = std::string(made.message()) +
                             "; labels of targets are those of this run alone, and no look-up "
                             "finds them: set labels.key_file to a file that can be made"};
}

}  // namespace backscatter
