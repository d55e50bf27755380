#include "exporters/api_json.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "agent/base/json_writer.h"
#include "exporters/flood_json.h"
#include "exporters/shared_json.h"

namespace backscatter {
namespace {

class Document {
 public:
  explicit Document(std::string_view schema) {
    json_.BeginObject();
    json_.Field("schema", schema);
  }
  std::string Take() {
    json_.EndObject();
    text_ += '\n';
    return std::move(text_);
  }

  JsonWriter& json() { return json_; }
  void Time(std::string_view key, bool known, PacketTime time) {
    if (known) {
      json_.Field(key, FormatRfc3339(time));
    } else {
      json_.NullField(key);
    }
  }
  void Number(std::string_view key, double value) {
    json_.Key(key);
    json_.Double(value);
  }
  // Where the rows of an answer lie among all that there are.
  void Page(const ApiPage& page, std::size_t available) {
    json_.Field("available", std::uint64_t{available});
    json_.Field("offset", std::uint64_t{page.offset});
    json_.Field("limit", std::uint64_t{page.limit});
  }
  void Run(const RunInfo& run) {
    json_.Field("source", run.source);
    json_.List("interfaces", run.interfaces);
    Time("start", run.has_time, run.start);
    Number("sampling", run.sampling);
  }
  void Count(const LiveCount& count, bool sampled) {
    json_.Field("count", count.raw);
    if (sampled) Number("estimated", count.estimated);
  }

