#include "agent/mail/charset.h"

#include <algorithm>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

// Families by prefix; iconv knows far more, some of them slow or stateful in odd ways.
constexpr std::string_view kKnownPrefixes[] = {
    "iso-8859-", "iso8859-",  "windows-", "cp12",  "cp93",   "iso-2022-",
    "shift_jis", "shift-jis", "sjis",     "euc-",  "koi8-",  "gb",
    "big5",      "ks_c_5601", "us-ascii", "latin", "x-sjis", "macintosh"};

std::string_view Canonical(std::string_view name) {
  if (EqualsIgnoreCase(name, "x-sjis") || EqualsIgnoreCase(name, "shift-jis")) return "shift_jis";
  if (EqualsIgnoreCase(name, "iso-8859-8-i")) return "iso-8859-8";
  if (StartsWithIgnoreCase(name, "ks_c_5601")) return "cp949";
  if (EqualsIgnoreCase(name, "gb2312")) return "gbk";
  if (EqualsIgnoreCase(name, "shift_jis")) return "cp932";
  return name;
}

}  // namespace

bool IsPlainCharset(std::string_view charset) {
  return charset.empty() || EqualsIgnoreCase(charset, "utf-8") ||
         EqualsIgnoreCase(charset, "us-ascii") || EqualsIgnoreCase(charset, "utf8") ||
         EqualsIgnoreCase(charset, "ascii");
}

bool CharsetConverter::Open(std::string_view charset) {
  if (charset.size() > 32) return false;
  if (name_ == charset) return open_;
  Close();
  name_ = charset;
  const bool known =
      std::any_of(std::begin(kKnownPrefixes), std::end(kKnownPrefixes),
                  [&](std::string_view prefix) { return StartsWithIgnoreCase(charset, prefix); });
  if (!known || charset.find('/') != std::string_view::npos) return false;
  handle_ = iconv_open("UTF-8", std::string(Canonical(charset)).c_str());
  open_ = handle_ != reinterpret_cast<iconv_t>(-1);
  return open_;
}

void CharsetConverter::Close() {
  if (open_) iconv_close(handle_);
  open_ = false;
  name_.clear();
}

void CharsetConverter::Append(std::string_view charset, std::string_view text, std::size_t limit,
                              std::string* out) {
  if (IsPlainCharset(charset) || !Open(charset)) {
    out->append(text.substr(0, limit));
    return;
  }
  iconv(handle_, nullptr, nullptr, nullptr, nullptr);  // the initial shift state
  const std::size_t start = out->size();
  out->resize(start + std::min(limit, 4 * text.size() + 8));
  char* to = out->data() + start;
  std::size_t room = out->size() - start;
  std::string_view left = text;
  while (!left.empty() && room > 0) {
    char* from = const_cast<char*>(left.data());  // iconv does not write there
    std::size_t size = left.size();
    const std::size_t done = iconv(handle_, &from, &size, &to, &room);
    left = left.substr(left.size() - size);
    if (done != static_cast<std::size_t>(-1) || left.empty() || room == 0) break;
    if (room < 4) break;
    *to++ = left.front();  // an odd octet stays as it is
    --room;
    left.remove_prefix(1);
  }
  out->resize(static_cast<std::size_t>(to - out->data()));
}

void LowerUtf8(std::string* text) {
  std::string& t = *text;
  for (std::size_t i = 0; i < t.size(); ++i) {
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
