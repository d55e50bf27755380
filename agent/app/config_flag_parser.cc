#include "agent/app/config_flag_parser.h"

#include <algorithm>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"

#include "agent/app/nearest_name.h"
#include "agent/app/words.h"
#include "agent/base/escape.h"

namespace backscatter {

struct FlagParser::Library {
  CLI::App app;
};

absl::Status UsageError(const std::string& what, const std::string& command) {
  const std::string help = "`backscatterd " + command + (command.empty() ? "" : " ") + "--help`";
  return absl::InvalidArgumentError(what + (what.ends_with('?') ? " See " : "; see ") + help);
}

std::string DidYouMean(std::string_view wrong, const std::vector<std::string_view>& right) {
  const std::string_view nearest = NearestName(wrong, right);
  return nearest.empty() ? "" : "; did you mean " + std::string(nearest) + "?";
}

FlagParser::FlagParser(std::string command)
    : command_(std::move(command)), library_(std::make_unique<Library>()) {
  library_->app.set_help_flag();  // ours says what it prints
  library_->app.add_flag("--help,-h", help_);
  library_->app.allow_extras();  // unknown flags are explained here, not by the library
}

FlagParser::~FlagParser() = default;

// A list option would take every word behind it, files too: one value each time it is given.
FlagParser::Flag& FlagParser::Add(const std::string& name, bool once) {
  Flag& flag = flags_.emplace_back(Flag{.name = name, .once = once});
  library_->app.add_option(name, flag.values)->allow_extra_args(false);
  return flag;
}

const FlagParser::Values& FlagParser::Once(const std::string& name) {
  return Add(name, true).values;
}
const FlagParser::Values& FlagParser::Repeat(const std::string& name) {
  return Add(name, false).values;
}
const bool& FlagParser::Switch(const std::string& name) {
  Flag& flag = flags_.emplace_back(Flag{.name = name});
  library_->app.add_flag(name, flag.given);
  return flag.given;
}
const FlagParser::Values& FlagParser::Words(const std::string& name) {
  takes_words_ = true;
  Flag& flag = flags_.emplace_back(Flag{.name = name});
  library_->app.add_option(name, flag.values);
  return flag.values;
}

std::vector<std::string> FlagParser::Names() const {
  std::vector<std::string> names;
  for (const CLI::Option* const option : library_->app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Unknown flags and flags given twice.
absl::Status FlagParser::Check() const {
  const std::vector<std::string> names = Names();
  for (const std::string& argument : library_->app.remaining()) {
    if (argument.starts_with('-') && argument != "--") {
      const std::string flag = argument.substr(0, argument.find('='));
      return Usage("unknown flag " + QuotedText(flag) +
                   DidYouMean(flag, {names.begin(), names.end()}));
    }
    if (!takes_words_ && argument != "--") {
      return Usage(command_ + " takes flags only, not " + QuotedText(argument));
    }
  }
  for (const Flag& flag : flags_) {
    if (!flag.once) continue;
    if (flag.values.size() > 1) return Usage(flag.name + " can be given only once");
    if (!flag.values.empty() && flag.values.front().empty()) {
      return Usage(flag.name + " needs a value");
    }
  }
  return absl::OkStatus();
}

absl::Status FlagParser::Parse(std::vector<std::string> arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    // The library would take the next word as its value, be it a file.
    if (argument.starts_with("--") && argument.find('=') + 1 == argument.size()) {
      return Usage(EscapeForTerminal(argument) + " needs a value behind its =");
    }
  }
  std::ranges::reverse(arguments);  // the library takes them from the back
  try {
    library_->app.parse(std::move(arguments));
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string what = error.what();  // "--top: 1 required TEXT missing"
    return Usage(what.substr(0, what.find(':')) + " needs a value");
  } catch (const CLI::ParseError& error) {
    return Usage(EscapeForTerminal(error.what()));
  }
  return help_ ? absl::OkStatus() : Check();
}

}  // namespace backscatter
