// Text of other character sets as UTF-8.
#pragma once

#include <iconv.h>

#include <string>
#include <string_view>

namespace backscatter {

// Keeps the converter of the last set, for one message mostly has one. Not for several threads.
class CharsetConverter {
 public:
  CharsetConverter() = default;
  ~CharsetConverter() { Close(); }
  CharsetConverter(const CharsetConverter&) = delete;
  CharsetConverter& operator=(const CharsetConverter&) = delete;

  // Appends `text` to `*out`, at most `limit` octets. What cannot be converted (unknown set, odd
  // octets) is appended as it is. Only common sets of mail are opened: the name comes from the
  // wire.
  void Append(std::string_view charset, std::string_view text, std::size_t limit, std::string* out);

 private:
  bool Open(std::string_view charset);
  void Close();

  iconv_t handle_{};
  bool open_ = false;
  std::string name_;
};

// True where text in this set needs no converter to be searched: ASCII, UTF-8, or not named.
bool IsPlainCharset(std::string_view charset);

// Lower case for ASCII, Latin-1 letters and Cyrillic, in place; all other octets stay.
void LowerUtf8(std::string* text);

}  // namespace backscatter
