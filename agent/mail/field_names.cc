#include "agent/mail/field_names.h"

#include <algorithm>
#include <array>
#include <bit>
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
constexpr std::size_t kMaxNameBytes = 64;

constexpr Head HeadOf(std::string_view name) {
  Head head;
  for (std::size_t i = 0; i < std::min(name.size(), kHeadBytes); ++i) {
    const std::uint64_t octet = static_cast<unsigned char>(name[i]) | 0x20U;
    (i < 8 ? head.low : head.high) |= octet << 8 * (i % 8);
  }
  return head;
}

#if defined(__SSE2__)
__m128i LoadOctets(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

// Of a line of eight or more; zeros where it ends before the sixteenth.
__m128i FirstOctets(std::string_view line) {
  if (line.size() >= kHeadBytes) return LoadOctets(line.data());
  const std::size_t behind = line.size() - 8;  // the first eight
  const std::uint64_t last = Load8(line.data() + behind);
  const std::uint64_t high = behind == 0 ? 0 : last >> 8 * (8 - behind);
  return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(Load8(line.data())));
}

// The same of the first `size` of these octets, without a branch on the size: nobody can foretell
// it.
Head HeadOf(__m128i octets, std::size_t size) {
  static constexpr std::array<std::uint8_t, 2 * kHeadBytes> kOfName = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const __m128i of_name = LoadOctets(kOfName.data() + kHeadBytes - size);
  const __m128i head = _mm_and_si128(_mm_or_si128(octets, _mm_set1_epi8(0x20)), of_name);
  return {static_cast<std::uint64_t>(_mm_cvtsi128_si64(head)),
          static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(head, head)))};
}

// A bit for each octet that no name has: what is not printable, and the colon.
unsigned EndsIn(__m128i octets) {
  const __m128i others = _mm_or_si128(_mm_cmpeq_epi8(octets, _mm_set1_epi8(':')),
                                      _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f)));
  const __m128i in_name = _mm_andnot_si128(others, _mm_cmpgt_epi8(octets, _mm_set1_epi8(' ')));
  return static_cast<unsigned>(_mm_movemask_epi8(in_name)) ^ 0xffffU;
}
#endif

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

[[gnu::always_inline]] inline FieldName Find(const Head& head, std::string_view name) {
  const std::uint8_t number = kSlotsOfNames[SlotOf(head, name.size())];
  const Entry& entry = kEntries[number];
  if (entry.size != name.size() || entry.head != head) return FieldName::kOther;
  if (name.size() > kHeadBytes && !EqualsIgnoreCase(kKnown[number].text, name)) {
    return FieldName::kOther;
  }
  return entry.name;
}

// Where the name is long, the line short, or the colon away from it; and of what is no field.
// `end`: that many octets are known to be of the name.
[[gnu::noinline]] FieldStart FindOddField(std::string_view line, std::size_t end) {
  while (end < line.size() && end <= kMaxNameBytes && line[end] > ' ' && line[end] < 0x7f &&
         line[end] != ':') {
    ++end;
  }
  if (end == 0 || end > kMaxNameBytes || end == line.size()) return {};
  std::size_t colon = end;
  while (colon < line.size() && IsBlank(line[colon])) ++colon;
  if (colon == line.size() || line[colon] != ':') return {};
  return {FieldNameOf({line.data(), end}), end, colon + 1};
}

}  // namespace

FieldName FieldNameOf(std::string_view name) { return Find(HeadOf(name), name); }

FieldStart FindField(std::string_view line) {
  std::size_t end = 0;
#if defined(__SSE2__)
  if (line.size() >= 8) {
    const __m128i octets = FirstOctets(line);
    end = static_cast<std::size_t>(std::countr_zero(EndsIn(octets) | 1U << kHeadBytes));
    if (end == 0) return {};
    if (end < std::min(line.size(), kHeadBytes) && line[end] == ':') {
      return {Find(HeadOf(octets, end), {line.data(), end}), end, end + 1};
    }
  }
#endif
  return FindOddField(line, end);
}

}  // namespace backscatter
