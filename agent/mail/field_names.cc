#include "agent/mail/field_names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

// The first 16 octets of a name, zeros where it ends before; letters in lower case (of a name's
// other octets, which are printable, only `-` is in a known one, and stays).
struct Head {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Head&) const = default;
};
constexpr std::size_t kHeadBytes = 16;

constexpr Head HeadOf(std::string_view name) {
  Head head;
  for (std::size_t i = 0; i < std::min(name.size(), kHeadBytes); ++i) {
    const std::uint64_t octet = static_cast<unsigned char>(name[i]) | 0x20U;
    (i < 8 ? head.low : head.high) |= octet << 8 * (i % 8);
  }
  return head;
}

// The same of the first `size` octets of a line.
Head HeadOf(std::string_view line, std::size_t size) {
  const char* const text = line.data();
#if defined(__SSE2__)
  if (line.size() >= kHeadBytes) {  // without a branch on the size, which nobody can foretell
    static constexpr std::array<std::uint8_t, 2 * kHeadBytes> kOfName = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const auto load = [](const void* from) {
      return _mm_loadu_si128(static_cast<const __m128i*>(from));
    };
    const __m128i of_name = load(kOfName.data() + kHeadBytes - std::min(size, kHeadBytes));
    const __m128i octets = _mm_and_si128(_mm_or_si128(load(text), _mm_set1_epi8(0x20)), of_name);
    return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(octets)),
            static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(octets, octets)))};
  }
#endif
  constexpr std::uint64_t kLower = 0x2020202020202020;
  if (size >= kHeadBytes) return {Load8(text) | kLower, Load8(text + 8) | kLower};
  const auto first = [](std::size_t octets) { return (std::uint64_t{1} << 8 * octets) - 1; };
  if (size > 8) {
    const std::uint64_t last = Load8(text + size - 8) >> 8 * (kHeadBytes - size);
    return {Load8(text) | kLower, last | (kLower & first(size - 8))};
  }
  if (size == 8) return {Load8(text) | kLower, 0};
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < size; ++i)
    low = low << 8 | static_cast<unsigned char>(text[size - 1 - i]);
  return {low | (kLower & first(size)), 0};
}

struct Entry {
  Head head;
  std::uint8_t size = 0;
  FieldName name = FieldName::kOther;
};
// The known names, and behind them one that no field has.
constexpr std::array<Entry, std::size(kKnown) + 1> MakeEntries() {
  std::array<Entry, std::size(kKnown) + 1> entries{};
  for (std::size_t i = 0; i < std::size(kKnown); ++i) {
    const std::string_view text = kKnown[i].text;
    entries[i] = {HeadOf(text), static_cast<std::uint8_t>(text.size()), kKnown[i].name};
  }
  return entries;
}
constexpr std::array<Entry, std::size(kKnown) + 1> kEntries = MakeEntries();

// Numbers of names by a hash of the length and the head, in which no two known names meet: a name
// is compared with one of them at most. The factor was found by trying; the compiler checks it.
constexpr std::size_t kSlots = 256;
constexpr std::size_t SlotOf(const Head& head, std::size_t size) {
  const std::uint64_t mixed = head.low ^ head.high << 1 ^ std::uint64_t{size} << 56;
  return mixed * 0xda1101aa94a6300d >> 56;
}
constexpr std::array<std::uint8_t, kSlots> MakeSlots() {
  std::array<std::uint8_t, kSlots> slots{};
  slots.fill(std::size(kKnown));
  for (std::uint8_t i = 0; i < std::size(kKnown); ++i) {
    std::uint8_t& slot = slots[SlotOf(kEntries[i].head, kEntries[i].size)];
    if (slot != std::size(kKnown)) throw "two names in one slot";
    slot = i;
  }
  return slots;
}
constexpr std::array<std::uint8_t, kSlots> kSlotsOfNames = MakeSlots();

// Of a name that is longer than its head.
[[gnu::noinline]] FieldName LongNameOf(const char* line, std::uint8_t number) {
  const std::string_view known = kKnown[number].text;
  const bool same = EqualOctetsIgnoreCase(line, known.data(), known.size());
  return same ? kKnown[number].name : FieldName::kOther;
}

}  // namespace

FieldName FieldNameOf(std::string_view line, std::size_t size) {
  const Head head = HeadOf(line, size);
  const std::uint8_t number = kSlotsOfNames[SlotOf(head, size)];
  const Entry& entry = kEntries[number];
  if (entry.size != size || entry.head != head) return FieldName::kOther;
  return size > kHeadBytes ? LongNameOf(line.data(), number) : entry.name;
}

}  // namespace backscatter
