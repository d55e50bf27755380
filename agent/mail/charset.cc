#include "agent/mail/charset.h"

#include <iconv.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

// As iconv calls them. It knows far more, some of them with states and faults of their own, and
// some of them EBCDIC.
constexpr std::string_view kNames[] = {
    "iso-8859-1",   "iso-8859-2",   "iso-8859-3",   "iso-8859-4",   "iso-8859-5",   "iso-8859-6",
    "iso-8859-7",   "iso-8859-8",   "iso-8859-9",   "iso-8859-10",  "iso-8859-11",  "iso-8859-13",
    "iso-8859-14",  "iso-8859-15",  "iso-8859-16",  "windows-1250", "windows-1251", "windows-1252",
    "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258",
    "windows-874",  "koi8-r",       "koi8-u",       "iso-2022-jp",  "iso-2022-kr",  "cp932",
    "euc-jp",       "euc-kr",       "cp949",        "gbk",          "gb18030",      "big5",
    "big5-hkscs",   "cp950",        "euc-tw",       "macintosh",    "tis-620"};
static_assert(std::size(kNames) == CharsetConverter::kSets);

struct Alias {
  std::string_view name;
  std::string_view means;
};
// `latin5` and its like are counted apart from the parts of ISO 8859.
constexpr Alias kAliases[] = {{"shift_jis", "cp932"},
                              {"shift-jis", "cp932"},
                              {"x-sjis", "cp932"},
                              {"sjis", "cp932"},
                              {"windows-31j", "cp932"},
                              {"gb2312", "gbk"},
                              {"gb_2312-80", "gbk"},
                              {"cp936", "gbk"},
                              {"windows-936", "gbk"},
                              {"euc-cn", "gbk"},
                              {"windows-949", "cp949"},
                              {"uhc", "cp949"},
                              {"windows-950", "cp950"},
                              {"x-euc-jp", "euc-jp"},
                              {"iso-8859-8-i", "iso-8859-8"},
                              {"iso-8859-6-i", "iso-8859-6"},
                              {"latin1", "iso-8859-1"},
                              {"latin2", "iso-8859-2"},
                              {"latin3", "iso-8859-3"},
                              {"latin4", "iso-8859-4"},
                              {"latin5", "iso-8859-9"},
                              {"latin6", "iso-8859-10"},
                              {"latin9", "iso-8859-15"},
                              {"latin-1", "iso-8859-1"},
                              {"latin-9", "iso-8859-15"},
                              {"cp874", "windows-874"},
                              {"koi8", "koi8-r"},
                              {"x-mac-roman", "macintosh"}};

// The name in kNames, or what was given.
std::string Canonical(std::string_view charset) {
  std::string name(charset);
  std::ranges::transform(name, name.begin(), ToLower);
  if (name.starts_with("iso8859-")) name.insert(std::size_t{3}, 1, '-');
  if (name.starts_with("cp125")) name.replace(0, 2, "windows-");
  if (name.starts_with("ks_c_5601")) return "cp949";
  if (name.starts_with("iso-2022-jp")) return "iso-2022-jp";
  const auto alias =
      std::ranges::find_if(kAliases, [&](const Alias& known) { return known.name == name; });
  return alias == std::end(kAliases) ? name : std::string(alias->means);
}

constexpr std::size_t kLongestName = 32;

}  // namespace

bool IsPlainCharset(std::string_view charset) {
  return charset.empty() || EqualsIgnoreCase(charset, "utf-8") ||
         EqualsIgnoreCase(charset, "us-ascii") || EqualsIgnoreCase(charset, "utf8") ||
         EqualsIgnoreCase(charset, "ascii");
}

CharsetConverter::~CharsetConverter() {
  for (const Set& set : sets_) {
    if (set.state == State::kOpen) iconv_close(set.handle);
  }
}

std::size_t CharsetConverter::opened() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(sets_, [](const Set& set) { return set.state == State::kOpen; }));
}

// Null where it is not known, or the system has no converter for it.
CharsetConverter::Set* CharsetConverter::Find(std::string_view charset) {
  if (charset.size() > kLongestName) return nullptr;
  if (charset != last_name_) {
    last_ = Open(charset);
    last_name_ = charset;
  }
  return last_;
}

