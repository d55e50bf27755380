// What a message is, from all that was seen of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/mail/bounce_text.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// Signs of the message itself, not of what it returns.
struct MessageSigns {
  // Structure.
  bool multipart_report = false;
  bool report_delivery = false;     // report-type=delivery-status
  bool report_disposition = false;  // report-type=disposition-notification
  bool report_feedback = false;
  bool report_tls = false;
  bool delivery_part = false;  // the machine-readable part itself
  bool disposition_part = false;
  bool feedback_part = false;
  bool tls_part = false;
  bool returned_part = false;  // a message or its headers are enclosed
  std::uint32_t reported = 0;  // recipient groups of the message itself
  // Header fields.
  bool null_sender = false;  // MAIL FROM:<>, or Return-Path: <>
  bool daemon_from = false;
  bool failed_recipients = false;  // X-Failed-Recipients and its like
  bool group_recipient = false;    // one of them at a host of groups or lists
  bool ndr_header = false;         // other fields that only failure reports have
  bool auto_replied = false;       // Auto-Submitted: auto-replied
  bool auto_generated = false;
  bool rejected = false;  // Auto-Submitted: auto-replied (rejected)
  bool autoreply_header = false;
  bool challenge_header = false;
  bool complaint_header = false;
  bool re_or_forward = false;  // "Re:", "Fwd:"
  std::uint16_t subject = 0;   // Saying
};

// Local part or display name of a From that only mail systems use.
bool IsDaemonFrom(std::string_view value, std::string_view address);

// Sets kind and looks_bounce. `facts` has all else.
void Classify(const MessageSigns& signs, const BounceText& text, MessageFacts* facts);

}  // namespace backscatter
