#include "tests/contract/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace backscatter::contract {
namespace {

namespace fs = std::filesystem;

const fs::path& Root() {
  static const fs::path root = BACKSCATTER_SOURCE_DIR;
  return root;
}

std::string Slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool Skipped(const std::string& path) {
  return path == ".git" || path == "build" || path == ".cache" || path == "tests/fuzz/corpus" ||
         path == "compile_commands.json";
}

}  // namespace

std::vector<SourceFile> ReadTree() {
  std::vector<SourceFile> files;
  for (auto it = fs::recursive_directory_iterator(Root()); it != fs::end(it); ++it) {
    std::string path = it->path().lexically_relative(Root()).generic_string();
    if (Skipped(path)) {
      if (it->is_directory()) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file()) continue;
    std::string text = Slurp(it->path());
    if (text.find('\0') == std::string::npos) files.push_back({std::move(path), std::move(text)});
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::string ReadFile(std::string_view path) { return Slurp(Root() / path); }

bool IsCpp(std::string_view path) { return path.ends_with(".h") || path.ends_with(".cc"); }

std::size_t CountLines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace backscatter::contract
