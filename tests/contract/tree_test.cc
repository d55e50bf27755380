// What the tree promises beside its code: sizes, documents, presets, no trace of one machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/contract/source_tree.h"

namespace backscatter::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;

// ---- sizes --------------------------------------------------------------------------------------

// Files that are allowed to be longer, each with its own limit; the reason stands in its head.
const std::map<std::string, std::size_t>& LongFiles() {
  static const std::map<std::string, std::size_t> files = {};
  return files;
}

std::size_t LineLimit(const std::string& path) {
  const auto found = LongFiles().find(path);
  if (found != LongFiles().end()) return found->second;
  return path.ends_with(".h") ? 250 : 450;
}

TEST(Tree, NoFileIsTooLongToBeReadInOneGo) {
  for (const SourceFile& file : ReadTree()) {
    if (!IsCpp(file.path) && file.path != "dev") continue;
    EXPECT_LE(CountLines(file.text), LineLimit(file.path)) << file.path << ": split it";
  }
}

TEST(Tree, EveryExceptionFromTheSizeLimitIsStillNeeded) {
  for (const auto& [path, limit] : LongFiles()) {
    EXPECT_GT(CountLines(ReadFile(path)), path.ends_with(".h") ? 250u : 450u) << path;
  }
}

TEST(Tree, EveryHeaderBeginsWithWhatItIsAndGuardsItself) {
  for (const SourceFile& file : ReadTree()) {
    if (!file.path.ends_with(".h")) continue;
    EXPECT_TRUE(file.text.starts_with("// ")) << file.path << ": say in the first line what it is";
    EXPECT_NE(file.text.find("#pragma once"), std::string::npos) << file.path;
  }
}

// ---- no trace of one machine --------------------------------------------------------------------

bool IsPathCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("/._-~$*{}()<>").find(c) != std::string_view::npos;
}

// Absolute paths into places that differ from machine to machine.
std::vector<std::string> MachinePaths(std::string_view text) {
  constexpr std::array<std::string_view, 6> kPlaces = {"home", "Users",     "root",
                                                       "work", "workspace", "mnt"};
  std::vector<std::string> found;
  for (std::size_t at = text.find('/'); at != std::string_view::npos; at = text.find('/', at + 1)) {
    if (at > 0 && IsPathCharacter(text[at - 1])) continue;
    const std::string_view rest = text.substr(at + 1);
    const std::string_view place = rest.substr(0, rest.find('/'));
    if (place.size() == rest.size()) continue;
    if (std::find(kPlaces.begin(), kPlaces.end(), place) != kPlaces.end()) {
      found.emplace_back(text.substr(at, std::min<std::size_t>(40, text.find('\n', at) - at)));
    }
  }
  return found;
}

TEST(Tree, NoFileNamesAPathOfOneMachine) {
  for (const SourceFile& file : ReadTree()) {
    EXPECT_THAT(MachinePaths(file.text), IsEmpty()) << file.path;
  }
}

TEST(Tree, APathOfOneMachineIsKnownWhenItIsSeen) {
  const std::string place = std::string("/") + "home";
  EXPECT_THAT(MachinePaths("in " + place + "/ann/src\nnext"), ElementsAre(place + "/ann/src"));
  EXPECT_THAT(MachinePaths(place + "/ann"), ElementsAre(place + "/ann"));
  EXPECT_THAT(MachinePaths("var" + place + "/x and $A" + place + "/x"), IsEmpty());
  EXPECT_THAT(MachinePaths("/etc/backscatterd/backscatterd.yaml /homely/x"), IsEmpty());
}

// ---- documents ----------------------------------------------------------------------------------

// The words that follow `lead` in the text, made of letters and dashes.
std::set<std::string> WordsAfter(std::string_view text, std::string_view lead) {
  std::set<std::string> words;
  for (std::size_t at = text.find(lead); at != std::string_view::npos; at = text.find(lead, at)) {
    at += lead.size();
    std::size_t end = at;
    while (end < text.size() &&
           (std::islower(static_cast<unsigned char>(text[end])) != 0 || text[end] == '-')) {
      ++end;
    }
    if (end > at) words.emplace(text.substr(at, end - at));
  }
  return words;
}

bool IsDocument(std::string_view path) { return path.ends_with(".md") || path == ".ci/run"; }

