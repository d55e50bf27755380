#include "tests/support/body_text.h"

#include <algorithm>

namespace backscatter::support {
namespace {

constexpr const char* kWords[] = {"mail",  "gateway", "queue",   "the",    "a",       "winter",
                                  "paper", "report",  "because", "system", "message", "returned",
                                  "never", "sender",  "window",  "coffee", "before",  "harbour"};
constexpr const char* kDecoys[] = {"MAIL FROM:<>",
                                   "RCPT TO:<decoy@body.test>",
                                   "mail from:<> SIZE=1000",
                                   "RCPT TO:<victim0@v.test>",
                                   "DATA",
                                   "RSET",
                                   "QUIT",
                                   "EHLO decoy.body.test",
                                   "BDAT 10 LAST",
                                   "250 2.1.5 Ok",
                                   "354 End data with <CR><LF>.<CR><LF>"};

}  // namespace

BodyText::BodyText(std::uint64_t seed, std::uint32_t bytes) {
  Prng prng(seed ^ 0x626f6479);
  text_.reserve(bytes + 100);
  while (text_.size() < bytes) {
    line_starts_.push_back(static_cast<std::uint32_t>(text_.size()));
    if (prng.Chance(20)) {
      text_ += prng.Pick(kDecoys);
    } else {
      if (prng.Chance(25)) text_ += "..";
      const std::size_t end = text_.size() + prng.Between(20, 66);
      while (text_.size() < end) {
        text_ += prng.Pick(kWords);
        text_ += ' ';
      }
      text_.back() = '.';
    }
    text_ += "\r\n";
  }
  line_starts_.push_back(static_cast<std::uint32_t>(text_.size()));
}

std::string_view BodyText::Lines(Prng& prng, std::uint32_t wanted) const {
  const auto half = static_cast<std::uint32_t>(line_starts_.size() / 2);
  const std::uint32_t begin = line_starts_[prng.Below(half)];
  const std::uint32_t limit =
      std::min(begin + wanted, begin + static_cast<std::uint32_t>(text_.size() / 2));
  const auto end = std::lower_bound(line_starts_.begin(), line_starts_.end() - 1, limit);
  return std::string_view(text_).substr(begin, *end - begin);
}

}  // namespace backscatter::support
