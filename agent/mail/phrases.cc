#include "agent/mail/phrases.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <span>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "agent/base/ascii.h"
#include "agent/mail/phrase_lists.h"

namespace backscatter {
namespace {

constexpr std::size_t kShortest = 4;  // no phrase is shorter
constexpr std::size_t kLong = 8;      // nearly all phrases are as long as this

constexpr std::array<bool, 256> MakeWordOctets() {
  std::array<bool, 256> octets{};
  for (std::size_t c = 0; c < 128; ++c) {
    octets[c] = IsAlpha(static_cast<char>(c)) || IsDigit(static_cast<char>(c));
  }
  return octets;
}
constexpr std::array<bool, 256> kWordOctets = MakeWordOctets();

// A bit for each of the first 16 octets: 1 for a letter or digit. The text is in lower case.
unsigned WordOctets(const char* text, std::size_t size) {
#if defined(__SSE2__)
  if (size >= 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
    const auto from = [octets](char first, char last) {  // signed: none of 0x80 and above is
      return _mm_and_si128(_mm_cmpgt_epi8(octets, _mm_set1_epi8(static_cast<char>(first - 1))),
                           _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(last + 1)), octets));
    };
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(from('a', 'z'), from('0', '9'))));
  }
#endif
  unsigned words = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(size, 16); ++i) {
    words |= unsigned{kWordOctets[static_cast<unsigned char>(text[i])]} << i;
  }
  return words;
}

// Phrases by their first octets, eight or four, so that one look tells of nearly every word that no
// phrase begins with it.
template <typename Head>
class PhrasesByHead {
 public:
  void Add(const Phrase& phrase) {
    phrases_.push_back({HeadOf(phrase.text.data()), TailOf(phrase.text), phrase});
  }
  void Build() {
    std::ranges::sort(phrases_, {}, [](const Entry& entry) { return BucketOf(entry.head); });
    for (const Entry& entry : phrases_) ++starts_[BucketOf(entry.head) + 1];
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  }

  // What the phrases say that `rest` begins with; it has the octets of a head.
  std::uint16_t FindAt(std::string_view rest) const {
    std::uint16_t found = 0;
    const Head head = HeadOf(rest.data());
    const std::size_t bucket = BucketOf(head);
    for (std::size_t i = starts_[bucket]; i < starts_[bucket + 1]; ++i) {
      const Entry& entry = phrases_[i];
      const std::size_t size = entry.phrase.text.size();
      if (entry.head != head || size > rest.size()) continue;
      if (entry.tail != TailOf({rest.data(), size})) continue;
      const bool compared = size <= 2 * sizeof(Head);
      if (compared || rest.starts_with(entry.phrase.text)) found |= entry.phrase.sayings;
    }
    return found;
  }

 private:
  struct Entry {
    Head head;
    Head tail;  // its last octets: many begin alike
    Phrase phrase;
  };
  static constexpr int kBucketBits = 11;

  static Head HeadOf(const char* text) {
    Head octets = 0;
    std::memcpy(&octets, text, sizeof octets);
    return octets;
  }
  static Head TailOf(std::string_view text) {
    return HeadOf(text.data() + text.size() - sizeof(Head));
  }
  static std::size_t BucketOf(Head head) {
    return head * std::uint64_t{0x9e3779b97f4a7c15} >> (64 - kBucketBits);
  }

  std::vector<Entry> phrases_;  // bucket by bucket
  std::array<std::uint16_t, (1U << kBucketBits) + 1> starts_{};
};

class PhraseIndex {
 public:
  explicit PhraseIndex(std::initializer_list<std::span<const Phrase>> lists) {
    for (const std::span<const Phrase> list : lists) {
      for (const Phrase& phrase : list) {
        const std::size_t bit = BitOf(phrase.text.data());
        begin_[bit / 64] |= std::uint64_t{1} << bit % 64;
        if (phrase.text.size() >= kLong) {
          long_.Add(phrase);
        } else {
          short_.Add(phrase);
        }
      }
    }
    long_.Build();
    short_.Build();
  }

  std::uint16_t Find(std::string_view text) const {
    std::uint16_t found = 0;
    unsigned before = 0;  // whether the octet before these is in a word
    for (std::size_t at = 0; at + kShortest <= text.size(); at += 16) {
      const unsigned words = WordOctets(text.data() + at, text.size() - at);
      unsigned starts = ~(words << 1 | before) & 0xffffU;
      before = words >> 15;
      for (; starts != 0; starts &= starts - 1) {
        const std::size_t start = at + static_cast<std::size_t>(__builtin_ctz(starts));
        if (start + kShortest > text.size()) break;
        const std::size_t bit = BitOf(text.data() + start);
        if ((begin_[bit / 64] >> bit % 64 & 1) == 0) continue;
        const std::string_view rest(text.data() + start, text.size() - start);
        found |= short_.FindAt(rest);
        if (rest.size() >= kLong) found |= long_.FindAt(rest);
      }
    }
    return found;
  }

 private:
  static constexpr int kBeginBits = 12;
  static std::size_t BitOf(const char* text) {  // kShortest octets
    std::uint32_t octets = 0;
    std::memcpy(&octets, text, sizeof octets);
    return octets * std::uint32_t{0x9e3779b1} >> (32 - kBeginBits);
  }

  // A bit for the first octets of each phrase: most words of a text end here.
  std::array<std::uint64_t, (std::size_t{1} << kBeginBits) / 64> begin_{};
  PhrasesByHead<std::uint64_t> long_;
  PhrasesByHead<std::uint32_t> short_;
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
