#include "agent/app/config_flags.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"

#include "agent/app/config_flag_parser.h"
#include "agent/app/config_keys.h"
#include "agent/app/words.h"
#include "agent/base/ascii.h"
#include "exporters/http_address.h"
#include "exporters/metric_labels.h"

namespace backscatter {
namespace {

constexpr std::string_view kCommands[] = {"replay", "run",    "check",     "version",
                                          "help",   "lookup", "incidents", "top"};
constexpr std::string_view kNotBuilt[] = {"incidents", "top"};

using Values = FlagParser::Values;

std::string Only(const Values& values) { return values.empty() ? "" : values.front(); }

ConfigSources TakeConfig(const Values& file, const Values& sets) {
  ConfigSources sources;
  if (!file.empty()) sources.file = file.front();
  sources.sets = sets;
  return sources;
}

// `words` are written "a|b|c", in the order of the enumeration; its value stays where the flag was
// not given.
template <typename Enum>
absl::Status TakeWord(const FlagParser& parser, const std::string& flag, const Values& values,
                      std::string_view words, Enum& value) {
  if (values.empty()) return absl::OkStatus();
  const absl::StatusOr<std::size_t> place = ParseWord(values.front(), words);
  if (!place.ok()) return parser.Usage(flag + " " + std::string(place.status().message()));
  value = static_cast<Enum>(*place);
  return absl::OkStatus();
}

absl::Status ParseFormat(const FlagParser& parser, const Values& values, ReportFormat& format) {
  return TakeWord(parser, "--format", values, "table|json", format);
}

absl::Status ParseTop(const FlagParser& parser, const Values& values,
                      std::optional<std::size_t>& top) {
  if (values.empty()) return absl::OkStatus();
  top = ParseNumber<std::size_t>(values.front());
  if (top) return absl::OkStatus();
  return parser.Usage("--top wants a whole number (0: all), not " + QuotedText(values.front()));
}

absl::Status ParseDuration(const FlagParser& parser, const Values& values,
                           std::optional<PacketTime>& duration) {
  if (values.empty()) return absl::OkStatus();
  constexpr ConfigKey kAsKey = {.name = "--duration",
                                .type = KeyType::kDuration,
                                .default_value = "1m",
                                .help = "",
                                .min = 1};
  const absl::StatusOr<ConfigValue> value = ParseConfigValue(kAsKey, {.items = values});
  if (!value.ok()) return parser.Usage("--duration " + std::string(value.status().message()));
  duration = static_cast<PacketTime>(std::get<std::uint64_t>(*value));
  return absl::OkStatus();
}

struct ReplayParser {
  FlagParser flags{"replay"};
  const Values& files = flags.Words("files");
  const Values& config_file = flags.Once("--config.file");
  const Values& format = flags.Once("--format");
  const Values& transactions = flags.Once("--transactions");
  const Values& top = flags.Once("--top");
  const Values& sent_ledger = flags.Once("--sent-ledger");
  const Values& set = flags.Repeat("--set");

  absl::StatusOr<CommandLine> Take() const {
    CommandLine line{.action = Action::kReplay};
    ReplayFlags& replay = line.replay;
    if (const absl::Status s = ParseFormat(flags, format, replay.format); !s.ok()) return s;
    if (const absl::Status s = ParseTop(flags, top, replay.top); !s.ok()) return s;
    if (files.empty()) {
      return flags.Usage("replay needs at least one capture file, or - for standard input");
    }
    if (std::ranges::count(files, "-") > 1) {
      return flags.Usage("standard input (-) can be read only once");
    }
    replay.transactions = Only(transactions);
    replay.sent_ledger = Only(sent_ledger);
    replay.config = TakeConfig(config_file, set);
    replay.files = files;
    return line;
  }
};

struct RunParser {
  FlagParser flags{"run"};
  const Values& config_file = flags.Once("--config.file");
  const Values& source = flags.Once("--source");
  const Values& interface = flags.Repeat("--interface");
  const Values& duration = flags.Once("--duration");
  const Values& report = flags.Once("--report");
  const Values& transactions = flags.Once("--transactions");
  const Values& log_level = flags.Once("--log.level");
  const Values& log_format = flags.Once("--log.format");
  const Values& web_listen = flags.Repeat("--web.listen-address");
  const Values& web_config = flags.Once("--web.config.file");
  const bool& web_lifecycle = flags.Switch("--web.enable-lifecycle");
  const Values& set = flags.Repeat("--set");

  absl::Status ParseLog(RunFlags& run) const {
    const absl::Status level = TakeWord(flags, "--log.level", log_level, kLogLevels, run.log_level);
    if (!level.ok()) return level;
    return TakeWord(flags, "--log.format", log_format, kLogFormats, run.log_format);
  }

  // They are keys of the configuration, said shorter; --set comes after them.
  absl::Status TakeSource(RunFlags& run) const {
    std::vector<std::string> sets;
    if (!source.empty()) {
      const auto place = ParseWord(source.front(), FindConfigKey("source")->choices);
      if (!place.ok()) return flags.Usage("--source " + std::string(place.status().message()));
      sets.push_back("source=" + source.front());
    }
    std::string names;
    for (const std::string& name : interface) {
      if (name.empty()) return flags.Usage("--interface needs a value");
      if (name.find_first_of("\"\\,[]{}#\n\r\t ") != std::string::npos) {
        return flags.Usage("--interface is the name of one interface, not " + QuotedText(name));
      }
      if (name == "any") continue;  // as without the flag
      names += (names.empty() ? "\"" : ",\"") + name + "\"";
    }
    if (!interface.empty()) sets.push_back("interfaces=[" + names + "]");
    run.config.sets.insert(run.config.sets.begin(), sets.begin(), sets.end());
    return absl::OkStatus();
  }

