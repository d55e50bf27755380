// Mail that we sent, told by a mail log: where the wire does not show it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "agent/base/ledger.h"
#include "agent/mail/sent_ledger.h"

namespace backscatter {

// One mail to one recipient a line, four fields with a tab between:
//   time <TAB> Message-ID <TAB> envelope sender <TAB> recipient <LF or CR LF>
// time: RFC 3339 (2026-11-24T10:00:00.5+01:00, also with a blank for the T), or seconds since 1970
// with or without a fraction. The others with or without angle brackets; each may be empty (of a
// sender `<>` too only the Message-ID is learnt), but the Message-ID and the recipient not both.
// Empty lines and lines that begin with # say nothing. UTF-8 passes, control characters do not.
inline constexpr std::size_t kMaxFeedLine = 4096;

// Called once a mail; the views live until it returns.
using SentFeedSink = std::function<void(const SentMail& mail)>;

// The time field alone. Years 1970 to 2115; more than nine fractional digits are cut.
std::optional<PacketTime> ParseFeedTime(std::string_view text);
// One line without its end; nullopt where it is none of the above (also for what says nothing).
std::optional<SentMail> ParseFeedLine(std::string_view line);

// Cuts a stream of bytes into lines. What cannot be read, or is longer than kMaxFeedLine, is
// skipped and counted in `ledger` (Loss::kSentFeedLines). Holds at most one line. Not thread-safe.
class SentFeedLines {
 public:
  explicit SentFeedLines(Ledger& ledger) : ledger_(&ledger) {}

  void Add(std::string_view bytes, const SentFeedSink& sink);
  // The last line, where its end is missing.
  void End(const SentFeedSink& sink);

 private:
  void OnLine(std::string_view line, const SentFeedSink& sink);

  Ledger* ledger_;
  std::string held_;       // the beginning of a line
  bool too_long_ = false;  // its rest is skipped
};

// A feed kept in a file, for a replay. NotFound or PermissionDenied with the name and why; mails
// before a fault have reached the sink.
absl::Status ReadSentFeedFile(const std::string& path, Ledger& ledger, const SentFeedSink& sink);

}  // namespace backscatter
