// What the agent says while it runs: one line an event, for people and for machines.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "agent/base/packet_time.h"

namespace backscatter {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kLogfmt, kJson };

// Their words, in the order of the enumerations.
inline constexpr std::string_view kLogLevels = "debug|info|warn|error";
inline constexpr std::string_view kLogFormats = "logfmt|json";

// A key is a constant of the program; a text may come from anywhere, it is escaped.
struct LogField {
  using Value = std::variant<std::string_view, std::uint64_t, double, bool>;

  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, const std::string& text)
      : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, std::uint64_t number) : key(name), value(number) {}
  LogField(std::string_view name, double number) : key(name), value(number) {}
  LogField(std::string_view name, bool yes) : key(name), value(yes) {}

  std::string_view key;
  Value value;
};

// One place that may speak too often: at most one line an interval, and the line says how many were
// kept back. Used with one Log only.
class LogLimit {
 public:
  explicit LogLimit(PacketTime interval) : interval_(interval) {}

 private:
  friend class Log;
  PacketTime interval_;
  PacketTime next_ = 0;
  std::uint64_t kept_back_ = 0;
};

// Thread-safe: a line is written whole. Hostile bytes are escaped, control characters never reach
// the file. By rule, no line of kInfo or above holds a mail address or anything of a body; client
// addresses come at kDebug only.
class Log {
 public:
  // `fd` stays the caller's. `clock` gives the time of a line, in ns since 1970.
  using Clock = PacketTime (*)();
  Log(int fd, LogFormat format, LogLevel least, Clock clock = SystemTime);

  // logfmt:  time=2026-11-25T10:00:00.123Z level=info msg="capturing" source=bpf
  // JSON:    {"time":"...","level":"info","msg":"capturing","source":"bpf"}
  void Write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
  void Write(LogLimit& limit, LogLevel level, std::string_view message,
             std::initializer_list<LogField> fields = {});

  void Debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kWarn, message, fields);
  }
  void Error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    Write(LogLevel::kError, message, fields);
  }

  static PacketTime SystemTime();

 private:
  void WriteLine(LogLevel level, std::string_view message, std::initializer_list<LogField> fields,
                 std::uint64_t kept_back, PacketTime now);

  const int fd_;
  const LogFormat format_;
  const LogLevel least_;
  const Clock clock_;
  std::mutex mutex_;
  std::string line_;  // scratch
};

}  // namespace backscatter
