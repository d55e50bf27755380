// HTML to plain lines: tags go, breaks become ends of lines. Only as good as bounces need.
#pragma once

#include <string>
#include <string_view>

namespace backscatter {

class HtmlText {
 public:
  void Reset() {
    text_.clear();
    tag_.clear();
    in_tag_ = false;
  }
  // Calls sink(line) for each line of text that ends within this line of HTML.
  template <typename Sink>
  void Add(std::string_view line, Sink&& sink) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (Take(line, &i)) EndLine(sink);
    }
    if (!in_tag_ && text_.size() < kMaxText) text_ += ' ';
    if (text_.size() >= kMaxText) EndLine(sink);
  }
  template <typename Sink>
  void Finish(Sink&& sink) {
    EndLine(sink);
    Reset();
  }

 private:
  static constexpr std::size_t kMaxText = 4096;

  // Takes the octet (or entity) at `*i`. True: a line ends.
  bool Take(std::string_view line, std::size_t* i);
  bool EndTag();

  template <typename Sink>
  void EndLine(Sink&& sink) {
    if (text_.find_first_not_of(" \t") != std::string::npos) sink(std::string_view(text_));
    text_.clear();
  }

  std::string text_;
  std::string tag_;  // its beginning
  bool in_tag_ = false;
};

}  // namespace backscatter
