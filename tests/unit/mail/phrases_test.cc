#include "agent/mail/phrases.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ascii.h"
#include "agent/mail/phrase_lists.h"

namespace backscatter {
namespace {

std::vector<Phrase> PhrasesOfText() {
  std::vector<Phrase> phrases(FailurePhrases().begin(), FailurePhrases().end());
  phrases.insert(phrases.end(), TextPhrases().begin(), TextPhrases().end());
  return phrases;
}

// What the phrases say that stand where a word may start: one by one, octet by octet.
std::uint16_t SayingsOneByOne(const std::vector<Phrase>& phrases, std::string_view text) {
  std::uint16_t found = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at > 0 && (IsAlpha(text[at - 1]) || IsDigit(text[at - 1]))) continue;
    for (const Phrase& phrase : phrases) {
      if (text.substr(at).starts_with(phrase.text)) found |= phrase.sayings;
    }
  }
  return found;
}

TEST(Phrases, EachIsFoundAtEveryStartOfAWordAndNowhereElse) {
  const std::vector<Phrase> phrases = PhrasesOfText();
  for (const Phrase& phrase : phrases) {
    for (const std::size_t before : {0U, 3U, 8U, 14U, 15U, 16U}) {
      for (const std::string_view between : {" ", "x", "\xc3\xa9"}) {
        std::string text = std::string(before, '-');
        text += between;
        text += phrase.text;
        const std::uint16_t expected = SayingsOneByOne(phrases, text);
        ASSERT_EQ(SayingsOfText(text), expected) << text;
        ASSERT_TRUE(between != " " || (expected & phrase.sayings) == phrase.sayings) << text;
        text.pop_back();  // half a phrase says nothing
        ASSERT_EQ(SayingsOfText(text), SayingsOneByOne(phrases, text)) << text;
      }
    }
  }
}

TEST(Phrases, SubjectsHaveTheirOwn) {
  const std::vector<Phrase> phrases(SubjectPhrases().begin(), SubjectPhrases().end());
  for (const Phrase& phrase : phrases) {
    const std::string text = "fwd: " + std::string(phrase.text) + " of 7 july";
    ASSERT_EQ(SayingsOfSubject(text), SayingsOneByOne(phrases, text)) << text;
  }
}

}  // namespace
}  // namespace backscatter
