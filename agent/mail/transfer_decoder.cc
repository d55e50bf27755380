#include "agent/mail/transfer_decoder.h"

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (IsDigit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

TransferEncoding TransferEncodingOf(std::string_view value) {
  value = TrimBlanks(value);
  if (StartsWithIgnoreCase(value, "quoted-printable")) return TransferEncoding::kQuotedPrintable;
  if (StartsWithIgnoreCase(value, "base64")) return TransferEncoding::kBase64;
  return TransferEncoding::kNone;
}

int HexOctet(std::string_view text) {
  if (text.size() < 2) return -1;
  const int high = HexDigit(text[0]);
  const int low = HexDigit(text[1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void Base64Decoder::Decode(std::string_view text, std::string* out) {
  for (const char c : text) {
    if (c == '=') {  // padding: what follows starts afresh
      Reset();
      continue;
    }
    const int value = Base64Value(c);
    if (value < 0) continue;
    bits_ = (bits_ << 6 | static_cast<std::uint32_t>(value)) & 0xffffff;
    count_ += 6;
    if (count_ < 8) continue;
    count_ -= 8;
    *out += static_cast<char>(bits_ >> count_ & 0xff);
  }
}

bool DecodeQuotedPrintableLine(std::string_view line, std::string* out) {
  while (!line.empty() && IsBlank(line.back())) line.remove_suffix(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '=') {
      *out += line[i];
      continue;
    }
    if (i + 1 == line.size()) return false;
    const int octet = HexOctet(line.substr(i + 1));
    if (octet < 0) {
      *out += '=';
      continue;
    }
    *out += static_cast<char>(octet);
    i += 2;
  }
  return true;
}

}  // namespace backscatter
