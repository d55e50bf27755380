#include "exporters/report_json.h"

#include <string>

#include "agent/base/json_writer.h"
#include "agent/net/packet.h"
#include "exporters/flood_json.h"
#include "exporters/shared_json.h"

namespace backscatter {
namespace {

constexpr std::size_t kPiece = 64 << 10;

// The names of https://www.tcpdump.org/linktypes.html, or the number.
std::string LinkTypeName(std::uint32_t number) {
  switch (static_cast<LinkType>(number)) {
    case LinkType::kNull:
      return "NULL";
    case LinkType::kEthernet:
      return "ETHERNET";
    case LinkType::kPpp:
      return "PPP";
    case LinkType::kPppHdlc:
      return "PPP_HDLC";
    case LinkType::kPppEther:
      return "PPP_ETHER";
    case LinkType::kRaw:
      return "RAW";
    case LinkType::kLoop:
      return "LOOP";
    case LinkType::kLinuxSll:
      return "LINUX_SLL";
    case LinkType::kIpv4:
      return "IPV4";
    case LinkType::kIpv6:
      return "IPV6";
    case LinkType::kNflog:
      return "NFLOG";
    case LinkType::kLinuxSll2:
      return "LINUX_SLL2";
  }
  return std::to_string(number);
}

class Document {
 public:
  Document(const Report& report, const TextSink& sink) : report_(report), sink_(sink) {}

  absl::Status Write() {
    json_.BeginObject();
    json_.Field("schema", "backscatter.report/1");
    WriteRun();
    WriteCaptures();
    WriteSessions();
    WriteTransactions();
    json_.Field("recipients", report_.recipients);
    Estimate("estimated_recipients", report_.estimated_recipients);
    WriteVerdicts(report_.verdicts);
    WriteEstimatedVerdicts();
    WriteAddresses("targets", report_.targets, "sources");
    WriteAddresses("sources", report_.sources, "targets");
    WriteDomains();
    WriteEmitted();
    WriteSent();
    WriteFloods();
    WriteExact();
    WriteLedger(report_.ledger, json_);
    json_.EndObject();
    text_ += '\n';
    Flush();
    return status_;
  }

 private:
  void Flush() {
    if (status_.ok()) status_ = sink_(text_);
    text_.clear();
  }
  // Between the rows of a list. False: the sink refused, the rest is not worth making.
  bool Goes() {
    if (text_.size() >= kPiece) Flush();
    return status_.ok();
  }
  void EmptyObject(std::string_view key) {
    json_.Key(key);
    json_.BeginObject();
    json_.EndObject();
  }
  void Time(std::string_view key, bool known, PacketTime time) {
    if (known) {
      json_.Field(key, FormatRfc3339(time));
    } else {
      json_.NullField(key);
    }
  }
  void Estimate(std::string_view key, double value) {
    if (!report_.sampled()) return;
    json_.Key(key);
    json_.Double(value);
  }
  void Undercount(std::uint64_t undercount) {
    if (undercount != 0) json_.Field("undercount", undercount);
  }

  void WriteRun();
  void WriteCaptures();
  void WriteSessions();
  void WriteTransactions();
  void WriteVerdicts(const VerdictCounts& verdicts);
  void WriteEstimatedVerdicts();
  void WriteAddresses(std::string_view key, const std::vector<AddressCounts>& rows,
                      std::string_view distinct);
  void WriteDomains();
  void WriteEmitted();
  void WriteSent();
  void WriteFloods();
  void WriteExact();

