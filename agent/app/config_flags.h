// The command line. The one place that sees the flag library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/config.h"

namespace backscatter {

enum class ReportFormat : std::uint8_t { kTable, kJson };

struct ReplayFlags {
  std::vector<std::string> files;  // at least one; "-" is standard input, at most once
  ConfigSources config;
  ReportFormat format = ReportFormat::kTable;
  std::string transactions;        // empty: none; "-": standard output
  std::string sent_ledger;         // file; empty: what was sent is known from the captures only
  std::optional<std::size_t> top;  // 0: all; nullopt: the format's own default
};

struct CommandLine {
  // Non-empty: print this and be done (--help, --version).
  std::string text;
  ReplayFlags replay;
};

// `arguments` without the program's name. InvalidArgument: what is wrong and what would be right,
// ready to be shown; nothing was done yet.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// Every flag of `replay`, with its dashes: for documentation tests and completion.
std::vector<std::string> ReplayFlagNames();

std::string_view HelpText();
std::string_view ReplayHelpText();
std::string VersionText();

}  // namespace backscatter
