#include "agent/mail/sent_feed.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "agent/base/ascii.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

constexpr std::int64_t kLastSecond = 4'607'000'000;  // in 2115: nanoseconds fit with room

// Takes `digits` decimal digits off the front; nullopt where there are not as many.
std::optional<int> TakeDigits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeAnyOf(std::string_view& text, std::string_view choices) {
  if (text.empty() || choices.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".123": in nanoseconds, 0 where there is no dot; nullopt for a dot without a digit.
std::optional<std::int64_t> TakeFraction(std::string_view& text) {
  if (!TakeAnyOf(text, ".,")) return 0;
  if (text.empty() || !IsDigit(text.front())) return std::nullopt;
  std::int64_t nanoseconds = 0;
  std::int64_t unit = kSecond / 10;
  for (; !text.empty() && IsDigit(text.front()); text.remove_prefix(1), unit /= 10) {
    nanoseconds += unit * (text.front() - '0');
  }
  return nanoseconds;
}

// "Z", "+01:00", "+0100": seconds east of Greenwich.
std::optional<int> TakeZone(std::string_view& text) {
  if (TakeAnyOf(text, "Zz")) return 0;
  const bool west = text.starts_with('-');
  if (!TakeAnyOf(text, "+-")) return std::nullopt;
  const auto hours = TakeDigits(text, 2);
  TakeAnyOf(text, ":");
  const auto minutes = TakeDigits(text, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int seconds = (*hours * 60 + *minutes) * 60;
  return west ? -seconds : seconds;
}

std::optional<PacketTime> Checked(std::int64_t seconds, std::int64_t nanoseconds) {
  if (seconds < 0 || seconds > kLastSecond) return std::nullopt;
  return seconds * kSecond + nanoseconds;
}

std::optional<PacketTime> ParseRfc3339(std::string_view text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !TakeAnyOf(text, "-")) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !TakeAnyOf(text, "-")) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day || !TakeAnyOf(text, "Tt ")) return std::nullopt;
  const auto hour = TakeDigits(text, 2);
  if (!hour || !TakeAnyOf(text, ":")) return std::nullopt;
  const auto minute = TakeDigits(text, 2);
  if (!minute || !TakeAnyOf(text, ":")) return std::nullopt;
  const auto second = TakeDigits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = TakeFraction(text);
  const auto zone = TakeZone(text);
  if (!fraction || !zone || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return Checked(((days * 24 + *hour) * 60 + *minute) * 60 + *second - *zone, *fraction);
}

std::optional<PacketTime> ParseUnixSeconds(std::string_view text) {
  std::int64_t seconds = 0;
  std::size_t digits = 0;
  for (; !text.empty() && IsDigit(text.front()); text.remove_prefix(1)) {
    if (++digits > 10) return std::nullopt;
    seconds = seconds * 10 + (text.front() - '0');
  }
  const auto fraction = TakeFraction(text);
  if (digits == 0 || !fraction || !text.empty()) return std::nullopt;
  return Checked(seconds, *fraction);
}

bool SaysNothing(std::string_view line) { return line.empty() || line.front() == '#'; }

bool IsControl(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

std::string_view Bare(std::string_view text) {
  text = TrimBlanks(text);
  return text == "<>" ? std::string_view() : text;
}

}  // namespace

std::optional<PacketTime> ParseFeedTime(std::string_view text) {
  text = TrimBlanks(text);
  return text.size() > 4 && text[4] == '-' ? ParseRfc3339(text) : ParseUnixSeconds(text);
}

std::optional<SentMail> ParseFeedLine(std::string_view line) {
  if (line.size() > kMaxFeedLine || SaysNothing(line)) return std::nullopt;
  std::array<std::string_view, 4> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == fields.size())) return std::nullopt;
    fields[i] = line.substr(0, tab);
    if (std::ranges::any_of(fields[i], IsControl)) return std::nullopt;
    line.remove_prefix(std::min(line.size(), fields[i].size() + 1));
  }
  const std::optional<PacketTime> at = ParseFeedTime(fields[0]);
  if (!at) return std::nullopt;
  SentMail mail;
  mail.at = *at;
  mail.message_id = Bare(fields[1]);
  mail.sender = Bare(fields[2]);
  mail.recipient = Bare(fields[3]);
  if (mail.message_id.empty() && mail.recipient.empty()) return std::nullopt;
  return mail;
}

// ---- streams ------------------------------------------------------------------------------------

void SentFeedLines::OnLine(std::string_view line, const SentFeedSink& sink) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (SaysNothing(line)) return;
  if (const std::optional<SentMail> mail = ParseFeedLine(line)) {
    sink(*mail);
  } else {
    ledger_->Add(Loss::kSentFeedLines);
  }
}

void SentFeedLines::Add(std::string_view bytes, const SentFeedSink& sink) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    // One octet more than a line: its CR.
    if (!too_long_ && held_.size() + piece.size() > kMaxFeedLine + 1) {
      ledger_->Add(Loss::kSentFeedLines);
      too_long_ = true;
      held_.clear();
    }
    if (end == std::string_view::npos) {
      if (!too_long_) held_ += piece;
      return;
    }
    if (!too_long_ && held_.empty()) {
      OnLine(piece, sink);
    } else if (!too_long_) {
      held_ += piece;
      OnLine(held_, sink);
    }
    held_.clear();
    too_long_ = false;
  }
}

void SentFeedLines::End(const SentFeedSink& sink) {
  if (!held_.empty()) OnLine(held_, sink);
  held_.clear();
  too_long_ = false;
}

absl::Status ReadSentFeedFile(const std::string& path, Ledger& ledger, const SentFeedSink& sink) {
  const std::string name = EscapeForTerminal(path);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    const std::string what = name + ": the feed of sent mail cannot be read: " + strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(what) : absl::PermissionDeniedError(what);
  }
  SentFeedLines lines(ledger);
  std::array<char, 65536> bytes;
  absl::Status status;
  for (;;) {
    const ssize_t got = read(fd, bytes.data(), bytes.size());
    if (got > 0) {
      lines.Add({bytes.data(), static_cast<std::size_t>(got)}, sink);
    } else if (got == 0) {
      lines.End(sink);
      break;
    } else if (errno != EINTR) {
      status = absl::PermissionDeniedError(
          name + ": the feed of sent mail cannot be read: " + strerror(errno));
      break;
    }
  }
  close(fd);
  return status;
}

}  // namespace backscatter