TEST(Documents, EveryCommandOfDevThatTheyNameExists) {
  const std::string script = ReadFile("dev");
  std::size_t named = 0;
  for (const SourceFile& file : ReadTree()) {
    if (!IsDocument(file.path)) continue;
    for (const std::string& word : WordsAfter(file.text, "./dev ")) {
      ++named;
      EXPECT_TRUE(word == "help" || script.find("do_" + word + "()") != std::string::npos)
          << file.path << " names ./dev " << word;
    }
  }
  EXPECT_GT(named, 5u);
}

TEST(Documents, EveryCommandOfDevIsInItsHelpAndInTheReadme) {
  const std::string script = ReadFile("dev");
  const std::string readme = ReadFile("README.md");
  const std::string help = script.substr(0, script.find("\nEND\n"));
  const std::set<std::string> commands = WordsAfter(script, "\ndo_");
  EXPECT_THAT(commands, IsSupersetOf({"build", "demo", "test"}));
  for (const std::string& command : commands) {
    EXPECT_NE(help.find("\n  " + command), std::string::npos) << "./dev help: " << command;
    EXPECT_NE(readme.find("./dev " + command), std::string::npos) << "README.md: " << command;
  }
}

TEST(Documents, EveryFlagOfTheAgentThatTheReadmeShowsExists) {
  std::string app;
  for (const SourceFile& file : ReadTree()) {
    if (file.path.starts_with("agent/app/")) app += file.text;
  }
  if (app.empty()) GTEST_SKIP() << "agent/app has no sources";
  for (const std::string_view document : {"README.md", "docs/OPERATIONS.md"}) {
    for (const std::string& flag : WordsAfter(ReadFile(document), " --")) {
      EXPECT_NE(app.find("--" + flag), std::string::npos) << document << " shows --" << flag;
    }
  }
}

TEST(Documents, EveryRelativeLinkLeadsToAFile) {
  for (const SourceFile& file : ReadTree()) {
    if (!file.path.ends_with(".md")) continue;
    const std::filesystem::path folder = std::filesystem::path(file.path).parent_path();
    for (std::size_t at = file.text.find("]("); at != std::string::npos;
         at = file.text.find("](", at + 1)) {
      const std::string link = file.text.substr(at + 2, file.text.find_first_of(")#", at) - at - 2);
      if (link.empty() || link.find("://") != std::string::npos) continue;
      EXPECT_TRUE(
          std::filesystem::exists(std::filesystem::path(BACKSCATTER_SOURCE_DIR) / folder / link))
          << file.path << " links to " << link;
    }
  }
}

// ---- presets ------------------------------------------------------------------------------------

std::set<std::string> PresetNames(const nlohmann::json& presets, const char* kind) {
  std::set<std::string> names;
  for (const auto& preset : presets.at(kind)) {
    if (!preset.value("hidden", false)) names.insert(preset.at("name").get<std::string>());
  }
  return names;
}

TEST(Presets, ThoseThatTheScriptAndTheDocumentsUseExist) {
  const auto presets = nlohmann::json::parse(ReadFile("CMakePresets.json"));
  const std::set<std::string> configure = PresetNames(presets, "configurePresets");
  EXPECT_THAT(configure, IsSupersetOf({"dev", "release", "asan", "tsan", "fuzz"}));
  for (const SourceFile& file : ReadTree()) {
    if (!IsDocument(file.path)) continue;
    for (const std::string& name : WordsAfter(file.text, "--preset ")) {
      EXPECT_TRUE(configure.contains(name)) << file.path << " names the preset " << name;
    }
  }
}

TEST(Presets, EachBuildAndTestPresetBelongsToAConfigurePreset) {
  const auto presets = nlohmann::json::parse(ReadFile("CMakePresets.json"));
  const std::set<std::string> configure = PresetNames(presets, "configurePresets");
  EXPECT_EQ(PresetNames(presets, "buildPresets"), configure);
  for (const char* kind : {"buildPresets", "testPresets"}) {
    for (const auto& preset : presets.at(kind)) {
      EXPECT_EQ(preset.at("configurePreset"), preset.at("name")) << kind;
    }
  }
}

}  // namespace
}  // namespace backscatter::contract
