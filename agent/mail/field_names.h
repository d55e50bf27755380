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

// Of the first `size` octets of a line: printable ones, as FindField finds them, of which there are
// some; case is ignored. Cost: a few comparisons, one of them where the line has 16 octets.
FieldName FieldNameOf(std::string_view line, std::size_t size);
inline FieldName FieldNameOf(std::string_view name) { return FieldNameOf(name, name.size()); }

// A block of fields with one of these is the header of a message.
constexpr bool IsOfHeader(FieldName name) {
  return name >= FieldName::kReceived && name <= FieldName::kDkimSignature;
}
// With these alone it may be a summary of one.
constexpr bool MayBeOfHeader(FieldName name) {
  return name >= FieldName::kFrom && name <= FieldName::kLetterhead;
}

}  // namespace backscatter
