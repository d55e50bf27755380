#include "agent/app/log.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

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
void AppendNumber(Number number, std::string& out) {
  std::array<char, 40> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  out.append(text.data(), error == std::errc() ? static_cast<std::size_t>(end - text.data()) : 0);
}

void AppendText(std::string_view text, LogFormat format, std::string& out) {
  if (format == LogFormat::kLogfmt) {
    AppendLogfmt(text, out);
    return;
  }
  out += '"';
  AppendJsonEscaped(text, out);
  out += '"';
}

void AppendKey(std::string_view key, LogFormat format, std::string& out) {
  if (format == LogFormat::kLogfmt) {
    if (!out.empty()) out += ' ';
    out += key;
    out += '=';
    return;
  }
  out += out.empty() ? "{\"" : ",\"";
  AppendJsonEscaped(key, out);
  out += "\":";
}

void AppendValue(const LogField::Value& value, LogFormat format, std::string& out) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    AppendText(*text, format, out);
  } else if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    AppendNumber(*number, out);
  } else if (const auto* real = std::get_if<double>(&value)) {
    AppendNumber(*real, out);
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

}  // namespace

std::string_view LogLevelName(LogLevel level) { return kNames[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::optional<LogFormat> ParseLogFormat(std::string_view name) {
  if (name == "logfmt") return LogFormat::kLogfmt;
  if (name == "json") return LogFormat::kJson;
  return std::nullopt;
}

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
  AppendKey("time", format_, line_);
  AppendText(LineTime(now), format_, line_);
  AppendKey("level", format_, line_);
  AppendText(LogLevelName(level), format_, line_);
  AppendKey("msg", format_, line_);
  AppendText(message, format_, line_);
  for (const LogField& field : fields) {
    AppendKey(field.key, format_, line_);
    AppendValue(field.value, format_, line_);
  }
  if (kept_back > 0) {
    AppendKey("kept_back", format_, line_);
    AppendNumber(kept_back, line_);
  }
  line_ += format_ == LogFormat::kJson ? "}\n" : "\n";
  std::string_view rest = line_;
  while (!rest.empty()) {
    const ssize_t written = write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody to tell
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace backscatter
