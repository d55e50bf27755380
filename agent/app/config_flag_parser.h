// The flags of one command: what the flag library does not explain well is explained here.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace backscatter {

// An error of usage: `what`, then where the help is.
absl::Status UsageError(const std::string& what, const std::string& command);
// "; did you mean X?", or empty.
std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& right);

// Bound to the command line once. Flags are declared first; each declaration returns where its
// values will stand, valid as long as the parser.
class FlagParser {
 public:
  using Values = std::vector<std::string>;

  explicit FlagParser(std::string command);
  ~FlagParser();
  FlagParser(const FlagParser&) = delete;
  FlagParser& operator=(const FlagParser&) = delete;

  const Values& Once(const std::string& name);    // with a value; given twice it is an error
  const Values& Repeat(const std::string& name);  // one value each time it is given
  const bool& Switch(const std::string& name);    // without a value
  // Words that belong to no flag; without this they are an error.
  const Values& Words(const std::string& name);

  // InvalidArgument, ready to be shown.
  absl::Status Parse(std::vector<std::string> arguments);
  bool help() const { return help_; }

  // With their dashes, --help too.
  std::vector<std::string> Names() const;
  absl::Status Usage(const std::string& what) const { return UsageError(what, command_); }

 private:
  struct Library;  // the flag library, which only the source file sees
  struct Flag {
    std::string name;
    bool once = false;
    Values values = {};
    bool given = false;
  };

  Flag& Add(const std::string& name, bool once);
  absl::Status Check() const;

  const std::string command_;
  std::unique_ptr<Library> library_;
  std::list<Flag> flags_;  // their places do not move
  bool takes_words_ = false;
  bool help_ = false;
};

}  // namespace backscatter
