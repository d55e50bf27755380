#include "agent/mail/encoded_words.h"

#include <optional>

#include "agent/base/ascii.h"
#include "agent/mail/transfer_decoder.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {
namespace {

struct EncodedWord {
  std::string_view charset;
  std::string_view text;
  char encoding = 0;
  std::size_t size = 0;  // of the whole word
};

std::optional<EncodedWord> ReadWord(std::string_view text) {
  if (text.substr(0, 2) != "=?") return std::nullopt;
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end > 50) return std::nullopt;
  if (charset_end + 2 >= text.size() || text[charset_end + 2] != '?') return std::nullopt;
  EncodedWord word;
  word.encoding = ToLower(text[charset_end + 1]);
  if (word.encoding != 'b' && word.encoding != 'q') return std::nullopt;
  const std::size_t start = charset_end + 3;
  const std::size_t end = text.substr(0, start + kMaxFactText * 2).find("?=", start);
  if (end == std::string_view::npos) return std::nullopt;
  word.charset = text.substr(2, charset_end - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));  // RFC 2231 language
  word.text = text.substr(start, end - start);
  word.size = end + 2;
  return word;
}

void DecodeQ(std::string_view text, std::string* out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int octet = text[i] == '=' ? HexOctet(text.substr(i + 1)) : -1;
    if (octet >= 0) {
      *out += static_cast<char>(octet);
      i += 2;
    } else {
      *out += text[i] == '_' ? ' ' : text[i];
    }
  }
}

// Cuts to `limit` octets, not within a character.
void CutUtf8(std::string* text, std::size_t limit) {
  if (text->size() <= limit) return;
  while (limit > 0 && (static_cast<unsigned char>((*text)[limit]) & 0xc0) == 0x80) --limit;
  text->resize(limit);
}

}  // namespace

void DecodeEncodedWords(std::string_view value, CharsetConverter* converter, std::string* out) {
  if (!MayHaveEncodedWords(value)) {
    out->assign(value.substr(0, kMaxFactText + 1));
    CutUtf8(out, kMaxFactText);
    return;
  }
  out->clear();
  std::string octets;  // of words in a row with one charset: a character may be split between them
  std::string_view charset;
  const auto flush = [&] {
    if (!octets.empty()) converter->Append(charset, octets, 4 * kMaxFactText, out);
    octets.clear();
  };
  std::string_view rest = value;
  bool after_word = false;
  while (!rest.empty() && out->size() + octets.size() <= kMaxFactText) {
    const std::size_t at = rest.find("=?");
    const std::string_view plain = rest.substr(0, at);
    if (!(after_word && at != std::string_view::npos && TrimBlanks(plain).empty())) {
      flush();
      out->append(plain.substr(0, kMaxFactText + 1));
    }
    if (at == std::string_view::npos) break;
    rest.remove_prefix(at);
    const std::optional<EncodedWord> word = ReadWord(rest);
    if (!word) {
      flush();
      out->append(rest.substr(0, 2));
      rest.remove_prefix(2);
      after_word = false;
      continue;
    }
    if (!EqualsIgnoreCase(word->charset, charset)) flush();
    charset = word->charset;
    if (word->encoding == 'q') {
      DecodeQ(word->text, &octets);
    } else {
      Base64Decoder().Decode(word->text, &octets);
    }
    rest.remove_prefix(word->size);
    after_word = true;
  }
  flush();
  CutUtf8(out, kMaxFactText);
}

}  // namespace backscatter
