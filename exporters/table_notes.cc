#include "exporters/table_notes.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"

#include "agent/base/escape.h"
#include "exporters/loss_words.h"
#include "exporters/text_layout.h"

namespace backscatter {
namespace {

constexpr std::size_t kLabelWidth = 14;

// Entries under one label: the label stands before the first, the rest are indented.
class Notes {
 public:
  explicit Notes(const TableOptions& options) : options_(options) {}

  void Add(std::string_view label, std::string_view text) {
    const bool repeated = label == last_label_;
    last_label_ = label;
    out_ += PadRight(repeated ? "" : label, kLabelWidth);
    std::size_t column = kLabelWidth;
    // Words, so that long entries wrap; a single overlong word is shortened.
    const std::size_t room = options_.width - kLabelWidth;
    while (!text.empty()) {
      const std::string_view raw = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(text.size(), raw.size() + 1));
      const std::string word = ShortenMiddle(raw, room, options_.unicode ? "…" : "...");
      const std::size_t cells = DisplayWidth(word);
      if (column > kLabelWidth && column + 1 + cells > options_.width) {
        out_ += "\n" + std::string(kLabelWidth, ' ');
        column = kLabelWidth;
      } else if (column > kLabelWidth) {
        out_ += ' ';
        ++column;
      }
      out_ += word;
      column += cells;
    }
    out_ += '\n';
  }

  std::string Take() { return std::move(out_); }

 private:
  const TableOptions& options_;
  std::string_view last_label_;
  std::string out_;
};

std::string Safe(std::string_view text, const TableOptions& options) {
  const std::string escaped = EscapeForTerminal(text);
  return options.unicode ? escaped : OnlyAscii(escaped);
}

void AddInexact(const Report& report, Notes& notes) {
  const ErrorBounds& bounds = report.error_bounds;
  const auto add = [&](std::string_view what, std::uint64_t bound) {
    if (bound == 0) return;
    notes.Add("Not exact", std::string(what) + " may be too low, by at most " +
                               WithThousands(bound) + "; a + marks them");
  };
  add("recipients of a target", bounds.targets);
  add("recipients of a source", bounds.sources);
  add("distinct sources and targets", bounds.distinct);
  if (!bounds.exact()) notes.Add("Not exact", "totals are exact");
  if (report.sampled()) {
    const auto about = [](double estimate) {
      return WithThousands(static_cast<std::uint64_t>(estimate + 0.5));
    };
    notes.Add("Estimated", absl::StrFormat("sampled at %g: about ", report.run.sampling) +
                               about(report.estimates.sessions) + " sessions, " +
                               about(report.estimates.transactions) + " transactions and " +
                               about(report.estimated_null_sender_recipients) +
                               " null-sender recipients in all; the counts above are as captured");
  }
}

void AddIgnored(const Report& report, Notes& notes) {
  const std::uint64_t ignored = report.transactions.ignored;
  if (ignored == 0) return;
  notes.Add("Ignored", CountOf(ignored, "transaction") +
                           " of ignore.networks or ignore.targets, counted nowhere else");
}

void AddEmitted(const Report& report, const TableOptions& options, Notes& notes) {
  const EmittedCounts& emitted = report.emitted;
  if (emitted.transactions == 0) return;
  std::string causes;
  for (const auto& [cause, count] : emitted.causes) {
    causes += (causes.empty() ? ": " : ", ") + cause + " " + WithThousands(count);
  }
  notes.Add("We emit",
            CountOf(emitted.transactions, "null-sender message") + " to others" + causes);
  if (emitted.examples.empty()) return;
  const EmissionExample& example = emitted.examples.front();
  const std::string which =
      example.message_id.empty() ? "mail" : "<" + Safe(example.message_id, options) + ">";
  const std::string whence =
      example.received_from.empty() ? "" : " that we had from " + example.received_from;
  notes.Add("We emit", "the latest answers " + which + whence);
}

// Why so much is unknown, and what a verdict of "not sent" is worth.
void AddSent(const Report& report, const TableOptions& options, Notes& notes) {
  const SentSummary& sent = report.sent;
  const std::uint64_t judged = report.verdicts[static_cast<std::size_t>(Verdict::kUnknown)] +
                               report.verdicts[static_cast<std::size_t>(Verdict::kBackscatter)];
  if (judged == 0) return;
  std::string since;
  if (sent.since) since = ", since " + FormatRfc3339(*sent.since).substr(0, 19) + " UTC";
  if (sent.sessions == 0) {
    notes.Add("What we sent", CountOf(sent.mails, "mail") + " known" + since +
                                  "; no outbound session was seen (is local.networks right?)");
    return;
  }
  notes.Add("What we sent", CountOf(sent.mails, "mail") + " known" + since + "; " +
                                WithThousands(sent.readable) + " of " +
                                CountOf(sent.sessions, "outbound session") + " could be read");
  if (sent.readable == sent.sessions || sent.clients.empty()) return;
  const SentClient& worst = sent.clients.front();
  notes.Add("What we sent", "least of " + Safe(worst.address, options) + ": " +
                                WithThousands(worst.readable) + " of " +
                                WithThousands(worst.sessions));
}

void AddUnseen(const Report& report, Notes& notes) {
  const SessionTotals& sessions = report.sessions;
  const auto of_all = [&](std::uint64_t part) {
    return WithThousands(part) + " of " + CountOf(sessions.total, "session");
  };
  if (sessions.encrypted > 0) {
    notes.Add("Unseen",
              of_all(sessions.encrypted) + " encrypted (TLS): what they carried is not counted");
  }
  if (sessions.one_sided > 0) {
    notes.Add("Half seen", of_all(sessions.one_sided) + " captured in one direction only");
  }
  if (sessions.mid_stream > 0) {
    notes.Add("Half seen", of_all(sessions.mid_stream) + " begun before the capture");
  }
  if (sessions.with_gaps > 0) {
    notes.Add("Half seen", of_all(sessions.with_gaps) + " with bytes missing");
  }
}

void AddLedger(const Report& report, Notes& notes) {
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const auto loss = static_cast<Loss>(i);
    const std::uint64_t count = report.ledger.Get(loss);
    if (count == 0) continue;
    notes.Add("Lost", WithThousands(count) + " " + std::string(LossWords(loss)));
  }
  std::string odd;
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    const auto anomaly = static_cast<Anomaly>(i);
    const std::uint64_t count = report.ledger.Get(anomaly);
    if (count == 0) continue;
    if (!odd.empty()) odd += ", ";
    odd += std::string(AnomalyName(anomaly)) + " " + WithThousands(count);
  }
  if (!odd.empty()) notes.Add("Odd", odd);
}

