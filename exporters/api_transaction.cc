#include <string>
#include <string_view>

#include "agent/base/json_writer.h"
#include "agent/smtp/path.h"
#include "exporters/api_json.h"
#include "exporters/shared_json.h"
#include "exporters/transaction_json.h"

namespace backscatter {
namespace {

class Row {
 public:
  Row(const TargetOptions& targets, const TargetNamer& name, std::string* out)
      : targets_(targets), name_(name), json_(out) {}

  void Write(const JudgedTransaction& judged);

 private:
  void Label(std::string_view path) {
    MakeCanonicalTarget(path, targets_, canonical_);
    WriteLabel(name_(canonical_.address), json_);
  }
  void Sender(const Transaction& transaction);
  void Recipients(const Transaction& transaction);

  const TargetOptions& targets_;
  const TargetNamer& name_;
  CanonicalTarget canonical_;
  JsonWriter json_;
};

void Row::Sender(const Transaction& transaction) {
  json_.Field("null_sender", transaction.null_sender);
  json_.Key("sender");
  if (transaction.null_sender || !transaction.has_mail_from) {
    json_.Null();
    return;
  }
  json_.BeginObject();
  Label(transaction.Text(transaction.mail_from));
  json_.EndObject();
}

void Row::Recipients(const Transaction& transaction) {
  json_.Key("recipients");
  json_.BeginArray();
  for (const Recipient& recipient : transaction.recipients) {
    json_.BeginObject();
    Label(transaction.Text(recipient.address));
    WriteReply("reply", recipient.reply, json_);
    WriteReply("final_reply", recipient.final_reply, json_);
    json_.EndObject();
  }
  json_.EndArray();
  json_.Field("recipients_not_kept", std::uint64_t{transaction.recipients_not_kept});
}

void Row::Write(const JudgedTransaction& judged) {
  const Transaction& transaction = judged.transaction;
  const MessageFacts* const facts = transaction.facts;
  const bool answer = facts != nullptr && facts->kind != MessageKind::kOther;
  json_.BeginObject();
  json_.Field("start", FormatRfc3339(transaction.start));
  json_.Field("end", FormatRfc3339(transaction.end));
  json_.Field("source", transaction.source.ToString());
  json_.Field("direction", MailDirectionName(judged.direction));
  json_.Field("tls", TlsStateName(transaction.tls));
  Sender(transaction);
  Recipients(transaction);
  json_.Field("outcome", OutcomeName(transaction.outcome));
  json_.TextOrNull("kind", answer, answer ? MessageKindName(facts->kind) : "");
  json_.Field("retry", judged.judgement.retry);
  WriteJudgement(judged.judgement, json_);
  json_.Key("weight");
  json_.Double(transaction.weight);
  json_.EndObject();
}

}  // namespace

std::string RenderApiTransaction(const JudgedTransaction& judged, const TargetOptions& targets,
                                 const TargetNamer& name) {
  std::string text;
  Row(targets, name, &text).Write(judged);
  return text;
}

}  // namespace backscatter
