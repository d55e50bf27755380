// Content-Transfer-Encoding (RFC 2045 section 6), line by line, forgiving.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace backscatter {

enum class TransferEncoding : std::uint8_t { kNone, kQuotedPrintable, kBase64 };
TransferEncoding TransferEncodingOf(std::string_view value);

// 0 to 255 for two hexadecimal digits at the start, else -1.
int HexOctet(std::string_view text);

// Octets that are not of the alphabet are skipped. Bits carry over from call to call.
class Base64Decoder {
 public:
  void Decode(std::string_view text, std::string* out);
  void Reset() { bits_ = count_ = 0; }

 private:
  std::uint32_t bits_ = 0;
  std::uint32_t count_ = 0;
};

// One line without its end. True: the line ends here; false: a soft break, the next line goes on.
bool DecodeQuotedPrintableLine(std::string_view line, std::string* out);

}  // namespace backscatter
