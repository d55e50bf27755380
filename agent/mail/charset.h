// Text of other character sets as UTF-8.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/find_octet.h"

namespace backscatter {

// ESC $: octets of ISO-2022-JP or its like.
inline bool HasEscape(std::string_view text) {
  const std::size_t escape = FindOctet(text, '\x1b');
  return escape < text.size() && text.find("\x1b$", escape) != std::string_view::npos;
}

// Opens each set at most once and keeps it: names come from the wire, and opening one may load code
// from the disk (measured: 0.6 ms, where sets were opened and closed in turn). Each call of Append
// stands alone, so several messages may share one of these. Not for several threads.
class CharsetConverter {
 public:
  static constexpr std::size_t kSets = 41;

  CharsetConverter() = default;
  ~CharsetConverter();
  CharsetConverter(const CharsetConverter&) = delete;
  CharsetConverter& operator=(const CharsetConverter&) = delete;

  // Appends `text` to `*out`, at most `limit` octets. What cannot be converted (unknown set, odd
  // octets) is appended as it is. Only common sets of mail are known.
  void Append(std::string_view charset, std::string_view text, std::size_t limit, std::string* out);

  // Sets that were opened so far.
  std::size_t opened() const;

 private:
  enum class State : std::uint8_t { kNotTried, kOpen, kAbsent };
  struct Set {
    void* handle = nullptr;  // iconv_t
    State state = State::kNotTried;
  };

  Set* Find(std::string_view charset);
  Set* Open(std::string_view charset);

  std::array<Set, kSets> sets_;
  // One message mostly has one set.
  std::string last_name_;
  Set* last_ = nullptr;
};

// True where text in this set needs no converter to be searched: ASCII, UTF-8, or not named.
bool IsPlainCharset(std::string_view charset);

// Lower case for ASCII, Latin-1 letters and Cyrillic, in place; all other octets stay.
void LowerUtf8(std::string* text);

}  // namespace backscatter
