// The keys of `batv.keys`, from their files.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/mail/batv.h"

namespace backscatter {

// `entries` are "NUMBER:FILE", NUMBER one digit. A file holds one key: all its octets but the line
// end behind it. InvalidArgument, naming the entry or the file and what would be right, for a bad
// entry, a file that cannot be read, is no plain file, can be read or written by others than its
// owner, is empty or over 4096 octets. No message holds an octet of a key.
absl::StatusOr<BatvKeys> ReadBatvKeys(const std::vector<std::string>& entries);

}  // namespace backscatter
