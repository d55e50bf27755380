// RFC 3464: the fields of message/delivery-status (and of message/global-delivery-status), also
// where they stand in running text.
#pragma once

#include <string_view>

#include "agent/mail/header_fields.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// `rfc822; <a@b>` without type and brackets; also an LMTP, X.400 or local form as it is.
std::string_view ReportedAddress(std::string_view value);
DsnAction ParseDsnAction(std::string_view value);

// Collects groups into the facts. One object a message.
class DeliveryStatus {
 public:
  void Reset();
  // A field; others than those of RFC 3464 are ignored. True: it was one of them.
  bool OnField(const HeaderField& field, MessageFacts* facts);
  // A group without Final-Recipient takes the original one for it.
  // A blank line or the end of the part: the group ends.
  void EndGroup(MessageFacts* facts) {
    if (begun_) CloseGroup(facts);
  }

  // Groups with a recipient so far.
  std::uint32_t groups() const { return groups_; }

 private:
  bool OnRecipientField(const HeaderField& field, MessageFacts* facts);
  void CloseGroup(MessageFacts* facts);
  void Clear();

  ReportedRecipient group_;
  EnhancedStatus diagnostic_;
  bool begun_ = false;  // else the group is empty
  std::uint32_t groups_ = 0;
};

}  // namespace backscatter