std::uint64_t Packets(const Report& report) {
  return std::accumulate(
      report.captures.begin(), report.captures.end(), std::uint64_t{0},
      [](std::uint64_t sum, const CaptureInfo& capture) { return sum + capture.packets; });
}

// The first reason that holds.
std::vector<std::string> WhyNothing(const Report& report) {
  const SessionTotals& sessions = report.sessions;
  const TransactionTotals& totals = report.transactions;
  const std::uint64_t packets = Packets(report);
  if (sessions.total == 0 && totals.total == 0) {
    if (packets == 0) return {"No packets were read."};
    return {"No SMTP seen in " + CountOf(packets, "packet") + ".",
            "Is mail in this capture? Look for its port, or for a filter that left it out."};
  }
  if (totals.total == 0 && sessions.encrypted == sessions.total) {
    return {
        "Nothing can be counted: all " + CountOf(sessions.total, "session") + " were encrypted.",
        "Envelopes inside TLS cannot be read from packets. Capture where mail is plain, e.g. "
        "behind the proxy."};
  }
  if (totals.total == 0) {
    return {"No MAIL command in " + CountOf(sessions.total, "session") + ", " +
            WithThousands(sessions.encrypted) + " of them encrypted."};
  }
  if (totals.null_sender == 0) {
    return {"No bounces: none of " + CountOf(totals.total, "transaction") +
            " had the null sender."};
  }
  if (totals.null_sender_recipients == 0) {
    return {"None of " + CountOf(totals.null_sender, "null-sender transaction") +
            " named a recipient."};
  }
  return {"All " + CountOf(totals.null_sender_recipients, "null-sender recipient") +
              " were in mail that we sent or handed to ourselves (local.networks),",
          "which targets and sources leave out."};
}

}  // namespace

std::string RenderNothingFound(const Report& report, const TableOptions& options) {
  if (!report.targets.empty()) return {};
  std::string out = "\n";
  for (const std::string& line : WhyNothing(report)) {
    out += ShortenMiddle(line, options.width, "...") + "\n";
  }
  return out;
}

std::string RenderNotes(const Report& report, const TableOptions& options) {
  Notes notes(options);
  AddIgnored(report, notes);
  AddEmitted(report, options, notes);
  AddSent(report, options, notes);
  AddInexact(report, notes);
  AddUnseen(report, notes);
  AddLedger(report, notes);
  for (const CaptureInfo& capture : report.captures) {
    if (capture.error.empty()) continue;
    notes.Add("Damaged", Safe(capture.error, options));  // names its file
  }
  return notes.Take();
}

}  // namespace backscatter
