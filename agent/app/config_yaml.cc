#include "agent/app/config_yaml.h"

#include <map>
#include <string_view>
#include <utility>

#include "yaml-cpp/yaml.h"

#include "agent/app/words.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

std::string_view KindOf(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  return node.IsNull() ? "nothing" : "a value";
}

class Flattener {
 public:
  // `file` is empty for --set.
  Flattener(std::string file, FlatConfig& out) : file_(std::move(file)), out_(out) {}

  // `prefix` is the dotted name of the section, empty at the top. Depth is bounded by the names
  // of the registry: nothing else is walked into.
  void Section(const YAML::Node& node, const std::string& prefix) {
    std::map<std::string, std::string> seen;  // key -> where
    for (const auto& pair : node) {
      const std::string where = Where(pair.first);
      if (!pair.first.IsScalar()) {
        Problem(where, "a key must be a plain word, not " + std::string(KindOf(pair.first)));
        continue;
      }
      const std::string name =
          prefix.empty() ? pair.first.Scalar() : prefix + "." + pair.first.Scalar();
      const auto [earlier, is_new] = seen.emplace(name, where);
      if (!is_new) {
        Problem(where, QuotedText(name) + " stands here a second time; the first is at " +
                           earlier->second);
        continue;
      }
      Value(pair.second, name, where);
    }
  }

  void Value(const YAML::Node& node, const std::string& name, const std::string& where) {
    const ConfigKey* const key = FindConfigKey(name);
    if (key != nullptr) return Leaf(node, *key, where);
    if (!IsConfigSection(name)) return Unknown(name, where);
    if (node.IsNull()) return;  // a section whose keys are all commented out
    if (node.IsMap()) return Section(node, name);
    Problem(where, QuotedText(name) + " is a section with keys of its own, not " +
                       std::string(KindOf(node)));
  }

  void Problem(const std::string& where, const std::string& what) {
    out_.problems.push_back(where + ": " + what);
  }

 private:
  void Leaf(const YAML::Node& node, const ConfigKey& key, const std::string& where) {
    const std::string wants = std::string(key.name) + " wants " + DescribeWanted(key) + ", not ";
    ConfigEntry entry{&key, {}, where};
    if (node.IsScalar()) {
      entry.value.items.push_back(node.Scalar());
    } else if (node.IsSequence()) {
      entry.value.is_list = true;
      for (const YAML::Node& item : node) {
        if (!item.IsScalar()) {
          return Problem(Where(item), wants + std::string(KindOf(item)) + " inside the list");
        }
        entry.value.items.push_back(item.Scalar());
      }
    } else if (node.IsNull() && key.type == KeyType::kText && file_.empty()) {
      entry.value.items.emplace_back();  // --set sent.file= : none
    } else {
      return Problem(where, wants + std::string(KindOf(node)));
    }
    out_.entries.push_back(std::move(entry));
  }

  void Unknown(const std::string& name, const std::string& where) {
    std::string what = "unknown key " + QuotedText(name);
    const std::string_view nearest = NearestConfigKey(name);
    if (!nearest.empty()) what += "; did you mean \"" + std::string(nearest) + "\"?";
    Problem(where, what);
  }

  std::string Where(const YAML::Node& node) const {
    if (file_.empty()) return "--set";
    const int line = node.Mark().line;  // -1 for a node that was not parsed from text
    return line < 0 ? file_ : file_ + ":" + std::to_string(line + 1);
  }

  std::string file_;
  FlatConfig& out_;
};

}  // namespace

void FlattenYaml(const std::string& text, const std::string& name, FlatConfig& out) {
  Flattener flattener(name, out);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return;
    if (documents.size() > 1) {
      flattener.Problem(name, "holds several YAML documents (a line \"---\"); one is wanted");
    }
    const YAML::Node& root = documents.front();
    if (root.IsMap()) return flattener.Section(root, "");
    if (!root.IsNull()) {
      flattener.Problem(name + ":1", "the file must hold keys and values, not " +
                                         std::string(KindOf(root)) + " alone");
    }
  } catch (const YAML::Exception& error) {
    const std::string line = error.mark.line < 0 ? "" : ":" + std::to_string(error.mark.line + 1);
    flattener.Problem(name + line, "no valid YAML: " + EscapeForTerminal(error.msg));
  }
}

void FlattenSet(const std::string& set, FlatConfig& out) {
  Flattener flattener("", out);
  const std::size_t equals = set.find('=');
  if (equals == std::string::npos || equals == 0) {
    flattener.Problem("--set", QuotedText(set) + " is not KEY=VALUE");
    return;
  }
  const std::string name = set.substr(0, equals);
  try {
    flattener.Value(YAML::Load(set.substr(equals + 1)), name, "--set");
  } catch (const YAML::Exception& error) {
    flattener.Problem("--set",
                      QuotedText(set) + ": no valid YAML: " + EscapeForTerminal(error.msg));
  }
}

}  // namespace backscatter
