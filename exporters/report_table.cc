#include "exporters/report_table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"

#include "agent/base/escape.h"
#include "agent/detect/distinct_counter.h"
#include "exporters/table_notes.h"
#include "exporters/text_layout.h"
#include "exporters/verdict_words.h"

namespace backscatter {
namespace {

constexpr std::size_t kBarCells = 6;
constexpr std::size_t kShareCells = kBarCells + 5;  // and " 100%"
constexpr std::size_t kLeastAddress = 16;
constexpr std::size_t kGap = 2;

struct Column {
  std::string_view head;
  bool to_the_left = false;
  std::size_t width = 0;
  std::vector<std::string> cells = {};

  std::string Pad(std::string_view text) const {
    return to_the_left ? PadRight(text, width) : PadLeft(text, width);
  }
};

class Table {
 public:
  Table(const Report& report, const TableOptions& options) : report_(report), options_(options) {
    options_.width = std::max<std::size_t>(options_.width, 80);
    one_day_ = report.run.has_time && Date(report.run.start) == Date(report.run.end);
  }

  std::string Render() {
    WriteHead();
    WriteTotals();
    WriteVerdicts();
    WriteFloods();
    WriteRows("target", report_.targets, report_.targets_known, "sources");
    WriteRows("source", report_.sources, report_.sources_known, "targets");
    out_ += RenderNothingFound(report_, options_);
    const std::string notes = RenderNotes(report_, options_);
    if (!notes.empty()) out_ += "\n" + Dim(notes);
    return std::move(out_);
  }

 private:
  std::string Bold(std::string_view text) const { return Style("\x1b[1m", text); }
  std::string Dim(std::string_view text) const { return Style("\x1b[2m", text); }
  std::string Style(std::string_view code, std::string_view text) const {
    if (!options_.color) return std::string(text);
    return std::string(code) + std::string(text) + "\x1b[0m";
  }
  std::string_view Separator() const { return options_.unicode ? " · " : ", "; }

  std::string Address(std::string_view text, std::size_t width) const {
    std::string safe = EscapeForTerminal(text);
    if (!options_.unicode) safe = OnlyAscii(safe);
    return ShortenMiddle(safe, width, options_.unicode ? "…" : "...");
  }

  // Of "2026-11-24T23:10:27.123456789Z".
  static std::string Date(PacketTime time) { return FormatRfc3339(time).substr(0, 10); }
  static std::string Clock(PacketTime time) { return FormatRfc3339(time).substr(11, 8); }
  std::string ShortTime(PacketTime time) const {
    if (one_day_) return Clock(time);
    return Date(time).substr(5) + " " + Clock(time).substr(0, 5);
  }

  void WriteHead();
  void WriteTotals();
  void WriteVerdicts();
  void WriteFloods();
  std::string FloodLine(const Flood& flood) const;
  void TotalsLine(std::string_view name, std::uint64_t count, std::size_t number_width,
                  const std::vector<std::string>& parts);
  void WriteRows(std::string_view what, const std::vector<AddressCounts>& rows, std::size_t known,
                 std::string_view distinct);
  std::vector<Column> ColumnsOf(const std::vector<AddressCounts>& rows,
                                std::string_view distinct) const;
  void MakeRoom(std::vector<Column>& columns) const;
  std::string Share(std::uint64_t count, std::uint64_t most, std::uint64_t all) const;