  const Report& report_;
  const TextSink& sink_;
  absl::Status status_;
  std::string text_;
  JsonWriter json_{&text_};
};

void Document::WriteRun() {
  const RunInfo& run = report_.run;
  json_.Key("run");
  json_.BeginObject();
  json_.Field("source", run.source);
  json_.List("interfaces", run.interfaces);
  Time("start", run.has_time, run.start);
  Time("end", run.has_time, run.end);
  json_.Key("sampling");
  json_.Double(run.sampling);
  json_.EndObject();
}

void Document::WriteCaptures() {
  json_.Key("captures");
  json_.BeginArray();
  for (const CaptureInfo& capture : report_.captures) {
    json_.BeginObject();
    json_.Field("file", capture.file);
    json_.Field("packets", capture.packets);
    json_.Field("bytes", capture.bytes);
    Time("first", capture.packets > 0, capture.first);
    Time("last", capture.packets > 0, capture.last);
    json_.Key("link_types");
    json_.BeginArray();
    for (const std::uint32_t type : capture.link_types) json_.String(LinkTypeName(type));
    json_.EndArray();
    if (capture.error.empty()) {
      json_.NullField("error");
    } else {
      json_.Field("error", capture.error);
    }
    json_.EndObject();
  }
  json_.EndArray();
}

void Document::WriteSessions() {
  const SessionTotals& sessions = report_.sessions;
  json_.Key("sessions");
  json_.BeginObject();
  json_.Field("total", sessions.total);
  json_.Field("plain", sessions.plain);
  json_.Field("encrypted", sessions.encrypted);
  json_.Field("one_sided", sessions.one_sided);
  json_.Field("mid_stream", sessions.mid_stream);
  json_.Field("with_gaps", sessions.with_gaps);
  Estimate("estimated_total", report_.estimates.sessions);
  Estimate("estimated_plain", report_.estimates.plain);
  Estimate("estimated_encrypted", report_.estimates.encrypted);
  json_.EndObject();
}

void Document::WriteTransactions() {
  const TransactionTotals& totals = report_.transactions;
  json_.Key("transactions");
  json_.BeginObject();
  json_.Field("total", totals.total);
  json_.Field("null_sender", totals.null_sender);
  json_.Field("null_sender_recipients", totals.null_sender_recipients);
  Estimate("estimated_null_sender_recipients", report_.estimated_null_sender_recipients);
  json_.Field("accepted", totals.accepted);
  json_.Field("rejected", totals.rejected);
  json_.Field("aborted", totals.aborted);
  json_.Field("unfinished", totals.unfinished);
  json_.Field("retries", totals.retries);
  if (totals.ignored > 0) json_.Field("ignored", totals.ignored);
  const Estimates& estimates = report_.estimates;
  Estimate("estimated_total", estimates.transactions);
  Estimate("estimated_null_sender", estimates.null_sender);
  Estimate("estimated_accepted", estimates.accepted);
  Estimate("estimated_rejected", estimates.rejected);
  Estimate("estimated_aborted", estimates.aborted);
  Estimate("estimated_unfinished", estimates.unfinished);
  Estimate("estimated_retries", estimates.retries);
  if (totals.ignored > 0) Estimate("estimated_ignored", estimates.ignored);
  json_.EndObject();
}

void Document::WriteVerdicts(const VerdictCounts& verdicts) {
  json_.Key("verdicts");
  json_.BeginObject();
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i] > 0) json_.Field(VerdictName(static_cast<Verdict>(i)), verdicts[i]);
  }
  json_.EndObject();
}

void Document::WriteEstimatedVerdicts() {
  if (!report_.sampled()) return;
  json_.Key("estimated_verdicts");
  json_.BeginObject();
  for (std::size_t i = 0; i < kVerdicts; ++i) {
    if (report_.verdicts[i] == 0) continue;
    Estimate(VerdictName(static_cast<Verdict>(i)), report_.estimates.verdicts[i]);
  }
  json_.EndObject();
}

void Document::WriteAddresses(std::string_view key, const std::vector<AddressCounts>& rows,
                              std::string_view distinct) {
  json_.Key(key);
  json_.BeginArray();
  for (const AddressCounts& row : rows) {
    if (!Goes()) break;
    json_.BeginObject();
    json_.Field("address", row.address);
    json_.Field("recipients", row.recipients);
    Undercount(row.undercount);
    Estimate("estimated_recipients", row.estimated_recipients);
    json_.Field("accepted", row.accepted);
    json_.Field("deferred", row.deferred);
    json_.Field("refused", row.refused);
    json_.Field("unknown", row.unknown);
    json_.Field("delivered", row.delivered);
    json_.Field(distinct, row.distinct);
    WriteVerdicts(row.verdicts);
    Time("first", true, row.first);
    Time("last", true, row.last);
    json_.EndObject();
  }
  json_.EndArray();
}

