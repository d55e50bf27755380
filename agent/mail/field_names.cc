#include "agent/mail/field_names.h"

#include <array>
#include <cstddef>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

struct Known {
  std::string_view text;
  FieldName name;
};

constexpr Known kKnown[] = {
    {"Received", FieldName::kReceived},
    {"Return-Path", FieldName::kReturnPath},
    {"Message-ID", FieldName::kMessageId},
    {"References", FieldName::kReferences},
    {"In-Reply-To", FieldName::kInReplyTo},
    {"DKIM-Signature", FieldName::kDkimSignature},
    {"From", FieldName::kFrom},
    {"To", FieldName::kTo},
    {"Subject", FieldName::kSubject},
    {"Status", FieldName::kStatus},
    {"Precedence", FieldName::kPrecedence},
    {"Date", FieldName::kLetterhead},
    {"Cc", FieldName::kLetterhead},
    {"Sender", FieldName::kLetterhead},
    {"Reply-To", FieldName::kLetterhead},
    {"Sent", FieldName::kLetterhead},
    {"Path", FieldName::kLetterhead},
    {"Comments", FieldName::kLetterhead},
    {"MIME-Version", FieldName::kLetterhead},
    {"Delivered-To", FieldName::kLetterhead},
    {"Newsgroups", FieldName::kLetterhead},
    {"Errors-To", FieldName::kLetterhead},
    {"Bcc", FieldName::kLetterhead},
    {"Lines", FieldName::kLetterhead},
    {"Organization", FieldName::kLetterhead},
    {"Envelope-From", FieldName::kLetterhead},
    {"Importance", FieldName::kLetterhead},
    {"Content-Type", FieldName::kContentType},
    {"Content-Transfer-Encoding", FieldName::kContentTransferEncoding},
    {"Auto-Submitted", FieldName::kAutoSubmitted},
    {"X-Autoreply", FieldName::kAutoreply},
    {"X-Autorespond", FieldName::kAutoreply},
    {"X-Autoresponder", FieldName::kAutoreply},
    {"X-Auto-Reply", FieldName::kAutoreply},
    {"X-Auto-Reply-From", FieldName::kAutoreply},
    {"X-Boxtrapper", FieldName::kChallenge},
    {"X-Challenge", FieldName::kChallenge},
    {"X-Spamblocker-Challenge", FieldName::kChallenge},
    {"X-MS-Exchange-Message-Is-Ndr", FieldName::kNdr},
    {"X-Mailer-Daemon-Report", FieldName::kNdr},
    {"X-HmXmrOriginalRecipient", FieldName::kComplaint},
    {"Feedback-Type", FieldName::kComplaint},
    {"X-Failed-Recipients", FieldName::kFailedRecipients},
    {"X-Failed-Recipient", FieldName::kFailedRecipients},
    {"Original-Message-ID", FieldName::kOriginalMessageId},
    {"Reporting-MTA", FieldName::kReportingMta},
    {"Original-Envelope-Id", FieldName::kOriginalEnvelopeId},
    {"Final-Recipient", FieldName::kFinalRecipient},
    {"Original-Recipient", FieldName::kOriginalRecipient},
    {"Action", FieldName::kAction},
    {"Diagnostic-Code", FieldName::kDiagnosticCode},
};

// Slots of a hash of the length and three letters, in which no two known names meet: a name is
// compared with one of them at most. The factor was found by trying; the compiler checks it.
constexpr std::size_t kSlots = 256;
constexpr std::size_t SlotOf(std::string_view name) {
  const auto letter = [name](std::size_t i) { return static_cast<std::uint32_t>(name[i] & 0x1f); };
  const std::size_t size = name.size();
  const std::uint32_t octets = letter(0) | letter(size / 2) << 5 | letter(size - 1) << 10;
  return (octets | static_cast<std::uint32_t>(size) << 15) * 0x9e115e4bU >> 24;
}

constexpr std::array<std::uint8_t, kSlots> MakeSlots() {
  std::array<std::uint8_t, kSlots> slots{};  // 0: free, else the number of a known name, plus 1
  std::uint8_t number = 0;
  for (const Known& known : kKnown) {
    std::uint8_t& slot = slots[SlotOf(known.text)];
    slot = slot == 0 ? ++number : throw "two names in one slot";
  }
  return slots;
}
constexpr std::array<std::uint8_t, kSlots> kSlotsOfNames = MakeSlots();

}  // namespace

FieldName FieldNameOf(std::string_view name) {
  if (name.empty()) return FieldName::kOther;
  const std::size_t slot = kSlotsOfNames[SlotOf(name)];
  if (slot == 0 || !EqualsIgnoreCase(kKnown[slot - 1].text, name)) return FieldName::kOther;
  return kKnown[slot - 1].name;
}

}  // namespace backscatter
