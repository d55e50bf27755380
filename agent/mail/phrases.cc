#include "agent/mail/phrases.h"

#include <array>
#include <initializer_list>
#include <span>
#include <vector>

#include "agent/base/ascii.h"
#include "agent/mail/phrase_lists.h"

namespace backscatter {
namespace {

// The phrases by their first octet.
class PhraseIndex {
 public:
  explicit PhraseIndex(std::initializer_list<std::span<const Phrase>> lists) {
    for (const std::span<const Phrase> list : lists) {
      for (const Phrase& phrase : list) {
        buckets_[static_cast<unsigned char>(phrase.text.front())].push_back(phrase);
      }
    }
  }

  std::uint16_t Find(std::string_view text) const {
    std::uint16_t found = 0;
    char before = ' ';
    for (std::size_t i = 0; i < text.size(); before = text[i], ++i) {
      if (IsAlpha(before) || IsDigit(before)) continue;
      const std::string_view rest = text.substr(i);
      for (const Phrase& phrase : buckets_[static_cast<unsigned char>(text[i])]) {
        if (rest.substr(0, phrase.text.size()) == phrase.text) found |= phrase.sayings;
      }
    }
    return found;
  }

 private:
  std::array<std::vector<Phrase>, 256> buckets_;
};

}  // namespace

std::uint16_t SayingsOfText(std::string_view lower) {
  static const PhraseIndex index({FailurePhrases(), TextPhrases()});
  return index.Find(lower);
}

std::uint16_t SayingsOfSubject(std::string_view lower) {
  static const PhraseIndex index({SubjectPhrases()});
  return index.Find(lower);
}

}  // namespace backscatter