CharsetConverter::Set* CharsetConverter::Open(std::string_view charset) {
  const std::string name = Canonical(charset);
  const auto known = std::ranges::find(kNames, name);
  if (known == std::end(kNames)) return nullptr;
  Set& set = sets_[static_cast<std::size_t>(known - std::begin(kNames))];
  if (set.state == State::kNotTried) {
    set.handle = iconv_open("UTF-8", name.c_str());
    set.state = set.handle == reinterpret_cast<iconv_t>(-1) ? State::kAbsent : State::kOpen;
  }
  return set.state == State::kOpen ? &set : nullptr;
}

void CharsetConverter::Append(std::string_view charset, std::string_view text, std::size_t limit,
                              std::string* out) {
  Set* const set = IsPlainCharset(charset) ? nullptr : Find(charset);
  if (set == nullptr) {
    out->append(text.substr(0, limit));
    return;
  }
  iconv(set->handle, nullptr, nullptr, nullptr, nullptr);  // the initial shift state
  const std::size_t start = out->size();
  out->resize(start + std::min(limit, 4 * text.size() + 8));
  char* to = out->data() + start;
  std::size_t room = out->size() - start;
  std::string_view left = text;
  while (!left.empty() && room > 0) {
    char* from = const_cast<char*>(left.data());  // iconv does not write there
    std::size_t size = left.size();
    const std::size_t done = iconv(set->handle, &from, &size, &to, &room);
    left = left.substr(left.size() - size);
    if (done != static_cast<std::size_t>(-1) || left.empty() || room == 0) break;
    if (room < 4) break;
    *to++ = left.front();  // an odd octet stays as it is
    --room;
    left.remove_prefix(1);
  }
  out->resize(static_cast<std::size_t>(to - out->data()));
}

namespace {

// Eight octets at once as long as they are ASCII, sixteen where that can be. How many are done.
std::size_t LowerAsciiStart(char* text, std::size_t size) {
  std::size_t i = 0;
#if defined(__SSE2__)
  for (; i + 16 <= size; i += 16) {
    auto* const place = reinterpret_cast<__m128i*>(text + i);
    const __m128i octets = _mm_loadu_si128(place);
    if (_mm_movemask_epi8(octets) != 0) return i;
    const __m128i upper = _mm_and_si128(_mm_cmpgt_epi8(octets, _mm_set1_epi8('A' - 1)),
                                        _mm_cmpgt_epi8(_mm_set1_epi8('Z' + 1), octets));
    _mm_storeu_si128(place, _mm_or_si128(octets, _mm_and_si128(upper, _mm_set1_epi8(0x20))));
  }
#endif
  for (; i + 8 <= size; i += 8) {
    const std::uint64_t octets = Load8(text + i);
    if ((octets & 0x8080808080808080) != 0) return i;
    const std::uint64_t lower = ToLower8(octets);
    std::memcpy(text + i, &lower, sizeof lower);
  }
  return i;
}

}  // namespace

void LowerUtf8(std::string* text) {
  std::string& t = *text;
  std::size_t i = LowerAsciiStart(t.data(), t.size());
  for (; i < t.size(); ++i) {
    const auto c = static_cast<unsigned char>(t[i]);
    if (c < 0x80) {
      t[i] = ToLower(t[i]);
      continue;
    }
    if (i + 1 >= t.size()) return;
    const auto d = static_cast<unsigned char>(t[i + 1]);
    if (c == 0xc3 && d >= 0x80 && d <= 0x9e && d != 0x97) {
      t[i + 1] = static_cast<char>(d + 0x20);
    } else if (c == 0xd0 && d >= 0x90 && d <= 0x9f) {
      t[i + 1] = static_cast<char>(d + 0x20);
    } else if (c == 0xd0 && d >= 0xa0 && d <= 0xaf) {
      t[i] = static_cast<char>(0xd1);
      t[i + 1] = static_cast<char>(d - 0x20);
    }
    if (c >= 0xc2 && c < 0xe0) ++i;
  }
}

}  // namespace backscatter