  const Report& report_;
  TableOptions options_;
  bool one_day_ = false;
  std::string out_;
};

void Table::WriteHead() {
  out_ += Bold("Backscatter report");
  const RunInfo& run = report_.run;
  if (run.has_time) {
    out_ += "  " + Date(run.start) + " " + Clock(run.start) + " to ";
    if (!one_day_) out_ += Date(run.end) + " ";
    out_ += Clock(run.end) + " UTC (" +
            HumanDuration(std::max<PacketTime>(run.end - run.start, 0)) + ")";
  }
  out_ += '\n';
  if (report_.captures.empty()) return;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  for (const CaptureInfo& capture : report_.captures) {
    packets += capture.packets;
    bytes += capture.bytes;
  }
  const std::string rest = std::string(Separator()) + CountOf(packets, "packet") +
                           std::string(Separator()) + HumanBytes(bytes);
  const std::size_t room = options_.width - DisplayWidth(rest);
  out_ += (report_.captures.size() == 1 ? Address(report_.captures[0].file, room)
                                        : CountOf(report_.captures.size(), "capture")) +
          rest + "\n";
}

void Table::TotalsLine(std::string_view name, std::uint64_t count, std::size_t number_width,
                       const std::vector<std::string>& parts) {
  out_ += PadRight(name, 14) + PadLeft(WithThousands(count), number_width);
  std::string_view before = "   ";
  for (const std::string& part : parts) {
    out_.append(before).append(part);
    before = Separator();
  }
  out_ += '\n';
}

void Table::WriteTotals() {
  const SessionTotals& sessions = report_.sessions;
  const TransactionTotals& totals = report_.transactions;
  const std::size_t width =
      WithThousands(std::max({sessions.total, totals.total, report_.recipients})).size();
  const auto part = [](std::uint64_t count, std::string_view name) {
    return WithThousands(count) + " " + std::string(name);
  };
  out_ += '\n';
  TotalsLine("Sessions", sessions.total, width,
             {part(sessions.plain, "plain"), part(sessions.encrypted, "encrypted")});
  TotalsLine("Transactions", totals.total, width,
             {part(totals.accepted, "accepted"), part(totals.rejected, "rejected"),
              part(totals.aborted, "aborted"), part(totals.unfinished, "unfinished")});
  TotalsLine("Recipients", report_.recipients, width, {});
  TotalsLine("Null sender", totals.null_sender, width,
             {"with " + CountOf(totals.null_sender_recipients, "recipient")});
}

// The most frequent first. Ordinary mail alone is no news.
void Table::WriteVerdicts() {
  const VerdictCounts& counts = report_.verdicts;
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) verdicts.push_back(static_cast<Verdict>(i));
  }
  if (verdicts.empty() || (verdicts.size() == 1 && verdicts[0] == Verdict::kNormal)) return;
  const auto count_of = [&](Verdict verdict) { return counts[static_cast<std::size_t>(verdict)]; };
  std::ranges::stable_sort(verdicts, std::greater{}, count_of);

  const std::uint64_t all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  const std::uint64_t retries = report_.transactions.retries;
  constexpr std::string_view kHead = "transactions";
  const std::size_t width =
      std::max(kHead.size(), WithThousands(count_of(verdicts.front())).size());
  std::size_t name_width = 0;
  for (const Verdict verdict : verdicts) {
    name_width = std::max(name_width, VerdictName(verdict).size());
  }
  out_ += "\n" + Bold("Verdicts");
  if (retries > 0) {
    out_ += " (without " + WithThousands(retries) + (retries == 1 ? " retry)" : " retries)");
  }
  const std::string gap(kGap, ' ');
  out_ += "\n" +
          Dim(PadLeft(kHead, width) + gap + PadRight("share", kShareCells) + gap +
              PadRight("verdict", name_width) + gap + "meaning") +
          "\n";
  for (const Verdict verdict : verdicts) {
    out_ += PadLeft(WithThousands(count_of(verdict)), width) + gap +
            Share(count_of(verdict), count_of(verdicts.front()), all) + gap +
            PadRight(VerdictName(verdict), name_width) + gap;
    const std::size_t used = width + kShareCells + name_width + 3 * kGap;
    const std::size_t room =
        std::max(kLeastAddress, options_.width - std::min(used, options_.width));
    out_ += ShortenMiddle(VerdictWords(verdict), room, options_.unicode ? "…" : "...");
    out_ += '\n';
  }
}

// Two lines each: what and against whom; since when, how much, from where.
void Table::WriteFloods() {
  if (report_.floods.empty()) return;
  constexpr std::size_t kMostTold = 20;
  const std::size_t count = report_.floods.size();
  out_ += "\n" + Bold("Floods");
  if (count > kMostTold) {
    out_ += " (" + std::to_string(kMostTold) + " of " + WithThousands(count) + ")";
  }
  out_ += '\n';
  std::vector<const Flood*> floods;
  for (const Flood& flood : report_.floods) floods.push_back(&flood);
  // Those that are on first, the largest before the others; then the latest.
  std::ranges::stable_sort(floods, [](const Flood* a, const Flood* b) {
    if (a->end.has_value() != b->end.has_value()) return b->end.has_value();
    return a->end ? a->start > b->start : a->recipients > b->recipients;
  });
  floods.resize(std::min(count, kMostTold));
  for (const Flood* flood : floods) out_ += FloodLine(*flood);
}

