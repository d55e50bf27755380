// The command line: what each command takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/app/config.h"
#include "agent/app/log.h"
#include "agent/base/packet_time.h"

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

struct RunFlags {
  ConfigSources config;  // --source and --interface are among its sets
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
  std::optional<PacketTime> duration;   // nullopt: until it is told to end
  std::string report;                   // empty: none; "-": standard output
  std::string transactions;             // likewise
  std::vector<std::string> web_listen;  // addresses that were checked; empty: nothing is served
  std::string web_config;               // file; empty: plain HTTP, for everyone
  bool web_lifecycle = false;           // POST /-/reload is allowed
};

struct CheckFlags {
  ConfigSources config;
  ReportFormat format = ReportFormat::kTable;
  bool config_only = false;
};

struct LookupFlags {
  ConfigSources config;
  std::string hash;                // 16 hex digits, in lower case
  std::string domain;              // of words without one; empty: they are no addresses
  std::vector<std::string> files;  // that may name it; "-" is standard input
};

enum class Action : std::uint8_t { kText, kReplay, kRun, kCheck, kLookup };

struct CommandLine {
  Action action = Action::kText;
  std::string text = {};  // kText: print this and be done (--help, --version)
  ReplayFlags replay = {};
  RunFlags run = {};
  CheckFlags check = {};
  LookupFlags lookup = {};

  // The flags of the configuration that the command was given.
  const ConfigSources& config() const;
};

// `arguments` without the program's name. InvalidArgument: what is wrong and what would be right,
// ready to be shown; nothing was done yet.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// Every flag of a command, with its dashes: for documentation tests and completion.
std::vector<std::string> ReplayFlagNames();
std::vector<std::string> RunFlagNames();
std::vector<std::string> CheckFlagNames();
std::vector<std::string> LookupFlagNames();

std::string_view HelpText();
std::string_view ReplayHelpText();
std::string_view RunHelpText();
std::string_view CheckHelpText();
std::string_view LookupHelpText();
std::string VersionText();
std::string_view VersionNumber();  // "0.1.0"

}  // namespace backscatter
