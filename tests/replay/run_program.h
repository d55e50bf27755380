// Runs the built agent (or another program) and collects what it said.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace backscatter::replay {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where a signal ended it; -1 where it could not be started
  std::string output;
  std::string errors;
};

// `working_directory` may be empty (the caller's). Standard input is empty. `directory` is for the
// collected output and must be the caller's own.
ProgramResult RunProgram(const std::string& program, const std::vector<std::string>& arguments,
                         const std::filesystem::path& directory,
                         const std::string& working_directory = {});

// A fresh directory that is removed with everything in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// The whole file; empty where it cannot be read.
std::string ReadWholeFile(const std::filesystem::path& path);

}  // namespace backscatter::replay
