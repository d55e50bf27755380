#include "agent/app/words.h"

#include <algorithm>

#include "agent/base/escape.h"

namespace backscatter {
namespace {

std::vector<std::string> SplitWords(std::string_view words) {
  std::vector<std::string> list;
  while (!words.empty()) {
    const std::size_t bar = std::min(words.find('|'), words.size());
    list.emplace_back(words.substr(0, bar));
    words.remove_prefix(std::min(bar + 1, words.size()));
  }
  return list;
}

}  // namespace

absl::StatusOr<std::size_t> ParseWord(std::string_view text, std::string_view words) {
  const std::vector<std::string> list = SplitWords(words);
  const auto found = std::ranges::find(list, text);
  if (found != list.end()) return static_cast<std::size_t>(found - list.begin());
  return absl::InvalidArgumentError("wants " + DescribeWords(words) + ", not " + QuotedText(text));
}

std::string DescribeWords(std::string_view words) {
  return "one of " + JoinWords(SplitWords(words));
}

std::string JoinWords(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string QuotedText(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return "\"" + EscapeForTerminal(text.substr(0, kShown)) + (text.size() > kShown ? "...\"" : "\"");
}

}  // namespace backscatter
