#include "agent/mail/phrases.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <span>
#include <vector>

#include "agent/base/ascii.h"
#include "agent/mail/phrase_lists.h"

namespace backscatter {
namespace {

constexpr std::size_t kHeadOctets = 4;  // no phrase is shorter

std::uint32_t FourOctets(const char* text) {
  std::uint32_t octets = 0;
  std::memcpy(&octets, text, kHeadOctets);
  return octets;
}
std::uint32_t TailOf(std::string_view text) {
  return FourOctets(text.data() + text.size() - kHeadOctets);
}

constexpr std::array<bool, 256> MakeWordOctets() {
  std::array<bool, 256> octets{};
  for (std::size_t c = 0; c < 128; ++c) {
    octets[c] = IsAlpha(static_cast<char>(c)) || IsDigit(static_cast<char>(c));
  }
  return octets;
}
constexpr std::array<bool, 256> kWordOctets = MakeWordOctets();

// The phrases by their first four octets: of nearly every word, one look tells that no phrase
// begins with it.
class PhraseIndex {
 public:
  explicit PhraseIndex(std::initializer_list<std::span<const Phrase>> lists) {
    for (const std::span<const Phrase> list : lists) {
      for (const Phrase& phrase : list) {
        phrases_.push_back({FourOctets(phrase.text.data()), TailOf(phrase.text), phrase});
      }
    }
    std::ranges::sort(phrases_, {}, [](const Entry& entry) { return BucketOf(entry.head); });
    for (const Entry& entry : phrases_) ++starts_[BucketOf(entry.head) + 1];
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  }

  std::uint16_t Find(std::string_view text) const {
    std::uint16_t found = 0;
    bool in_word = false;
    for (std::size_t i = 0; i + kHeadOctets <= text.size(); ++i) {
      const bool starts = !in_word;
      in_word = kWordOctets[static_cast<unsigned char>(text[i])];
      if (starts) found |= FindAt({text.data() + i, text.size() - i});
    }
    return found;
  }

 private:
  struct Entry {
    std::uint32_t head;
    std::uint32_t tail;  // its last four octets: many begin alike
    Phrase phrase;
  };
  static constexpr int kBucketBits = 12;

  static std::size_t BucketOf(std::uint32_t head) {
    return head * 0x9e3779b1U >> (32 - kBucketBits);
  }

  std::uint16_t FindAt(std::string_view rest) const {
    std::uint16_t found = 0;
    const std::uint32_t head = FourOctets(rest.data());
    const std::size_t bucket = BucketOf(head);
    for (std::size_t i = starts_[bucket]; i < starts_[bucket + 1]; ++i) {
      const Entry& entry = phrases_[i];
      const std::size_t size = entry.phrase.text.size();
      if (entry.head != head || size > rest.size()) continue;
      if (entry.tail != TailOf({rest.data(), size})) continue;
      if (rest.starts_with(entry.phrase.text)) found |= entry.phrase.sayings;
    }
    return found;
  }

  std::vector<Entry> phrases_;  // bucket by bucket
  std::array<std::uint16_t, (1U << kBucketBits) + 1> starts_{};
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
