#include "agent/mail/html_text.h"

#include <algorithm>
#include <iterator>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

struct Entity {
  std::string_view name;
  std::string_view text;
};
constexpr Entity kEntities[] = {{"&lt;", "<"},   {"&gt;", ">"},  {"&amp;", "&"}, {"&quot;", "\""},
                                {"&nbsp;", " "}, {"&#39;", "'"}, {"&#64;", "@"}, {"&commat;", "@"}};

constexpr std::size_t kMaxTag = 128;

}  // namespace

bool HtmlText::Take(std::string_view line, std::size_t* i) {
  const char c = line[*i];
  if (in_tag_) {
    if (c == '>') return EndTag();
    if (tag_.size() < kMaxTag) tag_ += c;
    return false;
  }
  if (c == '<') {
    in_tag_ = true;
    tag_.clear();
    return false;
  }
  if (text_.size() >= kMaxText) return false;
  if (c == '&') {
    const std::string_view rest = line.substr(*i);
    const auto entity =
        std::find_if(std::begin(kEntities), std::end(kEntities),
                     [&](const Entity& e) { return StartsWithIgnoreCase(rest, e.name); });
    if (entity != std::end(kEntities)) {
      text_ += entity->text;
      *i += entity->name.size() - 1;
      return false;
    }
  }
  text_ += c;
  return false;
}

bool HtmlText::EndTag() {
  in_tag_ = false;
  // An address in brackets that nobody escaped.
  if (tag_.find('@') != std::string::npos && tag_.find_first_of(" =") == std::string::npos) {
    text_ += '<' + tag_ + '>';
    return false;
  }
  std::string_view name = tag_;
  if (!name.empty() && name.front() == '/') name.remove_prefix(1);
  static constexpr std::string_view kBreaks[] = {"br",    "p",  "div",        "tr", "td",
                                                 "li",    "h1", "h2",         "h3", "pre",
                                                 "table", "ul", "blockquote", "hr", "title"};
  name = name.substr(0, name.find_first_of(" /\t"));
  return std::any_of(std::begin(kBreaks), std::end(kBreaks),
                     [&](std::string_view b) { return EqualsIgnoreCase(name, b); });
}

}  // namespace backscatter
