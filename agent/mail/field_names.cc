#include "agent/mail/field_names.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>

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

// The first and the last octets of a name, all of it where it has 16 at most; letters in lower case
// (of a name's other octets, which are printable, only `-` is in a known one, and stays).
struct Ends {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const Ends&) const = default;
};

template <typename Word>
constexpr std::uint64_t LowerWord(const char* octets) {
  constexpr auto kLower = static_cast<Word>(0x2020202020202020);
  Word word = 0;
  if (std::is_constant_evaluated()) {
    for (std::size_t i = 0; i < sizeof word; ++i) {
      word |= static_cast<Word>(static_cast<unsigned char>(octets[i])) << 8 * i;
    }
  } else {
    std::memcpy(&word, octets, sizeof word);
  }
  return word | kLower;
}

constexpr Ends EndsOf(std::string_view name) {
  const auto both = [name]<typename Word>(Word) {
    return Ends{LowerWord<Word>(name.data()),
                LowerWord<Word>(name.data() + name.size() - sizeof(Word))};
  };
  if (name.size() >= 8) return both(std::uint64_t{});
  if (name.size() >= 4) return both(std::uint32_t{});
  const auto octet = [name](std::size_t i) { return std::uint64_t(name[i] | 0x20); };
  return {octet(0) | octet(name.size() / 2) << 8, octet(name.size() - 1)};
}

// Slots of a hash of the length and the ends, in which no two known names meet: a name is compared
// with one of them at most. The factor was found by trying; the compiler checks it.
constexpr std::size_t kSlots = 256;
constexpr std::size_t SlotOf(const Ends& ends, std::size_t size) {
  const std::uint64_t mixed = ends.first ^ ends.last << 1 ^ std::uint64_t{size} << 56;
  return mixed * 0xf7971c5741aa7e5 >> 56;
}

struct Slot {
  Ends ends;
  std::uint8_t size = 0;  // 0: free
  std::uint8_t number = 0;
  FieldName name = FieldName::kOther;
};
constexpr std::array<Slot, kSlots> MakeSlots() {
  std::array<Slot, kSlots> slots{};
  std::uint8_t number = 0;
  for (const Known& known : kKnown) {
    const Ends ends = EndsOf(known.text);
    Slot& slot = slots[SlotOf(ends, known.text.size())];
    if (slot.size != 0) throw "two names in one slot";
    slot = {ends, static_cast<std::uint8_t>(known.text.size()), number++, known.name};
  }
  return slots;
}
constexpr std::array<Slot, kSlots> kSlotsOfNames = MakeSlots();

[[gnu::noinline]] bool IsSpelled(std::string_view name, std::uint8_t number) {
  return EqualsIgnoreCase(kKnown[number].text, name);
}

}  // namespace

FieldName FieldNameOf(std::string_view name) {
  if (name.empty()) return FieldName::kOther;
  const Ends ends = EndsOf(name);
  const Slot& slot = kSlotsOfNames[SlotOf(ends, name.size())];
  if (slot.size != name.size() || slot.ends != ends) return FieldName::kOther;
  if (name.size() > 16 && !IsSpelled(name, slot.number)) return FieldName::kOther;
  return slot.name;
}

}  // namespace backscatter
