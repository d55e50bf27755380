#include "agent/base/escape.h"

#include <cstdint>

#include "agent/base/utf8.h"

namespace backscatter {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Bytes that may be copied as they are in both forms.
constexpr bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

std::size_t PlainPrefix(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && IsPlain(text[n])) ++n;
  return n;
}

void AppendUnicodeEscape(char32_t c, std::string& out) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(c >> shift) & 0xf];
}

void AppendByteEscapes(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 0xf];
  }
}

void AppendJsonChar(const Utf8Char& c, std::string_view bytes, std::string& out) {
  if (!c.valid) {
    out += "\\ufffd";
    return;
  }
  switch (c.code_point) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (IsUnsafeToShow(c.code_point)) {
    AppendUnicodeEscape(c.code_point, out);
  } else {
    out += bytes;
  }
}

}  // namespace

void AppendJsonEscaped(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const std::size_t plain = PlainPrefix(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const Utf8Char c = ReadUtf8(text);
    AppendJsonChar(c, text.substr(0, c.length), out);
    text.remove_prefix(c.length);
  }
}

std::string EscapeForTerminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = PlainPrefix(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const Utf8Char c = ReadUtf8(text);
    const std::string_view bytes = text.substr(0, c.length);
    if (!c.valid || IsUnsafeToShow(c.code_point)) {
      AppendByteEscapes(bytes, out);
    } else if (c.code_point == '\\') {
      out += "\\\\";
    } else {
      out += bytes;
    }
    text.remove_prefix(c.length);
  }
  return out;
}

}  // namespace backscatter