 private:
  std::string text_;
  JsonWriter json_{&text_};
};

void WriteSessions(const LiveSnapshot& snapshot, Document& out) {
  JsonWriter& json = out.json();
  json.Key("sessions");
  json.BeginObject();
  for (std::size_t i = 0; i < kMailDirections; ++i) {
    json.Key(MailDirectionName(static_cast<MailDirection>(i)));
    json.BeginObject();
    const auto& sessions = snapshot.totals.sessions[i];
    json.Key("plain");
    json.BeginObject();
    out.Count(sessions[0], snapshot.sampled());
    json.EndObject();
    json.Key("encrypted");
    json.BeginObject();
    out.Count(sessions[1], snapshot.sampled());
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
}

void WriteHttp(const HttpFigures& http, Document& out) {
  JsonWriter& json = out.json();
  json.Key("http");
  json.BeginObject();
  json.Field("open", http.connections.open);
  json.Field("accepted", http.connections.accepted);
  json.Field("refused", http.connections.refused);
  json.Field("displaced", http.connections.displaced);
  json.Field("timed_out", http.connections.timed_out);
  json.Field("requests", http.requests);
  json.Field("wrong_passwords", http.wrong_passwords);
  json.Field("busy", http.busy);
  json.EndObject();
}

// What a list of a report says before its rows.
void WriteListHead(const Report& report, std::size_t known, std::size_t rows, std::uint64_t bound,
                   const ApiPage& page, Document& out) {
  JsonWriter& json = out.json();
  out.Time("made_at", report.run.has_time, report.run.end);
  out.Time("since", report.run.has_time, report.run.start);
  out.Number("sampling", report.run.sampling);
  json.Field("known", std::uint64_t{known});
  out.Page(page, rows);
  json.Field("exact", bound == 0 && !report.sampled());
  json.Field("error_bound", bound);
  json.Field("distinct_exact", report.error_bounds.distinct == 0 && !report.sampled());
  json.Field("distinct_error_bound", report.error_bounds.distinct);
}

void WriteCounts(const AddressCounts& row, std::string_view distinct, bool sampled, Document& out) {
  JsonWriter& json = out.json();
  json.Field("recipients", row.recipients);
  if (row.undercount != 0) json.Field("undercount", row.undercount);
  if (sampled) out.Number("estimated_recipients", row.estimated_recipients);
  json.Field("accepted", row.accepted);
  json.Field("deferred", row.deferred);
  json.Field("refused", row.refused);
  json.Field("unknown", row.unknown);
  json.Field("delivered", row.delivered);
  json.Field(distinct, row.distinct);
  json.Key("verdicts");
  json.BeginObject();
  for (std::size_t i = 0; i < row.verdicts.size(); ++i) {
    if (row.verdicts[i] > 0) json.Field(VerdictName(static_cast<Verdict>(i)), row.verdicts[i]);
  }
  json.EndObject();
  out.Time("first", true, row.first);
  out.Time("last", true, row.last);
}

void WriteWindows(const LiveWindows& windows, Document& out) {
  out.Number("last_minute", windows.minute);
  out.Number("last_ten_minutes", windows.ten_minutes);
  out.Number("last_hour", windows.hour);
  out.Number("last_day", windows.day);
}

// What a target and a domain have in common.
template <typename Row>
void WriteBusy(const Row& row, Document& out) {
  WriteWindows(row.windows, out);
  out.Number("sources", std::round(row.sources));
  out.Number("networks", std::round(row.networks));
}

// Who gets null-sender mail now, and from where: the lists of which metrics tell.
void WriteRecent(const LiveSnapshot& snapshot, Document& out) {
  JsonWriter& json = out.json();
  const auto list = [&](std::string_view key, const auto& rows, const auto& write) {
    json.Key(key);
    json.BeginArray();
    for (const auto& row : rows) {
      json.BeginObject();
      write(row);
      json.EndObject();
    }
    json.EndArray();
  };
  json.Key("recent");
  json.BeginObject();
  WriteWindows(snapshot.recipients, out);
  list("targets", snapshot.targets, [&](const LiveTarget& row) {
    WriteLabel(row.label, out.json());
    WriteBusy(row, out);
    out.Time("last", true, row.last);
  });
  list("domains", snapshot.domains, [&](const LiveDomain& row) {
    json.Field("domain", row.domain);
    WriteBusy(row, out);
    out.Time("last", true, row.last);
  });
  list("networks", snapshot.networks, [&](const LiveNetwork& row) {
    json.Field("network", row.network);
    WriteWindows(row.windows, out);
    out.Time("last", true, row.last);
  });
  json.EndObject();
}

}  // namespace

std::string RenderApiError(int status, std::string_view text) {
  Document out("backscatter.error/1");
  out.json().Field("status", static_cast<std::uint64_t>(status));
  out.json().Field("error", text);
  return out.Take();
}

std::string RenderApiStatus(const LiveSnapshot& snapshot, std::string_view stage,
                            const HttpFigures& http, PacketTime now) {
  Document out("backscatter.status/1");
  JsonWriter& json = out.json();
  json.Field("version", snapshot.version);
  json.TextOrNull("revision", snapshot.revision);
  json.Field("stage", stage);
  out.Time("made_at", true, snapshot.made_at);
  out.Number("age_seconds",
             static_cast<double>(std::max<PacketTime>(now - snapshot.made_at, 0)) / 1e9);
  json.Key("run");
  json.BeginObject();
  out.Run(snapshot.run);
  json.EndObject();
  json.Field("sampled", snapshot.sampled());
  json.Field("packets", snapshot.packets);
  json.Field("packet_bytes", snapshot.packet_bytes);
  json.Field("open_sessions", snapshot.open_sessions);
  WriteSessions(snapshot, out);
  json.Key("sent");
  json.BeginObject();
  json.Key("coverage");
  if (snapshot.sent_coverage) {
    json.Double(*snapshot.sent_coverage);
  } else {
    json.Null();
  }
  json.Field("mails", snapshot.sent_entries);
  out.Time("since", snapshot.sent_since.has_value(), snapshot.sent_since.value_or(0));
  json.EndObject();
  const auto on = std::ranges::count_if(snapshot.floods,
                                        [](const Flood& flood) { return !flood.end.has_value(); });
  json.Field("floods_on", static_cast<std::uint64_t>(on));
  WriteRecent(snapshot, out);
  json.Key("reload");
  json.BeginObject();
  json.Field("worked", snapshot.reload_ok);
  out.Time("last_worked", snapshot.reloaded_at != 0, snapshot.reloaded_at);
  json.EndObject();
  WriteLedger(snapshot.ledger, json);
  WriteHttp(http, out);
  return out.Take();
}

std::string RenderApiTargets(const ApiReport& api, const ApiPage& page) {
  const Report& report = api.report;
  Document out("backscatter.targets/1");
  const std::size_t size = std::min(report.targets.size(), api.labels.size());
  WriteListHead(report, report.targets_known, size, report.error_bounds.targets, page, out);
  out.json().Key("targets");
  out.json().BeginArray();
  for (std::size_t i = page.Begin(size); i < page.End(size); ++i) {
    out.json().BeginObject();
    WriteLabel(api.labels[i], out.json());
    WriteCounts(report.targets[i], "sources", report.sampled(), out);
    out.json().EndObject();
  }
  out.json().EndArray();
  return out.Take();
}

std::string RenderApiSources(const ApiReport& api, const ApiPage& page) {
  const Report& report = api.report;
  Document out("backscatter.sources/1");
  const std::size_t size = report.sources.size();
  WriteListHead(report, report.sources_known, size, report.error_bounds.sources, page, out);
  out.json().Key("sources");
  out.json().BeginArray();
  for (std::size_t i = page.Begin(size); i < page.End(size); ++i) {
    out.json().BeginObject();
    out.json().Field("address", report.sources[i].address);
    WriteCounts(report.sources[i], "targets", report.sampled(), out);
    out.json().EndObject();
  }
  out.json().EndArray();
  return out.Take();
}

std::string RenderApiFloods(const LiveSnapshot& snapshot, std::optional<bool> on,
                            const ApiPage& page) {
  std::vector<std::size_t> wanted;  // the latest first
  for (std::size_t i = std::min(snapshot.floods.size(), snapshot.flood_labels.size()); i-- > 0;) {
    if (on && *on == snapshot.floods[i].end.has_value()) continue;
    wanted.push_back(i);
  }
  Document out("backscatter.floods/1");
  out.Time("made_at", true, snapshot.made_at);
  out.Number("sampling", snapshot.run.sampling);
  out.Page(page, wanted.size());
  out.json().Key("floods");
  out.json().BeginArray();
  for (std::size_t i = page.Begin(wanted.size()); i < page.End(wanted.size()); ++i) {
    Flood flood = snapshot.floods[wanted[i]];
    flood.domain = snapshot.flood_labels[wanted[i]].domain;
    flood.target = snapshot.flood_labels[wanted[i]].target;
    WriteFlood(flood, snapshot.sampled(), out.json());
  }
  out.json().EndArray();
  return out.Take();
}

std::string RenderApiTransactions(const ApiTransactions& transactions, const ApiPage& page) {
  Document out("backscatter.transactions/1");
  JsonWriter& json = out.json();
  json.Field("capacity", transactions.capacity);
  json.Field("seen", transactions.seen);
  out.Page(page, transactions.kept);
  std::string text = out.Take();
  // The rows are JSON already.
  text.resize(text.size() - 2);
  text += ",\"transactions\":[";
  for (const auto& row : transactions.rows) {
    if (!text.ends_with('[')) text += ',';
    text += *row;
  }
  return text + "]}\n";
}

}  // namespace backscatter
