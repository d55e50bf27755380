#include "exporters/event_json.h"

#include "agent/base/json_writer.h"
#include "agent/smtp/transaction.h"
#include "exporters/flood_json.h"
#include "exporters/shared_json.h"
#include "exporters/transaction_json.h"

namespace backscatter {
namespace {

constexpr std::string_view kSchema = "backscatter.event/1";

void Begin(std::string_view event, PacketTime time, JsonWriter& json) {
  json.BeginObject();
  json.Field("schema", kSchema);
  json.Field("event", event);
  json.Field("time", FormatRfc3339(time));
}

void End(JsonWriter& json, std::string& out) {
  json.EndObject();
  out += '\n';
}

void WriteRecipient(const Recipient& recipient, const TargetLabel& label, JsonWriter& json) {
  json.BeginObject();
  WriteLabel(label, json);
  WriteReply("reply", recipient.reply, json);
  json.EndObject();
}

}  // namespace

void AppendFloodEvent(std::string_view event, PacketTime time, const Flood& flood,
                      const TargetLabel& label, bool sampled, std::string& out) {
  Flood named = flood;
  named.domain = label.domain;
  named.target = label.target;
  JsonWriter json(&out);
  Begin(event, time, json);
  json.Key("flood");
  WriteFlood(named, sampled, json);
  End(json, out);
}

void AppendTransactionEvent(const JudgedTransaction& judged, std::span<const TargetLabel> labels,
                            std::string& out) {
  const Transaction& transaction = judged.transaction;
  JsonWriter json(&out);
  Begin("transaction", transaction.end, json);
  json.Field("source", transaction.source.ToString());
  json.Field("server", transaction.server.ToString());
  json.Field("direction", MailDirectionName(judged.direction));
  json.Field("sender",
             MailSenderName(transaction.null_sender ? MailSender::kNull : MailSender::kOther));
  json.Key("recipients");
  json.BeginArray();
  for (std::size_t i = 0; i < transaction.recipients.size(); ++i) {
    WriteRecipient(transaction.recipients[i], labels[i], json);
  }
  json.EndArray();
  json.Field("recipients_not_kept", std::uint64_t{transaction.recipients_not_kept});
  json.Field("outcome", OutcomeName(transaction.outcome));
  json.Field("retry", judged.judgement.retry);
  WriteJudgement(judged.judgement, json);
  json.Field("completeness", CompletenessName(transaction.completeness));
  json.Key("weight");
  json.Double(transaction.weight);
  End(json, out);
}

}  // namespace backscatter
