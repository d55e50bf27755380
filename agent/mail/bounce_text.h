// Running text of a bounce: what it says, whom it names, and the returned message that it quotes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ascii.h"
#include "agent/mail/charset.h"
#include "agent/mail/delivery_status.h"
#include "agent/mail/header_fields.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// How sure it is that an address is one that failed; the smallest wins.
enum class Naming : std::uint8_t {
  kHeader,    // a header field names it
  kOwnLine,   // a line begins with it, or is nothing else
  kLabelled,  // behind "recipient:", "to:" and the like, or in a sentence about failure
  kNear,      // beside or below such a sentence
  kReturned,  // recipient of the returned message
  kAny,
  kNobody,
};

class BounceText {
 public:
  // `converter` must outlive it.
  explicit BounceText(CharsetConverter* converter) : converter_(*converter) {}
  void Reset();
  // As of FieldAssembler.
  void Borrow(std::string_view octets) { returned_.Borrow(octets); }
  void Settle() { returned_.Settle(); }
  // Whom the report itself goes to and comes from: not the failed recipient, unless nothing else
  // is named. The views must live until Reset.
  void SetCorrespondents(std::string_view to, std::string_view from) {
    own_to_ = to;
    own_from_ = from;
  }

  // A decoded line of the report's own text.
  [[gnu::noinline]] void OnLine(std::string_view line, std::string_view charset,
                                DeliveryStatus* report, MessageFacts* facts);
  // A decoded line of a returned message's text: only quoted headers count.
  void OnReturnedLine(std::string_view line, MessageFacts* facts) {
    if (region_ == Region::kReport) region_ = Region::kReturnedText;
    if (region_ == Region::kReturnedHeaders || MayBeginHeader(line)) TakeReturnedLine(line, facts);
  }
  // A header field of a returned message. `enclosed`: in a part of its own, not quoted.
  void OnReturnedField(const HeaderField& field, bool enclosed, MessageFacts* facts);
  void EndPart(DeliveryStatus* report, MessageFacts* facts);

  void NameRecipient(std::string_view address, Naming naming);

  std::uint16_t sayings() const { return sayings_; }
  bool says(std::uint16_t saying) const { return (sayings_ & saying) != 0; }
  // Lines of RFC 3464 in running text.
  bool has_report_fields() const { return report_fields_; }
  Naming naming() const { return naming_; }
  const std::vector<std::string>& named() const { return named_; }
  const EnhancedStatus& status() const { return status_; }

 private:
  enum class Region : std::uint8_t { kReport, kReturnedHeaders, kReturnedText };

  // The first octet of a field that IsOfHeader, perhaps behind marks of quoting, tells most lines
  // of a text from one.
  static bool MayBeginHeader(std::string_view line) {
    if (line.empty()) return false;
    const char first = ToLower(line.front());
    return first == 'r' || first == 'm' || first == 'i' || first == 'd' || first == '>' ||
           first == '|';
  }
  [[gnu::noinline]] void TakeReturnedLine(std::string_view line, MessageFacts* facts);
  void ReadReportLine(std::string_view line, std::string_view charset);
  void ReadAddresses(std::string_view line, std::uint16_t says);
  Naming NamingOf(std::string_view before, std::string_view behind, std::uint16_t says) const;
  void OnReturnedMessageId(std::string_view value, bool enclosed, MessageFacts* facts);
  // `field`: what SplitField says of the line.
  bool TakeReturnedHeader(std::string_view line, const std::optional<HeaderField>& field,
                          MessageFacts* facts);
  void EndReturnedHeaders(MessageFacts* facts);

  FieldAssembler returned_;
  CharsetConverter& converter_;
  std::string text_;   // scratch
  std::string lower_;  // scratch
  std::string_view own_to_;
  std::string_view own_from_;
  std::vector<std::string> named_;
  EnhancedStatus status_;
  Naming naming_ = Naming::kNobody;
  Region region_ = Region::kReport;
  std::uint16_t sayings_ = 0;
  std::uint16_t enclosed_ids_ = 0;
  std::uint16_t lately_ = 0;  // said by the last lines with text
  bool strong_header_ = false;
  bool report_fields_ = false;
};

}  // namespace backscatter
