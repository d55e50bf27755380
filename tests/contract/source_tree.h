// The files of the project as the contract tests see them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backscatter::contract {

struct SourceFile {
  std::string path;  // relative to the root of the tree, with '/'
  std::string text;
};

// Every text file of the tree but build output, version control and the fuzz corpora, sorted by
// path. Files that hold a NUL byte are not text.
std::vector<SourceFile> ReadTree();

// The text of one file of the tree; empty where there is none.
std::string ReadFile(std::string_view path);

bool IsCpp(std::string_view path);
std::size_t CountLines(std::string_view text);

}  // namespace backscatter::contract
