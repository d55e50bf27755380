#include "agent/mail/delivery_status.h"

#include <algorithm>

#include "agent/base/find_octet.h"
#include "agent/mail/transfer_decoder.h"

namespace backscatter {
namespace {

std::string_view WithoutType(std::string_view value) {
  const std::size_t semicolon = FindOctet(value.substr(0, 25), ';');
  if (semicolon == std::min<std::size_t>(value.size(), 25)) return value;
  return TrimBlanks(value.substr(semicolon + 1));
}

// RFC 3461 section 4: `+2B` is `+`.
std::string UndoXtext(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size() && plain.size() < kMaxFactText; ++i) {
    const int octet = text[i] == '+' ? HexOctet(text.substr(i + 1)) : -1;
    plain += octet >= 0 ? static_cast<char>(octet) : text[i];
    if (octet >= 0) i += 2;
  }
  return plain;
}

}  // namespace

std::string_view ReportedAddress(std::string_view value) {
  std::string_view address = TrimBlanks(WithoutType(TrimBlanks(value)));
  const std::size_t open = FindOctet(address, '<');
  if (open < address.size()) {
    const std::size_t close = address.find('>', open);
    address = address.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
  }
  address = TrimBlanks(address);
  while (!address.empty() && address.back() == '>') address.remove_suffix(1);
  if (address.size() > 1 && address.front() == '(' && address.back() == ')') {
    address = address.substr(1, address.size() - 2);
  }
  return address.substr(0, kMaxFactText);
}

DsnAction ParseDsnAction(std::string_view value) {
  value = TrimBlanks(value);
  if (StartsWithIgnoreCase(value, "fail")) return DsnAction::kFailed;
  if (StartsWithIgnoreCase(value, "expired")) return DsnAction::kFailed;
  if (StartsWithIgnoreCase(value, "undeliver")) return DsnAction::kFailed;
  if (StartsWithIgnoreCase(value, "delay")) return DsnAction::kDelayed;
  if (StartsWithIgnoreCase(value, "deliver")) return DsnAction::kDelivered;
  if (StartsWithIgnoreCase(value, "relay")) return DsnAction::kRelayed;
  if (StartsWithIgnoreCase(value, "expand")) return DsnAction::kExpanded;
  return DsnAction::kNone;
}

void DeliveryStatus::Reset() {
  Clear();
  groups_ = 0;
}

void DeliveryStatus::Clear() {
  group_.final_recipient.clear();
  group_.original_recipient.clear();
  group_.action = DsnAction::kNone;
  group_.status = diagnostic_ = {};
  begun_ = false;
}

bool DeliveryStatus::OnField(const HeaderField& field, MessageFacts* facts) {
  if (field.Is(FieldName::kReportingMta)) {
    EndGroup(facts);
    if (facts->reporting_mta.empty()) {
      facts->reporting_mta = WithoutType(field.value).substr(0, kMaxFactText);
    }
    return true;
  }
  if (field.Is(FieldName::kOriginalEnvelopeId)) {
    if (facts->original_envelope_id.empty()) facts->original_envelope_id = UndoXtext(field.value);
    return true;
  }
  return OnRecipientField(field, facts);
}

bool DeliveryStatus::OnRecipientField(const HeaderField& field, MessageFacts* facts) {
  if (field.Is(FieldName::kFinalRecipient)) {
    if (!group_.final_recipient.empty()) EndGroup(facts);
    group_.final_recipient = ReportedAddress(field.value);
  } else if (field.Is(FieldName::kOriginalRecipient)) {
    group_.original_recipient = ReportedAddress(field.value);
  } else if (field.Is(FieldName::kAction)) {
    const DsnAction action = ParseDsnAction(field.value);
    if (action == DsnAction::kNone) return false;
    group_.action = action;
  } else if (field.Is(FieldName::kStatus)) {
    if (!FindStatus(field.value, &group_.status)) return false;
  } else if (field.Is(FieldName::kDiagnosticCode)) {
    diagnostic_ = {};
    FindStatus(field.value, &diagnostic_);
  } else {
    return false;
  }
  begun_ = true;
  return true;
}

void DeliveryStatus::CloseGroup(MessageFacts* facts) {
  const bool named = !group_.final_recipient.empty() || !group_.original_recipient.empty();
  if (named) {
    ++groups_;
    if (group_.status.class_digit == 0) group_.status = diagnostic_;
    if (group_.final_recipient.empty()) group_.final_recipient = group_.original_recipient;
    if (facts->recipients.size() < kMaxReportedRecipients) {
      facts->recipients.push_back(std::move(group_));
    } else {
      facts->cut = true;
    }
  }
  // A blank line within a group, as some write it: its beginning waits for its recipient.
  if (named || group_.action == DsnAction::kNone) Clear();
}

}  // namespace backscatter
