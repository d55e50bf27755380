#include "exporters/transaction_json.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

#include "agent/base/ascii.h"
#include "agent/base/escape.h"
#include "agent/base/json_writer.h"
#include "agent/report/live_snapshot.h"
#include "agent/smtp/path.h"
#include "exporters/shared_json.h"

namespace backscatter {
namespace {

std::string_view Name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kSmtp:
      return "smtp";
    case Protocol::kEsmtp:
      return "esmtp";
    case Protocol::kLmtp:
      return "lmtp";
  }
  return "smtp";
}

std::string_view Name(BodyRead read) {
  switch (read) {
    case BodyRead::kNone:
      return "none";
    case BodyRead::kHeaders:
      return "headers";
    case BodyRead::kHead:
      return "head";
    case BodyRead::kWhole:
      return "whole";
  }
  return "none";
}

void WriteParameters(JsonWriter& json, std::string_view key, std::string_view parameters) {
  json.Key(key);
  json.BeginObject();
  // By their escaped form: two keys that are not UTF-8 may look the same there.
  std::set<std::string> seen;
  EsmtpParameter parameter;
  while (ConsumeParameter(parameters, parameter)) {
    std::string name(parameter.key);
    std::transform(name.begin(), name.end(), name.begin(), ToUpper);
    std::string escaped;
    AppendJsonEscaped(name, escaped);
    if (!seen.insert(std::move(escaped)).second) continue;
    json.Field(name, parameter.value);
  }
  json.EndObject();
}

void WriteStatus(JsonWriter& json, std::string_view key, const EnhancedStatus& status) {
  const std::string text = std::to_string(status.class_digit) + "." +
                           std::to_string(status.subject) + "." + std::to_string(status.detail);
  json.TextOrNull(key, status.class_digit != 0, text);
}

void WriteBody(JsonWriter& json, const Transaction& transaction) {
  json.Key("body");
  json.BeginObject();
  switch (transaction.body_command) {
    case BodyCommand::kNone:
      json.NullField("command");
      break;
    case BodyCommand::kData:
      json.Field("command", "DATA");
      break;
    case BodyCommand::kBdat:
      json.Field("command", "BDAT");
      break;
  }
  json.Field("started", transaction.body_started);
  json.Field("read", Name(transaction.body_read));
  json.Field("bytes", transaction.body_bytes);
  WriteReply("reply", transaction.body_reply, json);
  json.EndObject();
}

void WriteEnvelope(JsonWriter& json, const Transaction& transaction, MailDirection direction) {
  json.Field("schema", "backscatter.transaction/1");
  json.Field("start", FormatRfc3339(transaction.start));
  json.Field("end", FormatRfc3339(transaction.end));
  json.Field("client", transaction.client.ToString());
  json.Field("server", transaction.server.ToString());
  json.Field("source", transaction.source.ToString());
  json.Field("direction", MailDirectionName(direction));
  json.TextOrNull("helo", transaction.helo.length > 0, transaction.Text(transaction.helo));
  json.Field("protocol", Name(transaction.protocol));
  json.Field("tls", TlsStateName(transaction.tls));
  const std::string_view mail_from =
      transaction.null_sender ? std::string_view() : transaction.Text(transaction.mail_from);
  json.TextOrNull("mail_from", transaction.has_mail_from, mail_from);
  json.Field("null_sender", transaction.null_sender);
  WriteParameters(json, "mail_parameters", transaction.Text(transaction.mail_parameters));
  WriteReply("mail_reply", transaction.mail_reply, json);
}

// Strings of the message: whatever its writer put there.
void WriteBounce(JsonWriter& json, const MessageFacts* facts) {
  if (facts == nullptr || facts->kind == MessageKind::kOther) {
    json.NullField("bounce");
    return;
  }
  json.Key("bounce");
  json.BeginObject();
  json.Field("kind", MessageKindName(facts->kind));
  json.TextOrNull("reporting_mta", !facts->reporting_mta.empty(), facts->reporting_mta);
  json.Key("recipients");
  json.BeginArray();
  for (const ReportedRecipient& recipient : facts->recipients) {
    const std::string_view action = DsnActionName(recipient.action);
    json.BeginObject();
    json.TextOrNull("final_recipient", !recipient.final_recipient.empty(),
                    recipient.final_recipient);
    json.TextOrNull("action", !action.empty(), action);
    WriteStatus(json, "status", recipient.status);
    json.EndObject();
  }
  json.EndArray();
  json.Key("original_message_ids");
  json.BeginArray();
  for (const std::string& id : facts->original_message_ids) json.String(id);
  // An auto-reply returns nothing, but says what it answers.
  if (facts->original_message_ids.empty() && !facts->references.empty()) {
    json.String(facts->references.front());
  }
  json.EndArray();
  json.TextOrNull("subject", !facts->subject.empty(), facts->subject);
  json.EndObject();
}

}  // namespace

std::string_view CompletenessName(Completeness completeness) {
  switch (completeness) {
    case Completeness::kComplete:
      return "complete";
    case Completeness::kGap:
      return "gap";
    case Completeness::kMidStream:
      return "mid_stream";
    case Completeness::kOneSided:
      return "one_sided";
    case Completeness::kTruncated:
      return "truncated";
  }
  return "complete";
}

std::string_view TlsStateName(TlsState tls) {
  switch (tls) {
    case TlsState::kNone:
      return "none";
    case TlsState::kStarttls:
      return "starttls";
    case TlsState::kImplicit:
      return "implicit";
  }
  return "none";
}

void WriteJudgement(const Judgement& judgement, JsonWriter& json) {
  const bool judged = !judgement.retry;
  json.TextOrNull("verdict", judged, VerdictName(judgement.verdict));
  if (judged && judgement.solicited) {
    json.Field("solicited", *judgement.solicited);
  } else {
    json.NullField("solicited");
  }
  json.TextOrNull("confidence", judged, ConfidenceName(judgement.confidence));
  json.TextOrNull("reason", judged && !judgement.reason.empty(), judgement.reason);
}

void TransactionJson::Append(const JudgedTransaction& judged, std::string& out) {
  const Transaction& transaction = judged.transaction;
  JsonWriter json(&out);
  json.BeginObject();
  WriteEnvelope(json, transaction, judged.direction);
  json.Key("recipients");
  json.BeginArray();
  for (const Recipient& recipient : transaction.recipients) {
    const std::string_view address = transaction.Text(recipient.address);
    MakeCanonicalTarget(address, target_options_, canonical_);
    json.BeginObject();
    json.Field("address", address);
    json.Field("target", canonical_.address);
    WriteParameters(json, "parameters", transaction.Text(recipient.parameters));
    WriteReply("reply", recipient.reply, json);
    WriteStatus(json, "enhanced", recipient.enhanced);
    WriteReply("final_reply", recipient.final_reply, json);
    json.EndObject();
  }
  json.EndArray();
  json.Field("recipients_not_kept", std::uint64_t{transaction.recipients_not_kept});
  WriteBody(json, transaction);
  json.Field("outcome", OutcomeName(transaction.outcome));
  json.Field("retry", judged.judgement.retry);
  WriteBounce(json, transaction.facts);
  WriteJudgement(judged.judgement, json);
  json.Field("completeness", CompletenessName(transaction.completeness));
  json.Key("weight");
  json.Double(transaction.weight);
  json.EndObject();
  out += '\n';
}

}  // namespace backscatter
