#include "agent/mail/bounce_text.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "agent/mail/phrases.h"

namespace backscatter {
namespace {

// `> Message-ID: ...`: marks of quoting, at most eight.
std::string_view WithoutQuoteMarks(std::string_view line) {
  for (int i = 0; i < 8 && !line.empty() && (line.front() == '>' || line.front() == '|'); ++i) {
    line.remove_prefix(1);
    if (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  }
  return line;
}

bool MayBeOfHeader(const HeaderField& field) {
  return backscatter::MayBeOfHeader(field.name) || StartsWithIgnoreCase(field.written, "X-") ||
         StartsWithIgnoreCase(field.written, "Content-");
}

bool IsServiceAddress(std::string_view address) {
  static constexpr std::string_view kServices[] = {"postmaster@", "mailer-daemon@", "abuse@",
                                                   "support@",    "helpdesk@",      "webmaster@",
                                                   "hostmaster@", "postmaster"};
  return std::any_of(std::begin(kServices), std::end(kServices), [&](std::string_view service) {
    return StartsWithIgnoreCase(address, service);
  });
}

constexpr std::size_t kLabelBytes = 128;  // how far back a label is looked for

// Words before an address that say that it is a recipient's.
bool IsRecipientLabel(std::string_view before) {
  static constexpr std::string_view kWords[] = {
      "recipient", "address", "user",    "mailbox",  "deliver",   "rcpt to",
      "send to",   "sent to", "failed",  "destinat", "empf",      "adress",
      "usuario",   "unknown", "account", "mail to",  "message to"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return ContainsIgnoreCase(before, word); });
}

}  // namespace

void BounceText::Reset() {
  returned_.Reset();
  own_to_ = own_from_ = {};
  named_.clear();
  status_ = {};
  naming_ = Naming::kNobody;
  region_ = Region::kReport;
  sayings_ = lately_ = 0;
  enclosed_ids_ = 0;
  strong_header_ = report_fields_ = false;
}

void BounceText::NameRecipient(std::string_view address, Naming naming) {
  address = address.substr(0, kMaxFactText);
  if (address.empty() || naming > naming_) return;
  const bool own = EqualsIgnoreCase(address, own_to_) || EqualsIgnoreCase(address, own_from_) ||
                   IsServiceAddress(address);
  if (own && naming > Naming::kOwnLine) return;
  if (naming < naming_) named_.clear();
  naming_ = naming;
  if (named_.size() >= kMaxReportedRecipients) return;
  if (std::find(named_.begin(), named_.end(), address) == named_.end()) {
    named_.emplace_back(address);
  }
}

void BounceText::OnReturnedField(const HeaderField& field, bool enclosed, MessageFacts* facts) {
  if (field.Is(FieldName::kMessageId)) {
    OnReturnedMessageId(field.value, enclosed, facts);
  } else if (field.Is(FieldName::kReceived)) {
    ++facts->returned_received_count;
    if (facts->returned_received.size() < kMaxReceivedHops) {
      ParseReceived(field.value, &facts->returned_received.emplace_back());
    }
    NameRecipient(ReceivedFor(field.value), Naming::kReturned);
  } else if (field.Is(FieldName::kReturnPath)) {
    if (facts->returned_return_path.empty()) {
      facts->returned_return_path = MailboxAddress(field.value).substr(0, kMaxFactText);
    }
  } else if (field.Is(FieldName::kFrom)) {
    if (facts->returned_from.empty()) {
      facts->returned_from = MailboxAddress(field.value).substr(0, kMaxFactText);
    }
  } else if (field.Is(FieldName::kTo)) {
    std::size_t position = 0;
    NameRecipient(NextAddress(field.value, &position), Naming::kReturned);
  }
}

void BounceText::OnReturnedMessageId(std::string_view value, bool enclosed, MessageFacts* facts) {
  const std::string_view id = OneMessageId(value).substr(0, kMaxFactText);
  if (id.empty()) return;
  auto& ids = facts->original_message_ids;
  if (std::find(ids.begin(), ids.end(), id) != ids.end()) return;
  if (ids.size() >= kMaxMessageIds) {
    facts->cut = true;
    return;
  }
  // An enclosed message is a better witness than what a text quotes.
  const auto at = enclosed ? ids.begin() + enclosed_ids_++ : ids.end();
  ids.emplace(at, id);
}

bool BounceText::TakeReturnedHeader(std::string_view line, const std::optional<HeaderField>& field,
                                    MessageFacts* facts) {
  const auto sink = [&](const HeaderField& whole) { OnReturnedField(whole, false, facts); };
  if (region_ == Region::kReturnedHeaders) {
    if (TrimBlanks(line).empty()) {
      EndReturnedHeaders(facts);
      return true;
    }
    if (field) strong_header_ = strong_header_ || IsOfHeader(field->name);
    if (returned_.Add(line, sink)) return true;
    if (strong_header_) {  // a continuation that lost its indentation
      returned_.Continue(line);
      return true;
    }
    EndReturnedHeaders(facts);
    return false;
  }
  if (!field) return false;
  const bool strong = IsOfHeader(field->name);
  if (!strong && (region_ == Region::kReturnedText || !MayBeOfHeader(*field))) return false;
  if (field->value.empty() && !strong) return false;
  region_ = Region::kReturnedHeaders;
  strong_header_ = strong;
  returned_.Add(line, sink);
  return true;
}

void BounceText::EndReturnedHeaders(MessageFacts* facts) {
  returned_.Flush([&](const HeaderField& field) { OnReturnedField(field, false, facts); });
  region_ = strong_header_ ? Region::kReturnedText : Region::kReport;
}

void BounceText::TakeReturnedLine(std::string_view line, MessageFacts* facts) {
  const std::string_view text = WithoutQuoteMarks(line);
  TakeReturnedHeader(text, SplitField(text), facts);
}

void BounceText::OnLine(std::string_view line, std::string_view charset, DeliveryStatus* report,
                        MessageFacts* facts) {
  const std::string_view text = WithoutQuoteMarks(line);
  if (region_ != Region::kReport) {
    const bool taken = TakeReturnedHeader(text, SplitField(text), facts);
    if (!taken && region_ == Region::kReport) ReadReportLine(text, charset);
    return;
  }
  const std::string_view words = TrimBlanks(text);
  if (words.empty()) {
    report->EndGroup(facts);
    return;
  }
  std::optional<HeaderField> field = SplitField(words);
  if (field && report->OnField(*field, facts)) {
    report_fields_ = true;
    return;
  }
  if (field && field->Is(FieldName::kMessageId)) {  // also where it is indented
    OnReturnedField(*field, false, facts);
    return;
  }
  if (IsBlank(text.front())) field.reset();  // no field where it stands
  if (!TakeReturnedHeader(text, field, facts)) ReadReportLine(text, charset);
}

void BounceText::EndPart(DeliveryStatus* report, MessageFacts* facts) {
  if (region_ == Region::kReturnedHeaders) EndReturnedHeaders(facts);
  report->EndGroup(facts);
  region_ = Region::kReport;
  lately_ = 0;
}

void BounceText::ReadReportLine(std::string_view line, std::string_view charset) {
  const bool escaped = HasEscape(line);
  if (escaped || !IsPlainCharset(charset)) {
    text_.clear();
    converter_.Append(escaped && IsPlainCharset(charset) ? "iso-2022-jp" : charset, line,
                      2 * kMaxFieldBytes, &text_);
    line = text_;
  }
  lower_.assign(line);
  LowerUtf8(&lower_);
  const std::uint16_t says = SayingsOfText(lower_);
  sayings_ |= says;
  if (status_.class_digit == 0) FindStatus(line, &status_);
  ReadAddresses(line, says);
  // What was said stays for the next line only, where that says nothing itself.
  lately_ = says != 0 ? says : static_cast<std::uint16_t>(lately_ & kSaysAnnounce);
}

Naming BounceText::NamingOf(std::string_view before, std::string_view behind,
                            std::uint16_t says) const {
  while (!before.empty() &&
         std::string_view(" \t<*-+\"'([").find(before.back()) != std::string_view::npos) {
    before.remove_suffix(1);
  }
  if (before.size() > kLabelBytes) before.remove_prefix(before.size() - kLabelBytes);
  // "550 <a@b>... User unknown": what an SMTP server said of it.
  const bool reply = before.size() == 3 && (before[0] == '5' || before[0] == '4') &&
                     IsDigit(before[1]) && IsDigit(before[2]);
  if (before.empty() || reply) {
    const bool sentence = ContainsIgnoreCase(behind.substr(0, 24), " wrote");
    return sentence ? Naming::kAny : Naming::kOwnLine;
  }
  if ((says & kSaysContact) != 0) return Naming::kAny;
  const bool failure = (says & kSaysFailure) != 0;
  if (IsRecipientLabel(before) || (failure && before.back() == ':')) return Naming::kLabelled;
  if (failure) return Naming::kNear;
  return ((says | lately_) & (kSaysFailure | kSaysAnnounce)) != 0 ? Naming::kNear : Naming::kAny;
}

void BounceText::ReadAddresses(std::string_view line, std::uint16_t says) {
  std::size_t position = 0;
  for (int i = 0; i < 8; ++i) {
    const std::string_view address = NextAddress(line, &position);
    if (address.empty()) return;
    const auto start = static_cast<std::size_t>(address.data() - line.data());
    NameRecipient(address, NamingOf(line.substr(0, start), line.substr(position), says));
  }
}

}  // namespace backscatter