std::string Table::FloodLine(const Flood& flood) const {
  const std::string_view of = !flood.target.empty()   ? flood.target
                              : !flood.domain.empty() ? flood.domain
                                                      : flood.network;
  std::string head = std::string(FloodKindName(flood.kind)) + " (" +
                     std::string(ConfidenceName(flood.confidence)) + ")";
  std::string text =
      PadRight(head, 26) + std::string(kGap, ' ') +
      (of.empty() ? std::string(flood.kind == FloodKind::kWidespread ? "many targets" : "ourselves")
                  : Address(of, options_.width - 26 - kGap)) +
      "\n";
  const bool exact = flood.sources <= static_cast<double>(kMostExactThings);
  const auto about = [&](double number, std::string_view what) {
    return (exact ? "" : "about ") +
           CountOf(static_cast<std::uint64_t>(std::llround(number)), what);
  };
  std::string rest =
      ShortTime(flood.start) + (flood.end ? " to " + ShortTime(*flood.end) : " and on");
  const bool ours = flood.kind == FloodKind::kOwnEmission;
  rest += std::string(Separator()) + (flood.beginning_seen ? "" : "at least ") +
          CountOf(flood.recipients, ours ? "bounce" : "RCPT") + (ours ? " to " : " from ") +
          about(flood.sources, ours ? "server" : "source") + " in " +
          about(flood.networks, "network");
  if (flood.share_unsolicited) {
    rest += std::string(Separator()) +
            absl::StrFormat("%.0f%% unsolicited", 100 * *flood.share_unsolicited);
  }
  return text + "  " + rest + "\n";
}

std::vector<Column> Table::ColumnsOf(const std::vector<AddressCounts>& rows,
                                     std::string_view distinct) const {
  const std::string_view distinct_mark = report_.error_bounds.distinct == 0 ? "" : "+";
  std::vector<Column> columns = {{.head = "RCPTs"},    {.head = "share", .to_the_left = true},
                                 {.head = "accepted"}, {.head = "rejected"},
                                 {.head = distinct},   {.head = "first"},
                                 {.head = "last"}};
  for (const AddressCounts& row : rows) {
    const std::string cells[] = {
        WithThousands(row.recipients) + (row.undercount > 0 ? "+" : ""),
        Share(row.recipients, rows.front().recipients, report_.transactions.null_sender_recipients),
        WithThousands(row.accepted),
        WithThousands(row.deferred + row.refused),
        WithThousands(row.distinct).append(distinct_mark),
        ShortTime(row.first),
        ShortTime(row.last)};
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].cells.push_back(cells[i]);
  }
  for (Column& column : columns) {
    column.width = column.head.size();
    for (const std::string& cell : column.cells) {
      column.width = std::max(column.width, DisplayWidth(cell));
    }
  }
  return columns;
}

// The bar compares the rows, the number is the part of all.
std::string Table::Share(std::uint64_t count, std::uint64_t most, std::uint64_t all) const {
  const double percent = all > 0 ? 100 * static_cast<double>(count) / static_cast<double>(all) : 0;
  const std::string number = percent < 1 ? "<1%" : absl::StrFormat("%.0f%%", percent);
  return Bar(count, most, kBarCells, options_.unicode) + PadLeft(number, kShareCells - kBarCells);
}

// Drops what says least until an address has room: the bar, then first, then last.
void Table::MakeRoom(std::vector<Column>& columns) const {
  for (const std::string_view dispensable : {"share", "first", "last"}) {
    std::size_t used = kLeastAddress;
    for (const Column& column : columns) used += column.width + kGap;
    if (used <= options_.width) return;
    std::erase_if(columns, [&](const Column& column) { return column.head == dispensable; });
  }
}

void Table::WriteRows(std::string_view what, const std::vector<AddressCounts>& rows,
                      std::size_t known, std::string_view distinct) {
  if (rows.empty()) return;
  std::vector<Column> columns = ColumnsOf(rows, distinct);
  MakeRoom(columns);
  std::size_t room = options_.width;
  for (const Column& column : columns) room -= std::min(room, column.width + kGap);
  room = std::max(room, kLeastAddress);

  out_ += "\n" + Bold("Top " + std::string(what) + "s");
  if (known > rows.size()) {
    out_ += " (" + WithThousands(rows.size()) + " of " + WithThousands(known) + ")";
  }
  out_ += '\n';
  std::string heads;
  for (const Column& column : columns) heads += column.Pad(column.head) + std::string(kGap, ' ');
  out_ += Dim(heads.append(what)) + "\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const Column& column : columns) {
      out_ += column.Pad(column.cells[i]) + std::string(kGap, ' ');
    }
    out_ += Address(rows[i].address, room) + "\n";
  }
}

}  // namespace

std::string RenderReportTable(const Report& report, const TableOptions& options) {
  return Table(report, options).Render();
}

}  // namespace backscatter
