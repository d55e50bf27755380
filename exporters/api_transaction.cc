#include <string>
#include <string_view>

#include "agent/base/json_writer.h"
#include "agent/smtp/path.h"
#include "exporters/api_json.h"

namespace backscatter {
namespace {

class Row {
 public:
  Row(const TargetOptions& targets, const TargetNamer& name, std::string* out)
      : targets_(targets), name_(name), json_(out) {}

  void Write(const JudgedTransaction& judged);

 private:
  void TextOrNull(std::string_view key, bool known, std::string_view text) {
    if (known) {
      json_.Field(key, text);
    } else {
      json_.NullField(key);
    }
  }
  void Reply(std::string_view key, std::uint16_t reply) {
    json_.Key(key);
    if (reply == 0) {
      json_.Null();
    } else {
      json_.Unsigned(reply);
    }
  }
  void Label(std::string_view path) {
    MakeCanonicalTarget(path, targets_, canonical_);
    const TargetLabel label = name_(canonical_.address);
    TextOrNull("domain", !label.domain.empty(), label.domain);
    TextOrNull("target", !label.target.empty(), label.target);
  }
  void Sender(const Transaction& transaction);
  void Recipients(const Transaction& transaction);
  void Verdict(const Judgement& judgement);

  const TargetOptions& targets_;
  const TargetNamer& name_;
  CanonicalTarget canonical_;
  JsonWriter json_;
};

std::string_view TlsName(TlsState tls) {
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
    Reply("reply", recipient.reply);
    Reply("final_reply", recipient.final_reply);
    json_.EndObject();
  }
  json_.EndArray();
  json_.Field("recipients_not_kept", std::uint64_t{transaction.recipients_not_kept});
}

void Row::Verdict(const Judgement& judgement) {
  const bool judged = !judgement.retry;
  json_.Field("retry", judgement.retry);
  TextOrNull("verdict", judged, VerdictName(judgement.verdict));
  json_.Key("solicited");
  if (judged && judgement.solicited) {
    json_.Bool(*judgement.solicited);
  } else {
    json_.Null();
  }
  TextOrNull("confidence", judged, ConfidenceName(judgement.confidence));
  TextOrNull("reason", judged && !judgement.reason.empty(), judgement.reason);
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
  json_.Field("tls", TlsName(transaction.tls));
  Sender(transaction);
  Recipients(transaction);
  json_.Field("outcome", OutcomeName(transaction.outcome));
  TextOrNull("kind", answer, answer ? MessageKindName(facts->kind) : "");
  Verdict(judged.judgement);
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
