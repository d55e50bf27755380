// A streaming JSON writer: no document in memory. It keeps commas and nesting right; the caller
// keeps keys unique. Misuse (a value without a key, unbalanced ends) is a bug and aborts.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace backscatter {

class JsonWriter {
 public:
  // Appends to `*out`, which must outlive the writer. Nothing is ever removed from it, so a caller
  // may write it to a file and clear it between values.
  explicit JsonWriter(std::string* out) : out_(*out) {}

  void BeginObject();
  void EndObject();
  void BeginArray();
  void EndArray();
  void Key(std::string_view key);

  void String(std::string_view text);  // escaped; invalid UTF-8 becomes U+FFFD
  void Unsigned(std::uint64_t value);
  void Signed(std::int64_t value);
  void Double(double value);  // shortest round-trip form; not finite becomes null
  void Bool(bool value);
  void Null();

  // Key and value at once.
  void Field(std::string_view key, std::string_view text) { Key(key), String(text); }
  void Field(std::string_view key, const char* text) { Key(key), String(text); }
  void Field(std::string_view key, std::uint64_t value) { Key(key), Unsigned(value); }
  void Field(std::string_view key, bool value) { Key(key), Bool(value); }
  void NullField(std::string_view key) { Key(key), Null(); }
  void TextOrNull(std::string_view key, bool known, std::string_view text) {
    known ? Field(key, text) : NullField(key);
  }
  void TextOrNull(std::string_view key, std::string_view text) {
    TextOrNull(key, !text.empty(), text);
  }
  template <typename Texts>
  void List(std::string_view key, const Texts& texts) {
    Key(key), BeginArray();
    for (const auto& text : texts) String(text);
    EndArray();
  }

 private:
  void BeforeValue();

  std::string& out_;
  struct Level {
    bool object = false;
    bool any = false;
  };
  std::vector<Level> levels_;
  bool after_key_ = false;
};

}  // namespace backscatter