  absl::Status TakeWeb(RunFlags& run) const {
    if (web_listen.empty()) run.web_listen = {"127.0.0.1:19025"};
    for (const std::string& address : web_listen) {
      if (address == "none" && web_listen.size() == 1) break;
      const auto parsed = ParseListenAddress(address);
      if (!parsed.ok()) {
        return flags.Usage("--web.listen-address " + std::string(parsed.status().message()));
      }
      run.web_listen.push_back(address);
    }
    run.web_config = Only(web_config);
    run.web_lifecycle = web_lifecycle;
    return absl::OkStatus();
  }

  absl::StatusOr<CommandLine> Take() const {
    CommandLine line{.action = Action::kRun};
    RunFlags& run = line.run;
    run.config = TakeConfig(config_file, set);
    if (const absl::Status s = TakeSource(run); !s.ok()) return s;
    if (const absl::Status s = ParseLog(run); !s.ok()) return s;
    if (const absl::Status s = ParseDuration(flags, duration, run.duration); !s.ok()) return s;
    run.report = Only(report);
    run.transactions = Only(transactions);
    if (run.report == "-" && run.transactions == "-") {
      return flags.Usage("--report and --transactions cannot both be standard output");
    }
    if (const absl::Status s = TakeWeb(run); !s.ok()) return s;
    return line;
  }
};

struct CheckParser {
  FlagParser flags{"check"};
  const Values& config_file = flags.Once("--config.file");
  const Values& format = flags.Once("--format");
  const bool& config_only = flags.Switch("--config-only");
  const Values& set = flags.Repeat("--set");

  absl::StatusOr<CommandLine> Take() const {
    CommandLine line{.action = Action::kCheck};
    if (const absl::Status s = ParseFormat(flags, format, line.check.format); !s.ok()) return s;
    line.check.config = TakeConfig(config_file, set);
    line.check.config_only = config_only;
    return line;
  }
};

struct LookupParser {
  FlagParser flags{"lookup"};
  const Values& words = flags.Words("files");
  const Values& config_file = flags.Once("--config.file");
  const Values& domain = flags.Once("--domain");
  const Values& set = flags.Repeat("--set");

  absl::StatusOr<CommandLine> Take() const {
    CommandLine line{.action = Action::kLookup};
    LookupFlags& lookup = line.lookup;
    if (words.empty()) return flags.Usage("lookup needs a label, 16 hex digits");
    // Also as alerts say it: HASH@DOMAIN.
    const std::string& label = words.front();
    const std::size_t at = std::min(label.find('@'), label.size());
    lookup.hash = label.substr(0, at);
    lookup.domain = at < label.size() ? label.substr(at + 1) : Only(domain);
    std::ranges::transform(lookup.hash, lookup.hash.begin(), ToLower);
    if (lookup.hash.size() != kTargetHashDigits ||
        lookup.hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return flags.Usage("a label is 16 hex digits, not " + QuotedText(label));
    }
    lookup.files.assign(words.begin() + 1, words.end());
    lookup.config = TakeConfig(config_file, set);
    return line;
  }
};

template <typename Parser>
absl::StatusOr<CommandLine> ParseWith(const std::vector<std::string>& arguments,
                                      std::string_view help) {
  Parser parser;
  if (const absl::Status status = parser.flags.Parse(arguments); !status.ok()) return status;
  if (parser.flags.help()) return CommandLine{.text = std::string(help)};
  return parser.Take();
}

absl::Status WrongCommand(const std::string& command) {
  if (std::ranges::find(kNotBuilt, command) != std::end(kNotBuilt)) {
    return absl::InvalidArgumentError("`" + command + "` comes with a later release; `replay`, " +
                                      "`run`, `check` and `lookup` work today");
  }
  if (command.starts_with('-')) {
    return UsageError("a command comes first, not the flag " + QuotedText(command) +
                          DidYouMean(command, {"--help", "--version"}),
                      "");
  }
  return UsageError("unknown command " + QuotedText(command) +
                        DidYouMean(command, {std::begin(kCommands), std::end(kCommands)}),
                    "");
}

std::string_view HelpOf(const std::vector<std::string>& rest) {
  if (rest.empty()) return HelpText();
  if (rest.front() == "replay") return ReplayHelpText();
  if (rest.front() == "run") return RunHelpText();
  if (rest.front() == "lookup") return LookupHelpText();
  return rest.front() == "check" ? CheckHelpText() : HelpText();
}

}  // namespace

const ConfigSources& CommandLine::config() const {
  if (action == Action::kRun) return run.config;
  if (action == Action::kLookup) return lookup.config;
  return action == Action::kCheck ? check.config : replay.config;
}

std::vector<std::string> ReplayFlagNames() { return ReplayParser().flags.Names(); }
std::vector<std::string> RunFlagNames() { return RunParser().flags.Names(); }
std::vector<std::string> CheckFlagNames() { return CheckParser().flags.Names(); }
std::vector<std::string> LookupFlagNames() { return LookupParser().flags.Names(); }

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return UsageError("a command is needed, such as `backscatterd replay FILE`", "");
  }
  const std::string& command = arguments.front();
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (command == "replay") return ParseWith<ReplayParser>(rest, ReplayHelpText());
  if (command == "run") return ParseWith<RunParser>(rest, RunHelpText());
  if (command == "check") return ParseWith<CheckParser>(rest, CheckHelpText());
  if (command == "lookup") return ParseWith<LookupParser>(rest, LookupHelpText());
  if (command == "--help" || command == "-h" || command == "help") {
    return CommandLine{.text = std::string(HelpOf(rest))};
  }
  if (command == "--version" || command == "-V" || command == "version") {
    return CommandLine{.text = VersionText()};
  }
  return WrongCommand(command);
}

}  // namespace backscatter
