// The default configuration, the man page and the completion say what the program does.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/config.h"
#include "agent/app/config_flags.h"
#include "agent/app/config_keys.h"
#include "agent/app/config_yaml.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kPackaging = BACKSCATTER_SOURCE_DIR "/packaging/";

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Parts(std::string_view name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// packaging/backscatterd.yaml, made from the registry.
std::string RenderDefaultConfig() {
  std::string text =
      "## Configuration of backscatterd. Every key has a default: the value that stands here. "
      "Take\n"
      "## away the # of a key, and of its section, to change it.\n"
      "## Lines with ## explain. \"Later:\" marks keys that are checked but do nothing yet in "
      "this\n"
      "## version.\n";
  std::vector<std::string> before;
  for (const ConfigKey& key : ConfigKeys()) {
    const std::vector<std::string> parts = Parts(key.name);
    std::size_t same = 0;
    while (same + 1 < parts.size() && same < before.size() && before[same] == parts[same]) ++same;
    if (same == 0) text += "\n";
    for (std::size_t i = same; i + 1 < parts.size(); ++i) {
      text += "#" + std::string(2 * i, ' ') + parts[i] + ":\n";
    }
    const std::string indent(2 * (parts.size() - 1), ' ');
    const std::string later = key.store == nullptr ? "Later: " : "";
    text += "##" + indent + " " + later + std::string(key.help) + ".\n";
    text += "##" + indent + "   " + DescribeWanted(key) + "\n";
    text += "#" + indent + parts.back() + ": " + std::string(key.default_value) + "\n";
    before = parts;
  }
  return text;
}

TEST(DefaultConfig, IsMadeFromTheRegistry) {
  const std::string path = kPackaging + "backscatterd.yaml";
  const std::string rendered = RenderDefaultConfig();
  if (std::getenv("BACKSCATTER_UPDATE") != nullptr) std::ofstream(path) << rendered;
  EXPECT_EQ(Read(path), rendered) << "BACKSCATTER_UPDATE=1 app_test writes it anew";
}

TEST(DefaultConfig, HoldsWithAndWithoutItsComments) {
  const std::string path = kPackaging + "backscatterd.yaml";
  EXPECT_TRUE(LoadConfig({.file = path, .sets = {}}).ok());

  const std::regex comment("(^|\n)#(?!#)");
  FlatConfig flat;
  FlattenYaml(std::regex_replace(Read(path), comment, "$1"), "F", flat);
  EXPECT_THAT(flat.problems, IsEmpty());
  EXPECT_EQ(flat.entries.size(), ConfigKeys().size());
  for (const ConfigEntry& entry : flat.entries) {
    EXPECT_TRUE(ParseConfigValue(*entry.key, entry.value).ok()) << entry.key->name;
  }
}

std::vector<std::string> EveryFlag() {
  std::vector<std::string> flags = ReplayFlagNames();
  for (const std::vector<std::string>& more :
       {RunFlagNames(), CheckFlagNames(), LookupFlagNames()}) {
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

TEST(ManPage, NamesEveryFlagAndEveryKeyThatHasAnEffect) {
  const std::string page = Read(kPackaging + "backscatterd.8");
  for (const std::string& flag : EveryFlag()) {
    // mdoc writes a long flag as "Fl -name".
    EXPECT_THAT(page, HasSubstr("Fl -" + flag.substr(2)));
  }
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.store == nullptr) continue;
    EXPECT_THAT(page, HasSubstr(".It Ic " + std::string(key.name))) << key.name;
  }
  EXPECT_THAT(page, HasSubstr(std::string(kDefaultConfigFile)));
}

TEST(Completion, OffersEveryFlagAndEveryKeyThatHasAnEffect) {
  const std::string script = Read(kPackaging + "backscatterd.bash");
  for (const std::string& flag : EveryFlag()) {
    EXPECT_THAT(script, HasSubstr(flag));
  }
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.store == nullptr) continue;
    EXPECT_THAT(script, HasSubstr(std::string(key.name) + "="));
  }
}

TEST(Completion, WorksInBash) {
  const std::string script = kPackaging + "backscatterd.bash";
  const auto complete = [&script](const std::string& words) {
    const std::string command = "bash -c 'source " + script + " && COMP_WORDS=(" + words +
                                ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _backscatterd && "
                                "printf \"%s\\n\" \"${COMPREPLY[@]}\"' 2>&1";
    std::string output;
    std::FILE* const pipe = popen(command.c_str(), "r");
    for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
    pclose(pipe);
    return output;
  };
  if (std::system("bash -c true") != 0) GTEST_SKIP() << "there is no bash";
  EXPECT_EQ(complete("backscatterd rep"), "replay\n");
  EXPECT_EQ(complete("backscatterd c"), "check\n");
  EXPECT_EQ(complete("backscatterd run --so"), "--source\n");
  EXPECT_EQ(complete("backscatterd run --source p"), "pcap\n");
  EXPECT_EQ(complete("backscatterd check --config-o"), "--config-only\n");
  EXPECT_EQ(complete("backscatterd replay --fo"), "--format\n");
  EXPECT_EQ(complete("backscatterd replay --format j"), "json\n");
  EXPECT_EQ(complete("backscatterd replay --set targets.fold_c"), "targets.fold_case=\n");
}

}  // namespace
}  // namespace backscatter
