// Names of header and report fields, told apart once per field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace backscatter {

// Spellings that mean the same have one name here.
enum class FieldName : std::uint8_t {
  kOther,
  kReceived,
  kReturnPath,
  kMessageId,
  kReferences,
  kInReplyTo,
  kDkimSignature,
  kFrom,
  kTo,
  kSubject,
  kStatus,
  kPrecedence,
  kLetterhead,  // Date, Cc and the like: only that a letter has them counts
  kContentType,
  kContentTransferEncoding,
  kAutoSubmitted,
  kAutoreply,         // X-Autoreply and its spellings
  kChallenge,         // X-Boxtrapper and the like
  kNdr,               // X-MS-Exchange-Message-Is-Ndr and the like
  kComplaint,         // Feedback-Type and the like
  kFailedRecipients,  // X-Failed-Recipients
  kOriginalMessageId,
  kReportingMta,
  kOriginalEnvelopeId,
  kFinalRecipient,
  kOriginalRecipient,
  kAction,
  kDiagnosticCode,
};

// What the first line of a field begins with, in one register; false: it is no field.
class FieldStart {
 public:
  FieldStart() = default;
  FieldStart(FieldName name, std::size_t name_size, std::size_t value_at)
      : bits_(std::uint64_t{value_at} << 16 | name_size << 8 | static_cast<std::uint8_t>(name)) {}
  explicit operator bool() const { return bits_ != 0; }
  FieldName name() const { return static_cast<FieldName>(bits_ & 0xff); }
  std::size_t name_size() const { return bits_ >> 8 & 0xff; }
  std::size_t value_at() const { return bits_ >> 16; }  // behind the colon

 private:
  std::uint64_t bits_ = 0;
};

// `Name: value` or `Name : value` (RFC 5322 section 2.2; a name of at most 64 octets).
FieldStart FindField(std::string_view line);

// Of printable octets; case is ignored. Cost: a few comparisons.
FieldName FieldNameOf(std::string_view name);

// A block of fields with one of these is the header of a message.
constexpr bool IsOfHeader(FieldName name) {
  return name >= FieldName::kReceived && name <= FieldName::kDkimSignature;
}
// With these alone it may be a summary of one.
constexpr bool MayBeOfHeader(FieldName name) {
  return name >= FieldName::kFrom && name <= FieldName::kLetterhead;
}

}  // namespace backscatter
