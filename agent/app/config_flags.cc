#include "agent/app/config_flags.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"

#include "agent/app/nearest_name.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr std::string_view kSeeHelp = "`backscatterd --help`";
constexpr std::string_view kSeeReplayHelp = "`backscatterd replay --help`";

constexpr std::string_view kCommands[] = {"replay", "version", "help",      "run",
                                          "check",  "lookup",  "incidents", "top"};
constexpr std::string_view kNotBuilt[] = {"run", "check", "lookup", "incidents", "top"};

absl::Status Usage(const std::string& what, std::string_view see = kSeeReplayHelp) {
  return absl::InvalidArgumentError(what + (what.ends_with('?') ? " See " : "; see ") +
                                    std::string(see));
}

std::string Quoted(std::string_view text) { return "\"" + EscapeForTerminal(text) + "\""; }

std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& right) {
  const std::string_view nearest = NearestName(wrong, right);
  return nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?";
}

// The flags of `replay`, bound to their variables.
struct ReplayParser {
  // Every value that was given: a flag given twice is explained here, not by the library.
  using Values = std::vector<std::string>;

  CLI::App app;
  Values files;
  Values config_file;
  Values format;
  Values transactions;
  Values top;
  Values sent_ledger;
  Values set;
  bool help = false;

  ReplayParser() {
    app.set_help_flag();  // ours says what it prints
    app.add_flag("--help,-h", help);
    app.add_option("files", files);
    Add("--config.file", config_file);
    Add("--format", format);
    Add("--transactions", transactions);
    Add("--top", top);
    Add("--sent-ledger", sent_ledger);
    Add("--set", set);
    app.allow_extras();  // unknown flags are explained here, not by the library
  }
  ReplayParser(const ReplayParser&) = delete;
  ReplayParser& operator=(const ReplayParser&) = delete;

 private:
  // A list option would take every word behind it, files too: one value each time it is given.
  void Add(const char* name, Values& values) {
    app.add_option(name, values)->allow_extra_args(false);
  }
};

std::vector<std::string_view> Views(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

absl::Status Unknown(const std::string& argument) {
  const std::string flag = argument.substr(0, argument.find('='));
  return Usage("unknown flag " + Quoted(flag) + DidYouMean(flag, Views(ReplayFlagNames())));
}

absl::Status ParseFormat(const std::string& text, ReportFormat& format) {
  if (text != "table" && text != "json") {
    return Usage("--format is table or json, not " + Quoted(text));
  }
  format = text == "json" ? ReportFormat::kJson : ReportFormat::kTable;
  return absl::OkStatus();
}

absl::Status ParseTop(const std::string& text, std::optional<std::size_t>& top) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || text.empty()) {
    return Usage("--top is a whole number (0: all), not " + Quoted(text));
  }
  top = number;
  return absl::OkStatus();
}

// What the library does not explain well: unknown flags and flags given twice.
absl::Status CheckFlags(const ReplayParser& parser) {
  for (const std::string& argument : parser.app.remaining()) {
    if (argument.starts_with('-') && argument != "--") return Unknown(argument);
  }
  for (const auto& [name, values] : {std::pair{"--config.file", &parser.config_file},
                                     {"--format", &parser.format},
                                     {"--transactions", &parser.transactions},
                                     {"--top", &parser.top},
                                     {"--sent-ledger", &parser.sent_ledger}}) {
    if (values->size() > 1) return Usage(std::string(name) + " can be given only once");
    if (!values->empty() && values->front().empty()) {
      return Usage(std::string(name) + " needs a value");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ReplayFlags> TakeFlags(ReplayParser& parser) {
  ReplayFlags flags;
  if (!parser.format.empty()) {
    const absl::Status status = ParseFormat(parser.format.front(), flags.format);
    if (!status.ok()) return status;
  }
  if (!parser.top.empty()) {
    const absl::Status status = ParseTop(parser.top.front(), flags.top);
    if (!status.ok()) return status;
  }
  if (parser.files.empty()) {
    return Usage("replay needs at least one capture file, or - for standard input");
  }
  if (std::ranges::count(parser.files, "-") > 1) {
    return Usage("standard input (-) can be read only once");
  }
  if (!parser.transactions.empty()) flags.transactions = parser.transactions.front();
  if (!parser.sent_ledger.empty()) flags.sent_ledger = parser.sent_ledger.front();
  if (!parser.config_file.empty()) flags.config.file = parser.config_file.front();
  flags.config.sets = std::move(parser.set);
  flags.files = std::move(parser.files);
  return flags;
}

absl::StatusOr<CommandLine> ParseReplay(std::vector<std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    // The library would take the next word as its value, be it a file.
    if (argument.starts_with("--") && argument.find('=') + 1 == argument.size()) {
      return Usage(EscapeForTerminal(argument) + " needs a value behind its =");
    }
  }
  ReplayParser parser;
  std::ranges::reverse(arguments);  // the library takes them from the back
  try {
    parser.app.parse(std::move(arguments));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();  // "--top: 1 required TEXT missing"
    return Usage(what.substr(0, what.find(':')) + " needs a value");
  } catch (const CLI::ParseError& error) {
    return Usage(EscapeForTerminal(error.what()));
  }
  if (parser.help) return CommandLine{std::string(ReplayHelpText()), {}};
  if (const absl::Status status = CheckFlags(parser); !status.ok()) return status;
  absl::StatusOr<ReplayFlags> flags = TakeFlags(parser);
  if (!flags.ok()) return flags.status();
  return CommandLine{{}, *std::move(flags)};
}

absl::Status WrongCommand(const std::string& command) {
  if (std::ranges::find(kNotBuilt, command) != std::end(kNotBuilt)) {
    return absl::InvalidArgumentError("`" + command +
                                      "` comes with a later release; `replay` works today");
  }
  if (command.starts_with('-')) {
    return Usage("a command comes first, not the flag " + Quoted(command) +
                     DidYouMean(command, {"--help", "--version"}),
                 kSeeHelp);
  }
  return Usage("unknown command " + Quoted(command) +
                   DidYouMean(command, {std::begin(kCommands), std::end(kCommands)}),
               kSeeHelp);
}

}  // namespace

std::vector<std::string> ReplayFlagNames() {
  ReplayParser parser;
  std::vector<std::string> names;
  for (const CLI::Option* const option : parser.app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return Usage("a command is needed, such as `backscatterd replay FILE`", kSeeHelp);
  }
  const std::string& command = arguments.front();
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (command == "replay") return ParseReplay(rest);
  if (command == "--help" || command == "-h" || command == "help") {
    if (!rest.empty() && rest.front() == "replay") {
      return CommandLine{std::string(ReplayHelpText()), {}};
    }
    return CommandLine{std::string(HelpText()), {}};
  }
  if (command == "--version" || command == "-V" || command == "version") {
    return CommandLine{VersionText(), {}};
  }
  return WrongCommand(command);
}

}  // namespace backscatter
