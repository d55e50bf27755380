// The wordings themselves: lower-case UTF-8, each the start of words, of four octets or more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace backscatter {

struct Phrase {
  std::string_view text;
  std::uint16_t sayings;
};

std::span<const Phrase> FailurePhrases();  // of texts
std::span<const Phrase> TextPhrases();     // all others of texts
std::span<const Phrase> SubjectPhrases();

}  // namespace backscatter
