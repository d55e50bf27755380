// Keys in files that only their owner may read.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace backscatter {

// The first line end at the end of a key is not part of it. InvalidArgument, as "<config_key>:
// <path>: why", for what is no plain file, is over 4 KiB, empty, or open to others than its owner;
// NotFound where there is no such file. No error says what is in it.
absl::StatusOr<std::string> ReadSecretFile(std::string_view config_key, const std::string& path);

// A file of 32 random octets in hex, mode 0600, which must not be there yet; of root in a folder of
// another user it is that user's. Either all of it is there at the end or nothing.
absl::Status MakeSecretFile(std::string_view config_key, const std::string& path);

}  // namespace backscatter
