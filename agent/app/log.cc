#include "agent/app/log.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "agent/base/escape.h"
#include "agent/base/json_writer.h"

namespace backscatter {
namespace {

std::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "";
}

// "2026-11-25T10:00:00.123Z": nobody reads nanoseconds in a log.
std::string LineTime(PacketTime now) {
  std::string text = FormatRfc3339(now);
  const std::size_t dot = text.find('.');
  return dot == std::string::npos ? text : text.substr(0, dot + 4) + "Z";
}

// A value of logfmt stands bare where it is one plain word.
bool IsPlain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f') return false;
  }
  return true;
}

void AppendLogfmt(std::string_view text, std::string& out) {
  const std::string escaped = EscapeForTerminal(text);  // a backslash is doubled already
  if (IsPlain(text) && escaped == text) {
    out += escaped;
    return;
  }
  out += '"';
  for (const char c : escaped) {
    if (c == '"') out += '\\';
    out += c;
  }
  out += '"';
}

template <typename Number>
std::string NumberText(Number number) {
  std::array<char, 40> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::string(text.data(), end) : "";
}

// key=value pairs, by the calls of JsonWriter.
class LogfmtWriter {
 public:
  explicit LogfmtWriter(std::string* out) : out_(*out) {}
  void BeginObject() {}
  void EndObject() {}
  void Key(std::string_view key) {
    if (!out_.empty()) out_ += ' ';
    out_ += key;
    out_ += '=';
  }
  void String(std::string_view text) { AppendLogfmt(text, out_); }
  void Unsigned(std::uint64_t number) { out_ += NumberText(number); }
  void Double(double number) { out_ += NumberText(number); }
  void Bool(bool yes) { out_ += yes ? "true" : "false"; }

 private:
  std::string& out_;
};

template <typename Writer>
void WriteValue(const LogField::Value& value, Writer& writer) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    writer.String(*text);
  } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    writer.Unsigned(*number);
  } else if (const auto* real = std::get_if<double>(&value)) {
    writer.Double(*real);
  } else {
    writer.Bool(std::get<bool>(value));
  }
}

// `writer` begins on an empty line.
template <typename Writer>
void WriteFields(LogLevel level, std::string_view message, std::initializer_list<LogField> fields,
                 std::uint64_t kept_back, PacketTime now, Writer writer) {
  writer.BeginObject();
  writer.Key("time");
  writer.String(LineTime(now));
  writer.Key("level");
  writer.String(NameOf(level));
  writer.Key("msg");
  writer.String(message);
  for (const LogField& field : fields) {
    writer.Key(field.key);
    WriteValue(field.value, writer);
  }
  if (kept_back > 0) {
    writer.Key("kept_back");
    writer.Unsigned(kept_back);
  }
  writer.EndObject();
}

}  // namespace

PacketTime Log::SystemTime() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return PacketTime{now.tv_sec} * kSecond + now.tv_nsec;
}

Log::Log(int fd, LogFormat format, LogLevel least, Clock clock)
    : fd_(fd), format_(format), least_(least), clock_(clock) {}

void Log::Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  const std::lock_guard lock(mutex_);
  WriteLine(level, message, fields, 0, clock_());
}

void Log::Write(LogLimit& limit, LogLevel level, std::string_view message,
                std::initializer_list<LogField> fields) {
  if (level < least_) return;
  const std::lock_guard lock(mutex_);
  const PacketTime now = clock_();
  // A clock that was set back must not silence anybody for long.
  const bool waits = now < limit.next_ && limit.next_ - now <= limit.interval_;
  if (waits) {
    ++limit.kept_back_;
    return;
  }
  WriteLine(level, message, fields, limit.kept_back_, now);
  limit.next_ = now + limit.interval_;
  limit.kept_back_ = 0;
}

void Log::WriteLine(LogLevel level, std::string_view message,
                    std::initializer_list<LogField> fields, std::uint64_t kept_back,
                    PacketTime now) {
  line_.clear();
  if (format_ == LogFormat::kJson) {
    WriteFields(level, message, fields, kept_back, now, JsonWriter(&line_));
  } else {
    WriteFields(level, message, fields, kept_back, now, LogfmtWriter(&line_));
  }
  line_ += '\n';
  std::string_view rest = line_;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody to tell
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace backscatter
