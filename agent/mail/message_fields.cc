// MessageReader: what header fields and report fields tell.
#include "agent/mail/encoded_words.h"
#include "agent/mail/message_reader.h"
#include "agent/mail/phrases.h"

namespace backscatter {
namespace {

// Of a subject in lower case.
bool IsReplyOrForward(std::string_view subject) {
  if (subject.empty() ||
      std::string_view("rfawst(").find(subject.front()) == std::string_view::npos) {
    return false;
  }
  static constexpr std::string_view kPrefixes[] = {
      "re:", "fw:", "fwd:", "aw:", "wg:", "sv:", "rv:", "tr:", "re[", "(fwd"};
  for (const std::string_view prefix : kPrefixes) {
    if (subject.starts_with(prefix)) return true;
  }
  return false;
}

bool IsReturnedField(const HeaderField& field) {
  return field.Is(FieldName::kReceived) || field.Is(FieldName::kMessageId) ||
         field.Is(FieldName::kReturnPath) || field.Is(FieldName::kFrom);
}

// Addresses in domains that serve groups or lists only.
bool IsGroupAddress(std::string_view address) {
  const std::string_view domain = address.substr(address.find('@') + 1);
  static constexpr std::string_view kHosts[] = {"groups.", "googlegroups.", "yahoogroups.",
                                                "lists.",  "list.",         "listserv."};
  for (const std::string_view host : kHosts) {
    if (StartsWithIgnoreCase(domain, host)) return true;
  }
  return false;
}

}  // namespace

void MessageReader::OnField(const HeaderField& field) {
  part_.OnField(field);
  if (!message_headers_) {
    // Some forget to say that a part is a message: its fields stand where those of the part do.
    if (IsReturnedField(field)) text_.OnReturnedField(field, true, &facts_);
    return;
  }
  if (own()) {
    OnTopField(field);
  } else {
    text_.OnReturnedField(field, true, &facts_);
  }
}

void MessageReader::OnTopField(const HeaderField& field) {
  if (field.Is(FieldName::kOther)) {
    return;
  } else if (field.Is(FieldName::kSubject)) {
    if (facts_.subject.empty()) OnSubject(field.value);
  } else if (field.Is(FieldName::kFrom)) {
    OnFrom(field.value);
  } else if (field.Is(FieldName::kTo)) {
    if (to_.empty()) to_ = MailboxAddress(field.value).substr(0, kMaxFactText);
  } else if (field.Is(FieldName::kMessageId)) {
    if (facts_.message_id.empty()) {
      facts_.message_id = OneMessageId(field.value).substr(0, kMaxFactText);
    }
  } else if (field.Is(FieldName::kInReplyTo) || field.Is(FieldName::kReferences)) {
    OnReferences(field);
  } else if (field.Is(FieldName::kReceived)) {
    if (++facts_.received_count == 1 && options_.sent) ParseReceived(field.value, &facts_.last_hop);
  } else if (field.Is(FieldName::kFailedRecipients)) {
    OnFailedRecipients(field.value);
  } else {
    OnSign(field);
  }
}

void MessageReader::OnSubject(std::string_view value) {
  DecodeEncodedWords(value, converter_.get(), &facts_.subject);
  decoded_ = facts_.subject;
  if (HasEscape(decoded_)) {  // raw, not encoded
    facts_.subject.clear();
    converter_->Append("iso-2022-jp", decoded_, kMaxFactText, &facts_.subject);
    decoded_ = facts_.subject;
  }
  LowerUtf8(&decoded_);
  signs_.subject = SayingsOfSubject(decoded_);
  signs_.re_or_forward = IsReplyOrForward(decoded_);
}

void MessageReader::OnFrom(std::string_view value) {
  if (!facts_.from.empty()) return;
  facts_.from = MailboxAddress(value).substr(0, kMaxFactText);
  if (MayHaveEncodedWords(value)) {
    DecodeEncodedWords(value, converter_.get(), &decoded_);
    value = decoded_;
  }
  signs_.daemon_from = IsDaemonFrom(value.substr(0, kMaxFactText), facts_.from);
}

void MessageReader::OnReferences(const HeaderField& field) {
  const bool reply = field.Is(FieldName::kInReplyTo);
  std::size_t position = 0;
  std::size_t added = 0;
  while (facts_.references.size() < kMaxMessageIds) {
    const std::string_view id = NextMessageId(field.value, &position);
    if (id.empty()) return;
    // In-Reply-To goes first, References from the last one.
    const auto at = reply ? facts_.references.begin() + static_cast<std::ptrdiff_t>(added++)
                          : facts_.references.end() - static_cast<std::ptrdiff_t>(added++);
    facts_.references.emplace(at, id.substr(0, kMaxFactText));
  }
}

void MessageReader::OnFailedRecipients(std::string_view value) {
  signs_.failed_recipients = true;
  std::size_t position = 0;
  while (true) {
    const std::string_view address = NextAddress(value, &position);
    if (address.empty()) return;
    text_.NameRecipient(address, Naming::kHeader);
    signs_.group_recipient = signs_.group_recipient || IsGroupAddress(address);
  }
}

void MessageReader::OnSign(const HeaderField& field) {
  if (field.Is(FieldName::kAutoSubmitted)) {
    facts_.auto_submitted = !StartsWithIgnoreCase(field.value, "no");
    signs_.auto_replied = StartsWithIgnoreCase(field.value, "auto-replied");
    signs_.auto_generated = StartsWithIgnoreCase(field.value, "auto-generated");
    signs_.rejected = ContainsIgnoreCase(field.value, "reject");
  } else if (field.Is(FieldName::kReturnPath)) {
    signs_.null_sender = signs_.null_sender || field.value == "<>";
  } else if (field.Is(FieldName::kAutoreply) ||
             (field.Is(FieldName::kPrecedence) && (EqualsIgnoreCase(field.value, "auto_reply") ||
                                                   EqualsIgnoreCase(field.value, "auto-reply")))) {
    signs_.autoreply_header = true;
  } else if (field.Is(FieldName::kChallenge)) {
    signs_.challenge_header = true;
  } else if (field.Is(FieldName::kNdr)) {
    signs_.ndr_header = true;
  } else if (field.Is(FieldName::kComplaint)) {
    signs_.complaint_header = true;
  }
}

void MessageReader::OnReportField(const HeaderField& field) {
  if (field.Is(FieldName::kOriginalMessageId)) {
    text_.OnReturnedField({FieldName::kMessageId, field.written, field.value}, true, &facts_);
    return;
  }
  if (part_.content == PartContent::kDeliveryStatus) {
    report_.OnField(field, &facts_);
  } else if (part_.content == PartContent::kDisposition &&
             (field.Is(FieldName::kFinalRecipient) || field.Is(FieldName::kOriginalRecipient))) {
    report_.OnField(field, &facts_);
  }
}

}  // namespace backscatter
