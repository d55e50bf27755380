#include "agent/base/json_writer.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "agent/base/escape.h"

namespace backscatter {
namespace {

void Check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "backscatterd: JsonWriter misused: %s\n", what);
  std::abort();
}

template <typename Number>
void AppendNumber(Number value, std::string& out) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  out.append(text, result.ptr);
}

}  // namespace

void JsonWriter::BeforeValue() {
  if (levels_.empty()) return;
  Level& level = levels_.back();
  if (level.object) {
    Check(after_key_, "a value without a key");
    after_key_ = false;
    return;
  }
  if (level.any) out_ += ',';
  level.any = true;
}

void JsonWriter::BeginObject() {
  BeforeValue();
  out_ += '{';
  levels_.push_back({.object = true});
}

void JsonWriter::EndObject() {
  Check(!levels_.empty() && levels_.back().object && !after_key_, "EndObject without BeginObject");
  levels_.pop_back();
  out_ += '}';
}

void JsonWriter::BeginArray() {
  BeforeValue();
  out_ += '[';
  levels_.push_back({.object = false});
}

void JsonWriter::EndArray() {
  Check(!levels_.empty() && !levels_.back().object, "EndArray without BeginArray");
  levels_.pop_back();
  out_ += ']';
}

void JsonWriter::Key(std::string_view key) {
  Check(!levels_.empty() && levels_.back().object && !after_key_, "a key outside of an object");
  if (levels_.back().any) out_ += ',';
  levels_.back().any = true;
  after_key_ = true;
  out_ += '"';
  AppendJsonEscaped(key, out_);
  out_ += "\":";
}

void JsonWriter::String(std::string_view text) {
  BeforeValue();
  out_ += '"';
  AppendJsonEscaped(text, out_);
  out_ += '"';
}

void JsonWriter::Unsigned(std::uint64_t value) {
  BeforeValue();
  AppendNumber(value, out_);
}

void JsonWriter::Signed(std::int64_t value) {
  BeforeValue();
  AppendNumber(value, out_);
}

void JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Null();
  BeforeValue();
  AppendNumber(value, out_);
}

void JsonWriter::Bool(bool value) {
  BeforeValue();
  out_ += value ? "true" : "false";
}

void JsonWriter::Null() {
  BeforeValue();
  out_ += "null";
}

}  // namespace backscatter
