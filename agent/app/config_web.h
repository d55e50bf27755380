// The file of --web.config.file, in the format that the exporters of Prometheus share.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/status/status.h"

#include "exporters/http_server.h"

namespace backscatter {

// What tells a file from an earlier state of it.
struct FileStamp {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = -1;           // -1: it could not be opened
  std::int64_t changed = 0;  // ns since 1970

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// As the file is now; follows symbolic links.
FileStamp StampOf(const std::string& path);

struct WebConfig {
  // InvalidArgument, one problem a line with its place:
  //   web.yml:3: unknown key "cert_fil"; did you mean "cert_file"?
  absl::Status status;
  HttpSettings settings;  // where status is OK
  // Of every file that was looked at, as it was before it was read: this one, then certificates.
  std::vector<FileStamp> files;
};

// All of it or nothing: certificates and keys are read and fit together. Relative paths are
// relative to the folder of the file. Keys of the format that are not supported here are refused by
// name.
WebConfig ReadWebConfig(const std::string& path);

}  // namespace backscatter