void Document::WriteDomains() {
  json_.Key("domains");
  json_.BeginArray();
  for (const DomainCounts& row : report_.domains) {
    if (!Goes()) break;
    json_.BeginObject();
    json_.Field("domain", row.domain);
    json_.Field("recipients", row.recipients);
    Undercount(row.undercount);
    Estimate("estimated_recipients", row.estimated_recipients);
    json_.Field("unknown_user", row.unknown_user);
    json_.Field("sources", row.sources);
    json_.Field("targets", row.targets);
    json_.EndObject();
  }
  json_.EndArray();
}

void Document::WriteEmitted() {
  const EmittedCounts& emitted = report_.emitted;
  json_.Key("emitted");
  json_.BeginObject();
  json_.Field("transactions", emitted.transactions);
  json_.Key("causes");
  json_.BeginObject();
  for (const auto& [cause, count] : emitted.causes) json_.Field(cause, count);
  json_.EndObject();
  json_.Key("recipient_domains");
  json_.BeginArray();
  for (const auto& [domain, count] : emitted.domains) {
    json_.BeginObject();
    json_.Field("domain", domain);
    json_.Field("transactions", count);
    json_.EndObject();
  }
  json_.EndArray();
  json_.Key("examples");
  json_.BeginArray();
  for (const EmissionExample& example : emitted.examples) {
    json_.BeginObject();
    json_.TextOrNull("message_id", example.message_id);
    json_.TextOrNull("received_from", example.received_from);
    json_.EndObject();
  }
  json_.EndArray();
  json_.EndObject();
}

void Document::WriteSent() {
  const SentSummary& sent = report_.sent;
  json_.Key("sent");
  json_.BeginObject();
  json_.Field("sessions", sent.sessions);
  json_.Field("readable", sent.readable);
  json_.Key("coverage");
  json_.Double(sent.coverage());
  json_.Field("mails", sent.mails);
  json_.Field("dropped", sent.dropped);
  Time("since", sent.since.has_value(), sent.since.value_or(0));
  json_.Key("clients");
  json_.BeginArray();
  for (const SentClient& client : sent.clients) {
    json_.BeginObject();
    json_.Field("address", client.address);
    json_.Field("sessions", client.sessions);
    json_.Field("readable", client.readable);
    json_.EndObject();
  }
  json_.EndArray();
  json_.EndObject();
}

void Document::WriteFloods() {
  json_.Key("floods");
  json_.BeginArray();
  for (const Flood& flood : report_.floods) {
    if (!Goes()) break;
    WriteFlood(flood, report_.sampled(), json_);
  }
  json_.EndArray();
}

void Document::WriteExact() {
  const ErrorBounds& bounds = report_.error_bounds;
  json_.Key("exact");
  json_.BeginObject();
  json_.Field("targets", bounds.targets == 0);
  json_.Field("sources", bounds.sources == 0);
  json_.Field("domains", bounds.domains == 0);
  json_.Field("emitted_domains", report_.emitted.domains_not_counted == 0);
  json_.Field("distinct", bounds.distinct == 0 && bounds.domain_distinct == 0);
  json_.EndObject();
  if (bounds.exact()) return;
  json_.Key("error_bounds");
  json_.BeginObject();
  json_.Field("targets", bounds.targets);
  json_.Field("sources", bounds.sources);
  json_.Field("domains", bounds.domains);
  json_.Field("distinct", bounds.distinct);
  json_.Field("domain_distinct", bounds.domain_distinct);
  json_.EndObject();
}

}  // namespace

absl::Status WriteReportJson(const Report& report, const TextSink& sink) {
  return Document(report, sink).Write();
}

}  // namespace backscatter
